"""`%%schema`, `%%query`, `%%mutation`, `%%action`, `%%cron`, `%%auth`: cells that define things.

Owns:  reading their options, handing their code to the backend, the line that says what changed.
Must not know: what a cell's code means; that is `nbconvex.functions.cells`.
Invariants: a cell replaces exactly what it had defined. A cell with an error changes nothing. Errors are those of the
       cell: its lines, no frames of ours.
Threads: the kernel's main thread.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from IPython.core.error import UsageError
from IPython.core.magic import Magics, magics_class

from nbconvex.errors import CallerError, SchemaViolatedError
from nbconvex.functions.command_words import parse_arguments, unquoted
from nbconvex.functions.deploy import define_value_cell
from nbconvex.functions.sql_source import sql_cell
from nbconvex.notebook.auth_commands import provider_lines
from nbconvex.notebook.card import Lines, Listing
from nbconvex.notebook.cell_source import CellSource, cell_origin
from nbconvex.notebook.command_line import HelpWanted, read_words, short_errors
from nbconvex.notebook.cron_cells import define_cron
from nbconvex.notebook.live import show_live
from nbconvex.notebook.schema_report import schema_lines, schema_listing
from nbconvex.notebook.session import Session
from nbconvex.notebook.shell_words import cell_arguments, display, line_cell_magic, no_var_expand

if TYPE_CHECKING:
    from nbconvex.functions.deploy import CellReport
    from nbconvex.functions.run import Kind

#: How long a defining cell waits to hear how the live queries fare that follow it.
_LIVE_WAIT_S: Final = 0.5


def read_options(magic: Any, line: str) -> argparse.Namespace:
    """The options of a magic made with `magic_arguments`. Raises: HelpWanted, UsageError."""
    words = read_words(line)
    if "--help" in words or "-h" in words:
        raise HelpWanted(magic.__doc__)
    options: argparse.Namespace = magic.parser.parse_args(words)
    return options


@magics_class
class CellMagics(Magics):
    """The defining cells of one notebook."""

    def __init__(self, session: Session) -> None:
        super().__init__(session.shell)
        self._session = session

    @no_var_expand
    @cell_arguments("schema")
    @line_cell_magic
    def schema(self, line: str, cell: str | None = None) -> None:
        """Define tables and indexes.

        Every top-level name that is bound to a table({...}) becomes a table. The documents that are there are checked;
        either the whole schema is swapped, or nothing changes and you are told what does not fit.

            %%schema
            users = table({"name": v.string(), "age": v.optional(v.number())}).index("by_name", ["name"])
        """
        __tracebackhide__ = True
        with short_errors():
            options = read_options(self.schema, line)
            backend = self._session.backend
            if cell is None:
                schema = backend.database.snapshot.schema
                display(schema_listing(None if schema is None else schema.definition))
                return
            source = CellSource.of(self._session.shell, "schema", line, cell)
            with cell_errors(self._session, source), migrations_offered(self._session):
                report = backend.define_schema_cell(
                    source.padded,
                    namespace=self._session.shell.user_ns,
                    filename=source.filename,
                    validate=not options.no_validation,
                    check_only=options.check_only,
                )
            display(schema_lines(report, is_check_only=options.check_only))

    @no_var_expand
    @cell_arguments("query")
    @line_cell_magic
    def query(self, line: str, cell: str | None = None) -> None:
        """Define queries: functions that read, are cached, and can be followed live.

        Every top-level def whose first parameter is ctx becomes the query MODULE:name.

            %%query messages
            def newest(ctx, channel: str, count: int = 10):
                return ctx.db.query("messages").with_index("by_channel", channel=channel).order("desc").take(count)

        With --sql the cell is one SELECT, whose $names are the arguments:

            %%query messages:per_channel --sql --args "least: float = 0"
            SELECT channel, count(*) AS messages FROM messages GROUP BY channel HAVING count(*) >= $least
        """
        __tracebackhide__ = True
        self._define("query", self.query, line, cell)

    @no_var_expand
    @cell_arguments("mutation")
    @line_cell_magic
    def mutation(self, line: str, cell: str | None = None) -> None:
        """Define mutations: functions that read and write, all of it or nothing.

        Every top-level def whose first parameter is ctx becomes the mutation MODULE:name.

            %%mutation messages
            def send(ctx, channel: str, body: str):
                return ctx.db.insert("messages", {"channel": channel, "body": body})
        """
        __tracebackhide__ = True
        self._define("mutation", self.mutation, line, cell)

    @no_var_expand
    @cell_arguments("action")
    @line_cell_magic
    def action(self, line: str, cell: str | None = None) -> None:
        """Define actions: functions that reach out to the world; they may be async, and call queries and mutations.

        Every top-level def whose first parameter is ctx becomes the action MODULE:name.

            %%action weather
            async def refresh(ctx, city: str):
                ctx.run_mutation(api.weather.store, city=city, degrees=await fetch(city))
        """
        __tracebackhide__ = True
        self._define("action", self.action, line, cell)

    @no_var_expand
    @cell_arguments("cron")
    @line_cell_magic
    def cron(self, line: str, cell: str | None = None) -> None:
        """Have a call recur. The cell is the call; it is made when it is due, not now.

            %%cron report --daily 09:00 --tz Europe/Berlin
            internal.reports.send(to="ada")

        Running the cell again replaces the cron; a cell that becomes something else has none. %convex crons lists them.
        """
        __tracebackhide__ = True
        with short_errors():
            options = read_options(self.cron, line)
            if cell is None:
                # Not at the top: loading the extension is to stay quick.
                from nbconvex.notebook.schedule_commands import crons_listing

                display(crons_listing(self._session.backend))
                return
            source = CellSource.of(self._session.shell, "cron", line, cell)
            with cell_errors(self._session, source):
                display(define_cron(self._session, options, source))

    @no_var_expand
    @cell_arguments("auth")
    @line_cell_magic
    def auth(self, line: str, cell: str | None = None) -> None:
        """Say who may vouch for callers, as an auth.config does.

        The list that is bound to providers takes the place of what this cell, or another one of its kind, had said.

            %%auth
            import os
            providers = [{"domain": os.environ["CLERK_JWT_ISSUER_DOMAIN"], "applicationID": "convex"}]
        """
        __tracebackhide__ = True
        with short_errors():
            read_options(self.auth, line)
            if cell is None:
                display(provider_lines(self._session))
                return
            auth = self._session.backend.auth
            source = CellSource.of(self._session.shell, "auth", line, cell)
            with cell_errors(self._session, source):
                define_value_cell(
                    source.padded,
                    "providers",
                    auth.declare,
                    namespace=self._session.shell.user_ns,
                    filename=source.filename,
                    example='providers = [{"domain": "https://your-issuer.example", "applicationID": "convex"}]',
                )
            display(provider_lines(self._session))

    def _define(self, kind: Kind, magic: Any, line: str, cell: str | None) -> None:
        __tracebackhide__ = True
        with short_errors():
            options = read_options(magic, line)
            if cell is None:
                display(self._listing(kind))
                return
            self._define_functions(kind, line, cell, options)

    def _define_functions(self, kind: Kind, line: str, cell: str, options: argparse.Namespace) -> None:
        __tracebackhide__ = True
        # Read before anything is defined: a line with a mistake must change nothing.
        live = getattr(options, "live", None)
        arguments = None if live is None else parse_arguments(read_words(unquoted(live)))
        is_sql = getattr(options, "sql", False)
        if not is_sql and getattr(options, "args", None) is not None:
            raise UsageError("--args belongs to SQL; a def says in its own parameters what it takes.")
        source = CellSource.of(self._session.shell, kind, line, cell)
        with cell_errors(self._session, source):
            module, code = options.module, source.padded
            if is_sql:
                args = None if options.args is None else unquoted(options.args)
                module, code = sql_cell(unquoted(module), code, args, self._session.backend.sql_parameters)
            report = self._session.backend.define_cell(
                kind,
                code,
                module=module,
                internal=options.internal,
                origin=cell_origin(self._session.shell),
                namespace=self._session.shell.user_ns,
                filename=source.filename,
            )
        display(report_lines(report, self._session))
        if arguments is not None and report.paths:
            display(show_live(self._session, report.paths[0], arguments))

    def _listing(self, kind: str) -> Listing:
        functions = self._session.backend.registry.functions.values()
        rows = [[each.name, each.visibility] for each in functions if each.kind == kind]
        return Listing(f"each {kind}", ["function", "visibility"], sorted(rows), empty=f"No {kind} is defined yet.")


def report_lines(report: CellReport, session: Session) -> Lines:
    """What is new, changed and gone after a defining cell, how many live queries follow, and which of them fail."""
    parts = [
        f"{word} {', '.join(path.removesuffix(':default') for path in paths)}"
        for word, paths in (("new", report.added), ("changed", report.changed), ("gone", report.removed))
        if paths
    ]
    if report.live_queries:
        parts.append(f"{report.live_queries} live {'query follows' if report.live_queries == 1 else 'queries follow'}")
    lines = [("✓", " · ".join(parts) or "nothing changed")]
    return Lines(lines + [("!", note) for note in (*report.notes, *_live_problems(report, session))])


def _live_problems(report: CellReport, session: Session) -> Iterator[str]:
    """What becomes of the live queries that follow, if that is soon known; otherwise their views show it."""
    live = session.backend.live
    if not report.live_queries or not live.settle(_LIVE_WAIT_S):
        return
    for path, error in live.failing((*report.added, *report.changed, *report.removed)).items():
        reason = str(error).partition("\n")[0]
        yield f"The live query {path.removesuffix(':default')} fails now: {type(error).__name__}: {reason}"


@contextmanager
def migrations_offered(session: Session) -> Iterator[None]:
    """Show the cells that would make the data fit where a schema is refused for it."""
    __tracebackhide__ = True
    session.migration_drafts = {}
    try:
        yield
    except SchemaViolatedError as error:
        # Not at the top: loading the extension is to stay quick.
        from nbconvex.notebook.schema_report import migration_offers

        session.migration_drafts, offers = migration_offers(session.backend, error)
        for each in offers:
            display(each)
        raise


@contextmanager
def cell_errors(session: Session, source: CellSource) -> Iterator[None]:
    """Mark a syntax error of the cell as such, for how it was compiled is nobody's affair; name an overwritten name."""
    try:
        yield
    except SyntaxError as error:
        error.nbconvex_cell = error.filename == source.filename  # type: ignore[attr-defined]
        raise
    except (AttributeError, TypeError) as error:
        name = _overwritten(session, error, source)
        if name is None:
            raise
        raise CallerError(
            f"the name {name} was overwritten in this notebook, and is not nbconvex's any more ({error}).",
            hint=f"from nbconvex import {name}",
        ).with_traceback(error.__traceback__) from None  # fmt: skip


def _overwritten(session: Session, error: AttributeError | TypeError, source: CellSource) -> str | None:
    """The name of ours that the notebook has bound to something else, if that is what `error` comes from."""
    for name, value in session.overwritten().items():
        if isinstance(error, AttributeError):
            if error.obj is value:
                return name
        elif f"'{type(value).__name__}' object is not" in str(error) and re.search(rf"\b{name}\b", source.padded):
            return name
    return None
