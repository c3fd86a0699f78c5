"""`nbconvex serve app.ipynb`: an app on the network, until it is told to stop.

Owns:  opening the store, loading the file, serving, following the file's changes, stopping on signals.
Must not know: how a file is read, how requests are answered.
Invariants: SIGINT and SIGTERM end it cleanly: requests that run get a moment, the store is closed, the status is 0. An
app with an error is not served; one that gets an error while it is followed goes on as it was.
Threads: the main thread, where signals arrive.
"""

from __future__ import annotations

import argparse
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nbconvex.backend import Backend
from nbconvex.cli.app_file import AppFile, LoadReport
from nbconvex.cli.ending import Ending, ending_by_signals
from nbconvex.cli.printed import complain, tell
from nbconvex.errors import CallerError
from nbconvex.functions.log_reading import Wanted, call_text, follow
from nbconvex.functions.logs import CALLS_KEPT_MAX

if TYPE_CHECKING:
    from nbconvex.server.serve import Server

#: How often a followed file is looked at, and whether the server still runs.
_LOOK_S: Final = 0.5


def store_of(path: Path, database: str | None) -> str:
    """Where an app's data is: what was asked for, or `<name>.duckdb` beside its file, as in a notebook."""
    return database or os.environ.get("NBCONVEX_DATABASE") or str(path.with_suffix(".duckdb"))


@contextmanager
def opened(path: Path, database: str | None, *, production: bool = False) -> Iterator[tuple[Backend, LoadReport]]:
    """The backend of an app, with the app in force, and what came of loading it.

    Raises:  StorageError; CallerError for a file that cannot be read.
    """
    with opened_file(path, database, production=production) as (backend, followed):
        yield backend, followed.report


@contextmanager
def opened_file(
    path: Path, database: str | None, *, production: bool = False
) -> Iterator[tuple[Backend, FollowedFile]]:
    """The same, with the app's file as something to look at again."""
    path = path.absolute()
    if not path.is_file():
        raise CallerError(f"there is no file {path}.")
    store = store_of(path, database)
    with Backend.open(store if store == ":memory:" or "://" in store else Path(store).absolute(),
                      production=production) as backend:  # fmt: skip
        # Where a kernel would be, so that the file's own paths mean the same.
        os.chdir(path.parent)
        yield backend, FollowedFile(backend, path)


class FollowedFile:
    """An app's file, in force in a backend; `look` puts it in force again where it has changed."""

    def __init__(self, backend: Backend, path: Path) -> None:
        self._path = path
        self._app = AppFile(backend, path)
        # Before it is read: what is saved meanwhile is seen at the first look.
        self._seen = _stamp(path)
        #: What came of loading it the first time.
        self.report = self._app.load()

    def look(self) -> None:
        """Load the file again if it has changed, and tell what came of it."""
        stamp = _stamp(self._path)
        if stamp == self._seen:
            return
        self._seen = stamp
        try:
            report = self._app.load()
        except Exception as error:  # a file that is half written, or gone: the next look may find it whole
            complain(str(error))
            return
        if report.problems:
            tell_problems(report)
        else:
            tell(f"{self._path.name} has changed: loaded again.")


def run_serve(options: argparse.Namespace) -> int:
    """Serve until a signal comes; the status that the process ends with."""
    # Starlette and uvicorn: other commands need not wait for them.
    from nbconvex.server.serve import serve

    path = Path(options.app).absolute()
    with (
        ending_by_signals() as ending,
        opened_file(path, options.database, production=options.production) as (backend, followed),
    ):
        report = followed.report
        if report.problems:
            tell_problems(report)
            return 1
        if options.cors_origins:
            backend.http.origins = options.cors_origins
        with serve(
            backend, host=options.host, port=options.port, site_port=options.site_port,
            allowed_hosts=options.allow_host, development_tokens=options.development_tokens or None,
        ) as server:  # fmt: skip
            tell(_greeting(backend, server, path, report))
            if options.logs:
                _print_calls(backend, ending)
            _until(ending, server, followed if options.watch else None)
        tell("Stopped.")
    return 0


def _until(ending: Ending, server: Server, followed: FollowedFile | None) -> None:
    while not ending.wait(_LOOK_S) and server.is_running:
        if followed is not None:
            followed.look()


def _print_calls(backend: Backend, ending: Ending) -> None:
    """Print each call as it ends, in a thread of its own: a function must not wait for a slow terminal."""
    masked = backend.runner.environment.masked
    calls = follow(backend.logs, Wanted(), first=CALLS_KEPT_MAX, is_over=ending.is_set)

    def run() -> None:
        for record in calls:
            tell(call_text(record, masked))

    threading.Thread(target=run, name="nbconvex-calls", daemon=True).start()


def _stamp(path: Path) -> tuple[int, int] | None:
    """What differs when a file was written; None where it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def tell_problems(report: LoadReport) -> None:
    """What is wrong with an app."""
    for problem in report.problems:
        complain(problem)


def _greeting(backend: Backend, server: Server, path: Path, report: LoadReport) -> str:
    functions = len(backend.registry.functions)
    lines = [
        f"{path.name}: {functions:,} function{'' if functions == 1 else 's'}, store {backend.name}",
        f"  clients    {server.url}",
        f"  endpoints  {server.site_url}",
    ]
    if report.skipped:
        lines.append(f"  {report.skipped:,} cells that only try things were not run")
    return "\n".join([*lines, "Ctrl+C stops it."])
