"""`nbconvex run module:query --watch --app app.ipynb`: a query's results, as they come.

Owns:  the command: following the data, which the app's own jobs and crons change, and the app's file.
Must not know: how a query is followed, how a file is read.
Invariants: a result is a line of JSON on standard output; an error is told on standard error, and the next result may
be right again. Ctrl+C and SIGTERM end it with the status 0.
Threads: the main thread.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

from nbconvex.cli.ending import ending_by_signals
from nbconvex.cli.printed import complain, print_value, tell
from nbconvex.cli.serving import opened_file, tell_problems
from nbconvex.errors import ArgumentsInvalidError, CallerError
from nbconvex.functions.live_query import LiveUpdate
from nbconvex.functions.updates import Newest

#: How often the file is looked at, and whether to end.
_LOOK_S: Final = 0.3


def run_watched(options: argparse.Namespace, arguments: dict[str, Any]) -> int:
    """Print a query's results until a signal comes.

    Raises:  CallerError where the function is no query; FunctionNotFoundError; ArgumentsInvalidError.
    """
    path = Path(options.app).absolute()
    identity = {"subject": options.identity} if options.identity else None
    box = Newest()
    with ending_by_signals() as ending, opened_file(path, options.database) as (backend, followed):
        tell_problems(followed.report)
        definition = backend.find(None, options.function)
        if definition.kind != "query":
            kind = "an action" if definition.kind == "action" else "a mutation"
            raise CallerError(
                f"{definition.name} is {kind}; only a query can be followed, for it reads and never writes.",
                hint=f"nbconvex run {definition.name} --app {options.app}",
            )
        with backend.subscribe(options.function, arguments, box.put, identity=identity):
            tell(f"following {options.function}; Ctrl+C ends it")
            while not ending.is_set():
                update = box.take(_LOOK_S)
                if update is not None:
                    _print(update)
                followed.look()
    return 0


def _print(update: LiveUpdate) -> None:
    for line in update.log_lines:
        tell(line)
    if update.error is None:
        print_value(update.value)
    elif isinstance(update.error, ArgumentsInvalidError):
        raise update.error
    else:
        complain(f"{type(update.error).__name__}: {update.error}")
