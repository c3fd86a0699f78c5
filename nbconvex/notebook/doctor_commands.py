"""`%convex doctor`: what keeps an address from working, check by check.

Owns:  the command, and the table of what it can look at, to which modules of commands add.
Must not know: how anything is looked at, what answers mean.
Threads: the kernel's main thread; the server answers in its own.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from nbconvex.errors import CallerError
from nbconvex.functions.command_words import unquoted
from nbconvex.notebook.card import Lines
from nbconvex.notebook.command_line import nearest
from nbconvex.notebook.command_table import argument, command

if TYPE_CHECKING:
    from nbconvex.notebook.session import Session

Look = Callable[["Session", str, argparse.Namespace], Lines]

#: What the doctor can look at, by its word.
LOOKS: Final[dict[str, Look]] = {}
#: What needs no URL: the backend itself can be looked at.
WITHOUT_URL: Final[set[str]] = set()
#: The origin that a page is assumed to have.
ORIGIN: Final = "https://app.example.org"


@command(
    "doctor",
    "Ask an endpoint as a browser would (cors), as curl would (http), or with tokens (auth), and say what is wrong and "
    "what cures it.",
    argument("what", help="what to look at: cors, http or auth"),
    argument("url", nargs="?", help="the endpoint's URL, or its path; with auth also the API address, by default ours"),
    argument("--origin", help=f"the origin of the page ({ORIGIN})"),
    argument("--method", help="the method (GET, or that of the endpoint's only route)"),
    argument("--token", help="with auth: a token to try"),
    epilog="example:  %convex doctor cors /hello --origin http://localhost:5173",
)
def _doctor(session: Session, options: argparse.Namespace) -> Lines:
    __tracebackhide__ = True
    look = LOOKS.get(options.what)
    if look is None:
        raise CallerError(
            f'%convex doctor cannot look at "{options.what}".{nearest(options.what, LOOKS)} It can look at: '
            f"{', '.join(LOOKS)}.",
            hint="%convex doctor cors /hello",
        )
    return look(session, _url(session, options), options)


def _url(session: Session, options: argparse.Namespace) -> str:
    """The URL that is meant: a path alone is one of our own endpoints'; none is our API address, where that will do."""
    if options.url is None and options.what in WITHOUT_URL:
        return session.serve().url
    if options.url is None:
        raise CallerError(
            f"%convex doctor {options.what} wants the URL of an endpoint.", hint=f"%convex doctor {options.what} /hello"
        )
    url = str(unquoted(options.url))
    if url.startswith("/"):
        # Within this machine, whatever a browser has to go through.
        return session.serve().site_url + url
    if urlsplit(url).scheme not in {"http", "https"}:
        raise CallerError(f"{url} is no address.", hint=f"%convex doctor {options.what} http://127.0.0.1:3211/hello")
    return url
