"""The schedule of one backend, as plain code sees it.

Owns:  `Scheduler`: promising and cancelling from plain code, pausing, the crons; starting and stopping the loop.
Must not know: notebooks; what a job does.
Invariant: nothing is started before there is something to wait for.
Threads: any.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from nbconvex.errors import CallerError
from nbconvex.functions.run import CURRENT
from nbconvex.functions.scheduling import Promise, in_own_transaction, promised, time_after, time_at
from nbconvex.services.scheduler import jobs
from nbconvex.services.scheduler.crons import CronChange, Crons
from nbconvex.services.scheduler.loop import Loop

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nbconvex.database.writes import Document
    from nbconvex.functions.runner import Runner
    from nbconvex.services.scheduler.cron_forms import CronDefinition

#: The global that remembers why a store was paused.
_PAUSED: Final = "paused"
READER: Final = "the scheduler"


class Scheduler:
    """Calls for later, from plain code: `backend.scheduler.run_after(60_000, api.mail.send, to="ada")`."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._jobs = runner.schedules = jobs.Jobs(runner.limits)
        self.crons = Crons(runner, self._jobs)
        self._loop = Loop(runner, self.crons)
        kept = runner.database.get_global(_PAUSED)
        self._paused = kept.decode() if kept else ""
        self._loop.is_paused = bool(self._paused)
        snapshot = runner.database.snapshot
        if self.crons or any(jobs.count_of(snapshot, kind) for kind in (jobs.PENDING, jobs.IN_PROGRESS)):
            self._loop.wake()

    # -- promising ---------------------------------------------------------------------------------------------------

    def run_after(
        self,
        delay: float | timedelta,
        target: Any,
        args: Mapping[str, Any] | None = None,
        /,
        *,
        retry: Any = None,
        **named: Any,
    ) -> str:
        """Call a mutation or an action after `delay`, in milliseconds; the id of the job.

        Raises:  as `ctx.scheduler.run_after`.
        """
        __tracebackhide__ = True
        now_ms = self._runner.clock.now_ns() / 1e6
        return self._add(promised(self._runner, time_after(now_ms, delay), target, args, named, retry))

    def run_at(
        self,
        time: float | datetime,
        target: Any,
        args: Mapping[str, Any] | None = None,
        /,
        *,
        retry: Any = None,
        **named: Any,
    ) -> str:
        """Call a mutation or an action at a time: milliseconds since 1970 UTC, or a datetime.

        Raises:  as `ctx.scheduler.run_at`.
        """
        __tracebackhide__ = True
        now_ms = self._runner.clock.now_ns() / 1e6
        return self._add(promised(self._runner, time_at(now_ms, time), target, args, named, retry))

    def _add(self, promise: Promise) -> str:
        _require_plain_code("run_after")
        job: str = in_own_transaction(self._runner, READER, lambda tx: self._jobs.add(tx, promise))
        return job

    def cancel(self, job: str, /) -> str:
        """Cancel a job; what is to be said about it, or nothing.

        Raises:  CallerError for what is no job's id.
        """
        __tracebackhide__ = True
        _require_plain_code("cancel")
        told: str = in_own_transaction(self._runner, READER, lambda tx: self._jobs.cancel(tx, job))
        return told

    # -- looking -----------------------------------------------------------------------------------------------------

    def get(self, job: str, /) -> Document | None:
        """The document of a job: `name`, `args`, `scheduledTime`, `state`, and `completedTime` once it has ended."""
        return jobs.document_of(self._runner.database.snapshot, jobs.internal_id(job))

    def count(self, kind: str = jobs.PENDING) -> int:
        """How many jobs are in a state: pending, inProgress, success, failed or canceled."""
        return jobs.count_of(self._runner.database.snapshot, kind)

    def documents(self, *kinds: str, newest_first: bool = False) -> Iterator[Document]:
        """The jobs in these states, or in all, one state after the other, each in due order; read lazily."""
        snapshot = self._runner.database.snapshot
        for kind in kinds or jobs.STATES:
            yield from jobs.of_kind(snapshot, kind, newest_first=newest_first)

    def reason_to_wait(self, document: Document) -> str:
        """Why a job that is pending does not run although it may be due; nothing if it only has to be patient."""
        if document["state"]["kind"] != jobs.PENDING:
            return ""
        if self._loop.running.definition_of(document) is None:
            where = self._runner.registry.remembered.get(_path(document["name"]), "a cell or module")
            return f"run {where}: it defines {document['name']}"
        return f"paused: {self._paused}" if self._paused else ""

    def note_on(self, document: Document) -> str:
        """What there is to say of a job beside its state: why it failed or waits, its attempts, its cron."""
        state = document["state"]
        notes = [state.get("error", ""), self.reason_to_wait(document)]
        if "retry" in document and document["attempts"]:
            last = f" ({state['lastError']})" if "lastError" in state else ""
            notes.append(f"attempt {document['attempts']:.0f} of {document['retry']['attempts']:.0f}{last}")
        if "cron" in document:
            notes.append(f"cron {document['cron']}")
        return "; ".join(filter(None, notes))

    # -- pausing -----------------------------------------------------------------------------------------------------

    @property
    def paused(self) -> str:
        """Why nothing runs; empty if it does."""
        return self._paused

    def pause(self, reason: str = "by %convex pause") -> None:
        """Begin no job and no cron any more, until `resume`, also after a restart. What runs goes on."""
        self._paused = reason or "no reason given"
        self._runner.database.put_global(_PAUSED, self._paused.encode())
        self._loop.is_paused = True

    def resume(self) -> None:
        """Run again what is due."""
        self._paused = ""
        self._runner.database.put_global(_PAUSED, b"")
        self._loop.is_paused = False
        self._loop.wake()

    # -- crons -------------------------------------------------------------------------------------------------------

    def declare_crons(self, origin: str, definitions: Iterable[CronDefinition]) -> CronChange:
        """Make `definitions` all crons of `origin`.

        Raises:  as `Crons.declare`.
        """
        __tracebackhide__ = True
        change = self.crons.declare(origin, definitions)
        if change.added or change.changed:
            self._loop.wake()
        return change

    # -- tests, and the end ------------------------------------------------------------------------------------------

    def next_ms(self) -> float | None:
        """When something is due next that is not due yet, in milliseconds since 1970 UTC; None without any."""
        return self._loop.next_ms()

    def settle(self, patience_s: float = 1.0, *, leaves_given_up: bool = False) -> bool:
        """Return when nothing is due and nothing runs; False if a job goes on for `patience_s` in real time.

        With `leaves_given_up` a job for which it was False before is not waited for again.
        """
        return self._loop.settle(patience_s, leaves_given_up=leaves_given_up)

    def stop(self) -> None:
        """Begin nothing more. Twice is fine."""
        self._loop.stop()

    def join(self) -> None:
        """Wait a moment for what still runs."""
        self._loop.join()


def _path(name: str) -> str:
    return name if ":" in name else f"{name}:default"


def _require_plain_code(verb: str) -> None:
    run = CURRENT.get()
    if run is not None:
        raise CallerError(
            f"{run.path}: backend.scheduler is for plain code; in a function it is a part of ctx.",
            hint=f"ctx.scheduler.{verb}(...)",
        )
