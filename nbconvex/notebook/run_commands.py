"""`%convex run`: a function, or a query written in place, once or as the data changes.

Owns:  the command.
Must not know: IPython; how functions are run.
Threads: the kernel's main thread.
Source: semantics 12.1.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, Final

from nbconvex.errors import ArgumentsInvalidError, CallerError
from nbconvex.functions.acting import as_user
from nbconvex.functions.command_words import parse_arguments, unquoted, write_arguments
from nbconvex.functions.inline_query import inline_query
from nbconvex.functions.teaching import INLINE_QUERY
from nbconvex.functions.updates import Newest
from nbconvex.notebook.card import Lines, Result
from nbconvex.notebook.command_table import argument, command
from nbconvex.notebook.live import show_live
from nbconvex.notebook.picture import ROWS_MAX, picture_of
from nbconvex.notebook.plain import table_text
from nbconvex.notebook.session import Session
from nbconvex.notebook.sizes import shown_ms

#: How often somebody who follows looks whether the store is still open.
_LOOK_S: Final = 0.5


@command(
    "run",
    "Run a function, internal ones too, and show its result; with --watch, follow a query.",
    argument("function", nargs="?", help="module:function"),
    argument("arguments", nargs="*", metavar="name=value", help="values as Python or JSON; words need no quotes"),
    argument("--watch", action="store_true", help="of a query: follow the data; in a terminal, until Ctrl+C"),
    argument("--as", dest="subject", metavar="SUBJECT", help="call as this user, this once"),
    argument("--inline-query", metavar="CODE", help="in place of a function: Python that reads ctx.db and writes not"),
    argument("--json", action="store_true", help="show the result as JSON"),
    argument("--into", metavar="NAME", help="bind the result to this name too"),
    argument("--page", type=int, default=1, help=f"which {ROWS_MAX:,} rows of a long result"),
    takes="function",
    epilog='examples:  %convex run messages:send channel=general body="hello there" --as ada\n'
    "           %convex run messages:newest channel=general --watch\n"
    "           %convex run --inline-query 'ctx.db.query(\"messages\").count()'",
)
def _run(session: Session, options: argparse.Namespace) -> Any:
    __tracebackhide__ = True
    if options.into and not options.into.isidentifier():
        raise CallerError(f"--into wants a name, not {options.into!r}.")
    with nullcontext() if options.subject is None else as_user(subject=unquoted(options.subject)):
        if options.inline_query is not None:
            return _inline(session, options)
        if options.function is None:
            raise CallerError("run what? A function, %convex run module:function, or --inline-query 'ctx.db...'.")
        arguments = parse_arguments(options.arguments)
        if options.watch:
            return _watched(session, options, arguments)
        return _once(session, options, arguments)


def _once(session: Session, options: argparse.Namespace, arguments: dict[str, Any]) -> Result:
    __tracebackhide__ = True
    backend = session.backend
    title = " ".join(filter(None, [options.function, write_arguments(arguments)]))
    return _result(
        session,
        options,
        title,
        lambda: backend.run(options.function, arguments),
        lambda: backend.registry.find(options.function).path,
    )


def _inline(session: Session, options: argparse.Namespace) -> Result:
    __tracebackhide__ = True
    if options.watch:
        raise CallerError("--watch follows a query that has a name: define it in a %%query cell.")
    if options.function is not None or options.arguments:
        raise CallerError("an inline query takes the place of a function and has no arguments: quote all of its text.")
    definition = inline_query(unquoted(options.inline_query), session.shell.user_ns)
    return _result(session, options, "", lambda: session.backend.run_inline(definition), lambda: INLINE_QUERY)


def _result(
    session: Session, options: argparse.Namespace, title: str, run: Callable[[], Any], path: Callable[[], str]
) -> Result:
    __tracebackhide__ = True
    value = run()
    if options.into:
        session.shell.push({options.into: value})
    called = path()
    record = next((each for each in reversed(list(session.backend.logs)) if each.path == called), None)
    status = "" if record is None else f"{shown_ms(record.duration_ms)}, request {record.request_id}"
    count = len(value) if isinstance(value, list) else 0
    last = max(1, -(-count // ROWS_MAX))
    if options.page > last:
        status = f"there is no page {options.page:,}: this is page {last:,}, the last; {status}"
    first_row = ROWS_MAX * (max(1, min(options.page, last)) - 1)
    return Result(value, title=title, status=status, as_json=options.json, first_row=first_row)


def _watched(session: Session, options: argparse.Namespace, arguments: dict[str, Any]) -> Any:
    __tracebackhide__ = True
    if options.into:
        raise CallerError("--into keeps one result, --watch shows many: choose one.")
    if session.can_follow or session.backend.registry.find(options.function).kind != "query":
        # What is wrong with it is said there.
        return show_live(session, options.function, arguments, as_json=options.json)
    return _printed(session, options, arguments)


def _printed(session: Session, options: argparse.Namespace, arguments: dict[str, Any]) -> Lines:
    """Print each result as it comes, until the user interrupts."""
    __tracebackhide__ = True
    backend = session.backend
    box = Newest()
    with backend.subscribe(options.function, arguments, box.put):
        try:
            while not backend.is_closed:
                update = box.take(_LOOK_S)
                if update is None:
                    continue
                if isinstance(update.error, ArgumentsInvalidError):
                    raise update.error
                if update.error is not None:
                    print(f"{type(update.error).__name__}: {update.error}", flush=True)  # noqa: T201 - the answer
                    continue
                text = table_text(picture_of(update.value, as_json=options.json), title=options.function)
                print(text, flush=True)  # noqa: T201 - the answer
        except KeyboardInterrupt:
            return Lines([("", "Stopped following.")])
    return Lines([("", "The store was closed.")])
