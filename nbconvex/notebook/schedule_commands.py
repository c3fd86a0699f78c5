"""`%convex jobs`, `%convex crons`, `%convex pause` and `%convex resume`.

Owns:  the four commands, and the rows that they show.
Must not know: IPython; how a job is kept or run.
Threads: the kernel's main thread; rows of a live view are made in the painter's.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from nbconvex.functions.command_words import unquoted, write_arguments
from nbconvex.notebook.card import Lines, Listing, Result
from nbconvex.notebook.command_table import argument, command
from nbconvex.notebook.cron_cells import moment
from nbconvex.notebook.live import screen_of
from nbconvex.notebook.session import Session
from nbconvex.values.cells import Button

if TYPE_CHECKING:
    from nbconvex.backend import Backend
    from nbconvex.database.snapshot import Snapshot

#: Jobs that are shown unless told otherwise.
JOBS_SHOWN: Final = 200
#: In this order: what is under way, what is to come, what was.
_ORDER: Final = ("inProgress", "pending", "failed", "success", "canceled")


@command(
    "jobs",
    "The scheduled functions: what runs, what waits and why, what has ended in the last week. Follows the data.",
    argument("--state", choices=_ORDER, help="only jobs in this state"),
    argument("--limit", type=int, default=JOBS_SHOWN, help=f"how many jobs ({JOBS_SHOWN})"),
    argument("--cancel", metavar="ID", help="cancel this job, or all that wait with ID all"),
    argument("--static", action="store_true", help="as of now, without following"),
    epilog="example:  %convex jobs --state failed",
)
def _jobs(session: Session, options: argparse.Namespace) -> Any:
    __tracebackhide__ = True
    backend = session.backend
    if options.cancel is not None:
        return _canceled(backend, unquoted(options.cancel))
    kinds = _ORDER if options.state is None else (options.state,)
    limit = max(1, options.limit)
    title = "scheduled functions" if options.state is None else f"scheduled functions: {options.state}"
    if options.static or not session.can_follow:
        return Result(job_rows(backend, kinds, limit), title=title, status=_status(backend))

    def subscribe(receive: Callable[[Any], None]) -> JobsWatch:
        return JobsWatch(backend, lambda: job_rows(backend, kinds, limit, has_buttons=True), receive)

    def cancel(job: str) -> None:
        backend.scheduler.cancel(job)

    return screen_of(session, subscribe, title=title, arguments=_status(backend), press=cancel)


def _canceled(backend: Backend, wanted: str) -> Lines:
    __tracebackhide__ = True
    if wanted != "all":
        told = backend.scheduler.cancel(wanted)
        return Lines([("", told.removeprefix("[INFO] "))] if told else [("✓", f"Canceled: {wanted}")])
    waiting = [document["_id"] for document in backend.scheduler.documents("pending")]
    for job in waiting:
        backend.scheduler.cancel(job)
    return Lines([("✓", f"Canceled: {len(waiting):,} that waited.")])


def job_rows(
    backend: Backend, kinds: tuple[str, ...] = _ORDER, limit: int = JOBS_SHOWN, *, has_buttons: bool = False
) -> list[dict[str, Any]]:
    """The jobs as rows: those under way and to come by when they are due, those that have ended the newest first."""
    rows: list[dict[str, Any]] = []
    for kind in kinds:
        if len(rows) >= limit:
            break
        has_ended = kind in {"success", "failed", "canceled"}
        # What has ended is kept for a week and may be much; the newest of it are wanted.
        found = backend.scheduler.documents(kind, newest_first=has_ended)
        rows += [_job_row(backend, document, has_buttons=has_buttons) for document, _ in zip(
            found, range(limit - len(rows)), strict=False
        )]  # fmt: skip
    return rows


def _job_row(backend: Backend, document: dict[str, Any], *, has_buttons: bool) -> dict[str, Any]:
    state = document["state"]
    row = {
        "_id": document["_id"],
        "function": document["name"],
        "arguments": write_arguments(document["args"][0]),
        "due": moment(document["scheduledTime"]),
        "state": state["kind"],
        "note": backend.scheduler.note_on(document),
    }
    if has_buttons:
        row[""] = Button("cancel") if state["kind"] in {"pending", "inProgress"} else ""
    return row


def _status(backend: Backend) -> str:
    paused = backend.scheduler.paused
    return f"paused: {paused} (%convex resume)" if paused else ""


class JobsWatch:
    """Tells a view of each commit that changed jobs, and of each change of functions; `close()` ends that.

    What it tells is computed when it is looked at: a view is drawn less often than jobs change.
    """

    def __init__(self, backend: Backend, rows: Callable[[], Any], receive: Callable[[Any], None]) -> None:
        self._rows = rows
        self._receive = receive
        self._seen_ts = backend.database.snapshot.scheduled_ts
        self._stops = (backend.database.listen(self._published), backend.registry.listen(lambda _: self._tell()))
        self._tell()

    def _published(self, snapshot: Snapshot) -> None:
        if snapshot.scheduled_ts != self._seen_ts:
            self._seen_ts = snapshot.scheduled_ts
            self._tell()

    def _tell(self) -> None:
        self._receive(LazyUpdate(self._rows))

    def close(self) -> None:
        """End it. Twice is fine."""
        for stop in self._stops:
            stop()


class LazyUpdate:
    """An update whose value is computed once, when it is asked for."""

    error: BaseException | None = None

    def __init__(self, rows: Callable[[], Any]) -> None:
        self._rows = rows
        self._value: Any = None

    @property
    def value(self) -> Any:
        if self._value is None:
            self._value = self._rows()
        return self._value


@command(
    "crons",
    "What recurs: when it runs next, how often it has run, what was skipped, how the last run ended.",
    argument("--remove", metavar="NAME", help="delete this cron; its cell defines it again"),
    argument("--history", metavar="NAME", help="the last runs of this cron"),
)
def _crons(session: Session, options: argparse.Namespace) -> Lines | Listing:
    __tracebackhide__ = True
    backend = session.backend
    if options.remove is not None:
        name = unquoted(options.remove)
        backend.scheduler.crons.remove(name)
        return Lines([("✓", f"gone: cron {name}")])
    if options.history is not None:
        return _history(backend, unquoted(options.history))
    return crons_listing(backend)


def crons_listing(backend: Backend) -> Listing:
    """The crons, one a row."""
    rows = [
        [
            cron["name"],
            cron["function"],
            write_arguments(cron["args"]),
            backend.scheduler.crons.recurrence_of(cron),
            moment(cron["nextTime"]),
            f"{cron['runs']:,.0f}",
            f"{cron['skipped']:,.0f}",
            _last_run(backend, cron),
        ]
        for cron in backend.scheduler.crons.documents()
    ]
    return Listing(
        "crons" if not backend.scheduler.paused else f"crons (paused: {backend.scheduler.paused})",
        ["cron", "function", "arguments", "recurs", "next", "runs", "skipped", "last run"],
        rows,
        empty="No crons. A cell that begins with %%cron NAME --every 5m makes one.",
        numeric=[False, False, False, False, False, True, True, False],
    )


def _last_run(backend: Backend, cron: dict[str, Any]) -> str:
    if "job" not in cron:
        return "none yet"
    job = backend.scheduler.get(cron["job"])
    if job is None:
        return "long ago"
    reason = job["state"].get("error") or backend.scheduler.reason_to_wait(job)
    return f"{job['state']['kind']}: {reason}" if reason else str(job["state"]["kind"])


def _history(backend: Backend, name: str) -> Listing:
    rows = []
    found = [cron for cron in backend.scheduler.crons.documents() if cron["name"] == name]
    for run in reversed(found[0]["history"] if found else ()):
        job = backend.scheduler.get(run["job"])
        state = {"kind": "ended more than a week ago"} if job is None else job["state"]
        rows.append([moment(run["time"]), state["kind"], state.get("error", "")])
    return Listing(
        f"runs of cron {name}, the newest first", ["due", "state", "error"], rows, empty=f"No runs of a cron {name}."
    )


@command(
    "pause",
    "Begin no scheduled function and no cron any more, and refuse calls from the network, until %convex resume.",
    argument("reason", nargs="*", help="what callers and views are told"),
)
def _pause(session: Session, options: argparse.Namespace) -> Lines:
    reason = " ".join(map(unquoted, options.reason)) or "by %convex pause"
    session.backend.scheduler.pause(reason)
    return Lines([("✓", f"Paused: {reason}. Jobs, crons and calls from the network wait for %convex resume.")])


@command("resume", "Run again what is due, and answer calls from the network.")
def _resume(session: Session, _options: argparse.Namespace) -> Lines:
    scheduler = session.backend.scheduler
    if not scheduler.paused:
        return Lines([("", "It was not paused.")])
    scheduler.resume()
    waiting = scheduler.count()
    few = "scheduled function is" if waiting == 1 else "scheduled functions are"
    return Lines([("✓", f"Resumed. {waiting:,} {few} waiting." if waiting else "Resumed.")])
