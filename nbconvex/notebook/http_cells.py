"""`%%http METHOD PATH`: cells that define endpoints.

Owns:  reading the options, handing the code to the backend, the card with the URL and a line for curl.
Must not know: what a cell's code means; how requests come in.
Invariants: as of all defining cells: a cell replaces exactly what it had defined, a cell with an error changes nothing.
The endpoint is there when the card is: the cell starts the server.
Threads: the kernel's main thread.
"""

from __future__ import annotations

import argparse
import re
import shlex
from typing import TYPE_CHECKING

from IPython.core.error import UsageError
from IPython.core.magic import Magics, magics_class

from nbconvex.errors import CallerError
from nbconvex.functions.cell_options import endpoint_settings
from nbconvex.functions.command_words import unquoted
from nbconvex.functions.http_cors import cors_words
from nbconvex.notebook.card import Card
from nbconvex.notebook.cell_magics import cell_errors, read_options
from nbconvex.notebook.cell_source import CellSource, cell_origin
from nbconvex.notebook.command_line import short_errors
from nbconvex.notebook.http_commands import routes_listing
from nbconvex.notebook.server_commands import seen_addresses
from nbconvex.notebook.session import Session
from nbconvex.notebook.shell_words import cell_arguments, display, line_cell_magic, no_var_expand

if TYPE_CHECKING:
    from nbconvex.functions.endpoints import EndpointReport
    from nbconvex.functions.http_routes import Route

_BODIES = frozenset({"POST", "PUT", "PATCH"})
#: How Express, Flask, FastAPI and Next.js write a variable in a path.
_VARIABLE = re.compile(r"/(:\w+|<[\w:]+>|\{\w+\}|\[\w+\])")


@magics_class
class HttpMagics(Magics):
    """The endpoint cells of one notebook."""

    def __init__(self, session: Session) -> None:
        super().__init__(session.shell)
        self._session = session

    @no_var_expand
    @cell_arguments("http")
    @line_cell_magic
    def http(self, line: str, cell: str | None = None) -> None:
        """Define an endpoint: a function that answers HTTP requests of anybody, at the site address.

        The one def whose first parameter is ctx is the handler. It is an action, may be async, and answers a dict or
        list (JSON), a text, bytes, None or a Response. Browsers may use it from any page (CORS), unless told otherwise.

            %%http POST /messages
            def handler(ctx, request):
                message = request.json()
                return {"id": ctx.run_mutation(api.messages.send, **message)}
        """
        __tracebackhide__ = True
        with short_errors():
            options = read_options(self.http, line)
            if cell is None:
                display(routes_listing(self._session))
                return
            if options.method is None or options.path is None:
                raise UsageError("%%http wants a method and a path: %%http GET /hello")
            self._define(line, cell, options)

    def _define(self, line: str, cell: str, options: argparse.Namespace) -> None:
        __tracebackhide__ = True
        session = self._session
        source = CellSource.of(session.shell, "http", line, cell)
        origin = cell_origin(session.shell)
        with cell_errors(session, source):
            report = session.backend.http.define_cell(
                unquoted(options.method),
                unquoted(options.path),
                source.padded,
                origin=origin,
                namespace=session.shell.user_ns,
                filename=source.filename,
                **endpoint_settings(options),
            )
        if origin is not None:
            # The cell may have defined functions before.
            session.backend.registry.replace(origin, ())
        display(_card(session, report))


def _card(session: Session, report: EndpointReport) -> Card:
    route = report.route
    problem = ""
    try:
        session.serve()
    except CallerError as error:
        # The endpoint is defined; that nobody can reach it is another matter.
        problem = str(error)
    pairs = []
    seen = seen_addresses(session)
    if seen is not None:
        url = seen.site + route.path
        pairs = [("url", url), ("try it", _curl(route, url))]
    words = cors_words(route.cors, session.backend.http.origins)
    pairs.append(
        ("CORS", f"{words}: browsers keep its answers from pages of other origins" if words == "off" else words)
    )
    if route.needs_identity:
        pairs.append(("auth", "401 unless somebody is signed in"))
    literal = _taken_as_it_stands(route.path)
    gone = [f"gone {', '.join(report.change.removed)}"] if report.change.removed else []
    taken = ["it was another cell's before"] if report.change.taken_over else []
    note = " · ".join(
        [*literal, *gone, *taken, *([problem] if problem else []), *([seen.note] if seen and seen.note else [])]
    )
    is_new = route.name in report.change.added
    # What opens in a tab is asked with GET.
    links = ["url"] if route.method == "GET" else []
    return Card(
        f"{route.name} {'is there' if is_new else 'is changed'}", pairs, note=note, links=links, code=["try it"]
    )


def _taken_as_it_stands(path: str) -> list[str]:
    """A note where a path has what elsewhere stands for a variable."""
    found = _VARIABLE.search(path)
    if found is None:
        return []
    star = f"{path[: found.start()]}/*"
    return [f"{found[1]} stands for itself, not for a variable; {star} is everything below, as request.rest"]


def _curl(route: Route, url: str) -> str:
    """A line for a terminal that asks the endpoint."""
    words = ["curl", *([] if route.method == "GET" else ["-X", route.method])]
    if route.method in _BODIES:
        words += ["-H", "Content-Type: application/json", "-d", "{}"]
    if route.needs_identity:
        words += ["-H", "Authorization: Bearer TOKEN"]
    return shlex.join([*words, url])
