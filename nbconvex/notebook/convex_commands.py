"""What `%convex WORD` does, one function a word.

Owns:  the commands, their options and their answers; those about the server are in `server_commands`,
those about callers in `auth_commands`, those about files in `file_commands`.
Must not know: IPython; how an answer is displayed. A command answers with an object that has an HTML and a plain form.
Threads: the kernel's main thread.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import nbconvex.notebook.auth_doctor
import nbconvex.notebook.check_commands
import nbconvex.notebook.data_commands
import nbconvex.notebook.doctor_commands  # noqa: F401 - for the commands that it adds
from nbconvex.errors import CallerError
from nbconvex.functions.command_words import unquoted
from nbconvex.notebook import backup_commands as _backup_commands  # noqa: F401 - it adds its commands to the table
from nbconvex.notebook import check_commands as _check_commands  # noqa: F401 - it adds its command to the table
from nbconvex.notebook import dashboard_commands as _dashboard_commands  # noqa: F401 - it adds its command to the table
from nbconvex.notebook import env_commands as _env_commands  # noqa: F401 - it adds its command to the table
from nbconvex.notebook import file_commands as _file_commands  # noqa: F401 - it adds its commands to the table
from nbconvex.notebook import log_commands as _log_commands  # noqa: F401 - it adds its command to the table
from nbconvex.notebook import run_commands as _run_commands  # noqa: F401 - it adds its command to the table
from nbconvex.notebook import schema_commands as _schema_commands  # noqa: F401 - it adds its command to the table
from nbconvex.notebook.auth_commands import acting_text
from nbconvex.notebook.card import Card, Lines, Listing, Result
from nbconvex.notebook.command_line import nearest
from nbconvex.notebook.command_table import COMMANDS, argument, command, in_order
from nbconvex.notebook.declarations import load_file
from nbconvex.notebook.migration_commands import migrations_listing  # noqa: F401 - importing it adds its command
from nbconvex.notebook.picture import ROWS_MAX
from nbconvex.notebook.schedule_commands import job_rows  # noqa: F401 - importing it adds its commands
from nbconvex.notebook.server_commands import server_line
from nbconvex.notebook.session import IN_MEMORY, Session
from nbconvex.notebook.sizes import shown_size

__all__ = ["COMMANDS", "find_command", "short_validator"]

#: Documents that `%convex data TABLE` shows unless told otherwise.
DOCUMENTS_SHOWN: Final = 100


_OPTIONAL: Final = re.compile(r"\Av\.optional\((.*)\)\Z", re.DOTALL)
_EMPTY_CALL: Final = re.compile(r"\bv\.(\w+)\(\)")
_CALL: Final = re.compile(r"\bv\.(\w+)(\()")


@command(
    "status", "The store, tables, functions, live views, the server, how many calls there were and how many failed."
)
def _status(session: Session, _options: argparse.Namespace) -> Card:
    if not session.is_open:
        store = f"{session.shown_path} (opens with the first cell that needs it)"
        return Card("nbconvex", [("store", store), ("server", server_line(session))])
    backend = session.backend
    functions = backend.registry.functions.values()
    kinds = {kind: sum(each.kind == kind for each in functions) for kind in ("query", "mutation", "action")}
    if len(backend.triggers):
        kinds["trigger"] = len(backend.triggers)
    tables = _tables(session)
    documents = sum(count for _, count in tables)
    following = sum(view.is_following for view in session.views)
    calls = list(backend.logs)
    failed = sum(record.error is not None for record in calls)
    return Card(
        "nbconvex",
        [
            ("store", _store(session)),
            ("tables", f"{len(tables):,} with {_counted(documents, 'document')}"),
            ("functions", ", ".join(_counted(count, kind) for kind, count in kinds.items())),
            ("live views", f"{following:,} following"),
            *([("calling as", acting_text(session.acting))] if session.acting else []),
            ("server", server_line(session)),
            ("calls", f"{len(calls):,} in the log, {failed:,} failed" if calls else "none yet"),
        ],
        note="%convex help lists what else there is.",
    )


@command(
    "functions",
    "The functions that are defined: kind, visibility, arguments, results.",
    argument("--internal", action="store_true", help="only those that clients cannot call"),
    argument("--json", action="store_true", help="as JSON, validators and endpoints included"),
)
def _functions(session: Session, options: argparse.Namespace) -> Listing | Result:
    if options.json:
        return _spec(session, only_internal=options.internal)
    functions = sorted(session.backend.registry.functions.values(), key=lambda each: each.path)
    rows = [
        [each.name, each.kind, each.visibility, _arguments(each), short_validator(each.returns)]
        for each in functions
        if each.is_internal or not options.internal
    ]
    rows += [[each.name, "trigger", "internal", "change", ""] for each in session.backend.triggers]
    return Listing(
        "functions",
        ["function", "kind", "visibility", "arguments", "returns"],
        rows,
        empty="No functions yet. A cell that begins with %%query defines some.",
    )


def _spec(session: Session, *, only_internal: bool) -> Result:
    # Not at the top: few ask for it.
    from nbconvex.codegen.function_spec import function_spec

    backend = session.backend
    functions = [each for each in backend.registry.functions.values() if each.is_internal or not only_internal]
    spec = function_spec(functions, () if only_internal else backend.http.routes.table)
    return Result(spec, title="functions", as_json=True)


@command(
    "data",
    "The tables, or the documents of one.",
    argument("table", nargs="?", help="show this table's documents"),
    argument("--limit", type=int, default=DOCUMENTS_SHOWN, help=f"how many documents ({DOCUMENTS_SHOWN})"),
    argument("--newest", action="store_true", help="the newest first"),
    argument("--json", action="store_true", help="as JSON"),
    takes="table",
)
def _data(session: Session, options: argparse.Namespace) -> Listing | Result:
    tables = dict(_tables(session))
    if options.table is None:
        rows = [[name, f"{count:,}"] for name, count in sorted(tables.items())]
        return Listing("tables", ["table", "documents"], rows, empty="No tables yet.", numeric=[False, True])
    if options.table not in tables:
        known = ", ".join(sorted(tables)) or "none yet"
        raise CallerError(f'there is no table "{options.table}".{nearest(options.table, tables)} Tables: {known}.')
    limit = max(1, min(options.limit, ROWS_MAX))
    transaction = session.backend.database.begin(writable=False, reader="%convex data")
    query = transaction.query(options.table).order("desc" if options.newest else "asc")
    documents = query.take(limit)
    count = tables[options.table]
    status = f"{len(documents):,} of {count:,} documents" if len(documents) < count else _counted(count, "document")
    return Result(documents, title=options.table, status=status, as_json=options.json)


@command(
    "reset",
    "Delete all documents, all tables and the schema; or only the documents of one table. Functions stay.",
    argument("table", nargs="?", help="only the documents of this one; it and the schema stay"),
    argument("--yes", action="store_true", help="do it; without it nothing is deleted"),
    takes="table",
)
def _reset(session: Session, options: argparse.Namespace) -> Lines:
    __tracebackhide__ = True
    tables = _tables(session)
    if options.table:
        return _empty(session, unquoted(options.table), dict(tables), is_meant=options.yes)
    documents = sum(count for _, count in tables)
    what = f"{_counted(documents, 'document')} in {_counted(len(tables), 'table')} of {session.shown_path}"
    if not options.yes:
        return Lines([("!", f"This would delete {what}."), ("", "To do it: %convex reset --yes")])
    had_schema = session.backend.database.snapshot.schema is not None
    session.backend.reset()
    schema = " The schema is gone too: run the %%schema cell to have it again." if had_schema else ""
    return Lines([("✓", f"Deleted: {what}. Functions stay.{schema}")])


def _empty(session: Session, name: str, tables: dict[str, int], *, is_meant: bool) -> Lines:
    """Delete the documents of one table, in one commit, as an import does that replaces them by none."""
    if name not in tables:
        raise CallerError(f'there is no table "{name}".{nearest(name, tables)}')
    what = f"{_counted(tables[name], 'document')} of {name}"
    if not is_meant:
        return Lines([("!", f"This would delete {what}."), ("", f"To do it: %convex reset {name} --yes")])
    session.backend.import_data([], name, mode="replace")
    return Lines([("✓", f"Deleted: {what}. The table stays.")])


@command(
    "open",
    "Work on another store from now on, or load the functions of a Python file.",
    argument("path", help="a store's file, :memory:, or a file of functions: app.py"),
    takes="file",
)
def _open(session: Session, options: argparse.Namespace) -> Lines:
    __tracebackhide__ = True
    path = unquoted(options.path)
    if path.endswith(".py"):
        return load_file(session, Path(path).expanduser())
    session.open(path)
    opened = f"{_store(session)} is open"
    if path == IN_MEMORY:
        opened = "A store in memory is open, and nothing in it is kept"
    return Lines([("✓", f"{opened}. Run your %%schema and function cells again for it.")])


@command("close", "Stop live views and the server, close the store's file; the next cell that needs it opens it again.")
def _close(session: Session, _options: argparse.Namespace) -> Lines:
    path = session.path
    return Lines(
        [
            ("✓", f"{path} is closed. Its functions are defined again by running their cells.")
            if session.close_store()
            else ("", f"{path} was not open.")
        ]
    )


@command(
    "codegen",
    "Write the types of functions and tables for a web app (api.js, api.d.ts, dataModel.d.ts), or openapi.json.",
    argument("folder", nargs="?", help="the web app's convex folder; the files go into _generated in it"),
    argument("--watch", action="store_true", help="and again after each cell that changes them"),
    argument("--stop", action="store_true", help="end --watch"),
    argument("--openapi", action="store_true", help="write openapi.json into the folder instead: endpoints, functions"),
    epilog="example:  %convex codegen ../my-app/convex --watch",
)
def _codegen(session: Session, options: argparse.Namespace) -> Card | Lines:
    from nbconvex.notebook.codegen_commands import write_types_for

    return write_types_for(session, options)


@command("nest", "Let asyncio.run() work in cells (nbconvex itself does not need it).")
def _nest(_session: Session, _options: argparse.Namespace) -> Lines:
    from nbconvex.notebook.nest import allow_nested_run

    return Lines([("", allow_nested_run())])


@command(
    "help",
    "What there is, or the options of one command.",
    argument("word", nargs="?", metavar="COMMAND", help="one of the commands"),
)
def _help(_session: Session, options: argparse.Namespace) -> Listing | Lines:
    if options.word is not None:
        return Lines([("", COMMANDS[find_command(options.word)].parser.format_help())])
    cells = [
        ("%%schema", "Tables and indexes. Checks the data that is there, then swaps, or changes nothing."),
        ("%%query [MODULE]", "Every function with ctx first becomes a query: it reads, and can be followed live."),
        ("%%mutation [MODULE]", "Likewise, functions that write: all of it or nothing."),
        ("%%action [MODULE]", "Likewise, functions that reach out; they may be async."),
        ("%%cron NAME --every 5m", "The call in the cell recurs; also --daily 09:00, --weekly mon 09:00 and more."),
        ("%%migration NAME --table T", "Changes the documents of a table, batch by batch, each of them once."),
        ("%%http METHOD PATH", "An endpoint: a function that answers HTTP requests of anybody, with CORS."),
        ("%%exercise NAME", "Attaches a check to an exercise of a notebook for learners."),
        ("%%auth", "Who may vouch for callers: providers = [...], as in an auth.config."),
        ("%live MODULE:QUERY name=value", "A table that follows the data."),
    ]
    commands = [(f"%convex {each.name}", each.summary) for each in in_order()]
    return Listing(
        "nbconvex: --help after any of these lines tells more; for cells %query --help, with one %",
        ["write", "what it does"],
        cells + commands,
    )


def find_command(word: str) -> str:
    """The command that `word` names. Raises: CallerError with the nearest one."""
    if word in COMMANDS:
        return word
    known = ", ".join(each.name for each in in_order())
    raise CallerError(f'%convex has no "{word}".{nearest(word, COMMANDS)} There are: {known}.')


def _tables(session: Session) -> list[tuple[str, int]]:
    """The user's tables and how many documents each has."""
    tables: Iterable[Any] = session.backend.database.snapshot.tables.values()
    return [(each.name, len(each.documents)) for each in tables if not each.name.startswith("_")]


def _store(session: Session) -> str:
    if session.path == IN_MEMORY:
        return "in memory: nothing is kept"
    size_bytes = session.backend.database.size_bytes()
    return f"{session.shown_path} ({shown_size(size_bytes)})"


def _counted(count: int, noun: str) -> str:
    plural = f"{noun[:-1]}ies" if noun.endswith("ry") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"


def _arguments(definition: Any) -> str:
    """What a function takes, as one would say it: `channel: string, limit?: number`."""
    fields = getattr(definition.args, "fields", None)
    if fields is None:
        names = ", ".join(sorted(definition.parameters or ()))
        # Without a declaration there is no check: whatever comes is accepted, and not passed on.
        return names or ("anything" if definition.parameters is None else "none (others are ignored)")
    return (
        ", ".join(f"{name}{'?' * each.is_optional}: {short_validator(each)}" for name, each in fields.items())
        or "nothing"
    )


def short_validator(validator: Any) -> str:
    """A validator without the letters that every one of them has: `array(string)`."""
    if validator is None:
        return "anything"
    text = _OPTIONAL.sub(r"\1", str(validator))
    return _CALL.sub(r"\1\2", _EMPTY_CALL.sub(r"\1", text))
