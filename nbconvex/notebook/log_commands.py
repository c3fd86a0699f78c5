"""`%convex logs`: the newest calls, once or as they come.

Owns:  the command; the picture of calls that a view shows; the lines that a terminal prints.
Must not know: IPython; how calls are recorded.
Threads: the kernel's main thread; pictures of a live view are made in the painter's.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from nbconvex.functions.command_words import unquoted
from nbconvex.functions.log_reading import Wanted, call_text, ended_text, follow, newest, path_text, time_text
from nbconvex.notebook.card import Lines, Listing
from nbconvex.notebook.command_table import argument, command
from nbconvex.notebook.live import screen_of
from nbconvex.notebook.picture import Picture
from nbconvex.notebook.schedule_commands import LazyUpdate
from nbconvex.notebook.session import Session
from nbconvex.values.cells import cell_of

if TYPE_CHECKING:
    from nbconvex.backend import Backend
    from nbconvex.functions.logs import CallRecord

#: Calls that are shown unless told otherwise: once, and in a view that follows.
LOGS_SHOWN: Final = 20
FOLLOWED_SHOWN: Final = 200
_COLUMNS: Final = ("time", "function", "kind", "ended", "ms", "printed", "request")
_NUMERIC: Final = (False, False, False, False, True, False, False)


@command(
    "logs",
    "The newest calls, what they printed, how they ended; (live) marks a query that ran for its live views.",
    argument("--follow", "-f", action="store_true", help="a view that follows; in a terminal, lines until Ctrl+C"),
    argument("--fn", metavar="NAME", help="only calls of this function, or of this module"),
    argument("--errors", action="store_true", help="only calls that failed"),
    argument("--limit", type=int, help=f"how many calls ({LOGS_SHOWN}; {FOLLOWED_SHOWN} in a view that follows)"),
    argument("--static", action="store_true", help="with -f: as static HTML that is saved with the notebook"),
    epilog="example:  %convex logs -f --fn messages --errors",
)
def _logs(session: Session, options: argparse.Namespace) -> Any:
    __tracebackhide__ = True
    wanted = Wanted(None if options.fn is None else unquoted(options.fn), options.errors)
    if options.follow:
        return _followed(session, wanted, options)
    backend = session.backend
    limit = LOGS_SHOWN if options.limit is None else options.limit
    records = newest(backend.logs, wanted, limit)
    masked = backend.runner.environment.masked
    total = sum(map(wanted, backend.logs))
    return Listing(
        "calls, the newest last" if len(records) >= total else f"calls, the newest last: {len(records):,} of {total:,}",
        _COLUMNS,
        [_texts(record, masked) for record in records],
        empty="No calls in the log." if wanted == Wanted() else "No such calls in the log.",
        numeric=_NUMERIC,
    )


def _texts(record: CallRecord, masked: Callable[[str], str]) -> list[str]:
    return [
        time_text(record), path_text(record), record.kind, ended_text(record, masked), f"{record.duration_ms:.1f}",
        "\n".join(record.lines), record.request_id,
    ]  # fmt: skip


def _followed(session: Session, wanted: Wanted, options: argparse.Namespace) -> Any:
    __tracebackhide__ = True
    backend = session.backend
    if not session.can_follow:
        return _printed(backend, wanted, LOGS_SHOWN if options.limit is None else options.limit)
    limit = FOLLOWED_SHOWN if options.limit is None else options.limit
    said = " ".join([*([f"--fn {wanted.path}"] if wanted.path else []), *(["--errors"] if wanted.only_errors else [])])

    def subscribe(receive: Callable[[Any], None]) -> LogWatch:
        return LogWatch(backend, lambda: log_picture(backend, wanted, limit), receive)

    return screen_of(session, subscribe, title="calls, the newest first", arguments=said, is_static=options.static)


def _printed(backend: Backend, wanted: Wanted, limit: int) -> Lines:
    """Print calls as they end, until the user interrupts."""
    masked = backend.runner.environment.masked
    try:
        for record in follow(backend.logs, wanted, first=limit, is_over=lambda: backend.is_closed):
            print(call_text(record, masked), flush=True)  # noqa: T201 - it is the answer
    except KeyboardInterrupt:
        return Lines([("", "Stopped. The calls go on.")])
    return Lines([("", "The store was closed.")])


def log_picture(backend: Backend, wanted: Wanted, limit: int) -> Picture:
    """The newest calls as rows, the newest first, each with a key that it keeps."""
    masked = backend.runner.environment.masked
    records = newest(backend.logs, wanted, limit)[::-1]
    rows = []
    keys: dict[str, None] = {}
    for record in records:
        cells = [cell_of(text) for text in _texts(record, masked)]
        if record.error is not None:
            cells[3] = f"x{cells[3][1:]}"
        cells[4] = f"n{cells[4][1:]}"
        cells[6] = f"i{cells[6][1:]}"
        rows.append(tuple(cells))
        key = f"{record.request_id} {record.path} {record.started_ms!r}"
        # Calls of one action may begin in one moment.
        keys[key if key not in keys else f"{key} {len(keys)}"] = None
    return Picture(
        "table", columns=_COLUMNS, numeric=_NUMERIC, keys=tuple(keys), rows=tuple(rows),
        total=sum(map(wanted, backend.logs)),
    )  # fmt: skip


class LogWatch:
    """Tells a view of each call; `close()` ends that. What it tells is made when it is looked at: calls are many."""

    def __init__(self, backend: Backend, picture: Callable[[], Any], receive: Callable[[Any], None]) -> None:
        self._picture = picture
        self._receive = receive
        self._stop = backend.logs.listen(self._tell)
        self._tell()

    def _tell(self, _ended: CallRecord | None = None) -> None:
        self._receive(LazyUpdate(self._picture))

    def close(self) -> None:
        """End it. Twice is fine."""
        self._stop()
