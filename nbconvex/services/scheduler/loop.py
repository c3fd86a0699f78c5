"""What waits for due jobs, and the threads that run them.

Owns:  `Loop`: the thread `nbconvex-scheduler`, the workers, who runs what at the moment.
Must not know: what a job's document says; how one is run.
Invariants: at most `jobs_in_parallel` jobs run at once; those due earlier begin earlier. What is due is asked of the
store each time, and the wait is computed anew, so a clock that jumps costs a few seconds and no job. There is no thread
before something is scheduled. Source: semantics 7.1; ADR 11.
Threads: the loop's own, started by the first need; a worker a job that runs, which takes the next one when it is done
and ends when there is none. `_changed` guards the bookkeeping; no user code runs under it.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Final

from nbconvex.errors import StorageError
from nbconvex.services.scheduler import jobs
from nbconvex.services.scheduler.crons import Crons
from nbconvex.services.scheduler.running import READER, Running

if TYPE_CHECKING:
    from nbconvex.database.snapshot import Snapshot
    from nbconvex.functions.registry import RegistryChange
    from nbconvex.functions.runner import Runner

#: How long the loop sleeps at most while something is to come: the clock may jump meanwhile.
LOOK_S: Final = 5.0
#: How many due jobs are looked up at once.
_READY_MAX: Final = 64
#: How often jobs that ended long ago are looked for.
SWEEP_MS: Final = 3_600_000.0
#: What ending takes at most, for each of the threads.
_JOIN_S: Final = 1.0


class Loop:
    """Runs what is due, until it is stopped."""

    def __init__(self, runner: Runner, crons: Crons) -> None:
        self._runner = runner
        self._database = runner.database
        self._clock = runner.clock
        self._crons = crons
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self.running = Running(runner, self._stopping)
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._workers: set[threading.Thread] = set()
        self._ready: deque[bytes] = deque()
        self._taken: set[bytes] = set()
        #: Due jobs that cannot run yet, and how often functions had been defined when that was found.
        self._waiting: set[bytes] = set()
        self._definitions = 0
        self._finished = 0
        self._requested = self._passed = 0
        self._given_up: set[bytes] = set()
        self._seen_ts = self._database.snapshot.scheduled_ts
        self._swept_ms: float | None = None
        self.is_paused = False
        self._stop_listening = (self._database.listen(self._published), runner.registry.listen(self._redefined))

    # -- hearing -----------------------------------------------------------------------------------------------------

    def wake(self) -> None:
        """Look what is due now; the first call starts the thread."""
        with self._changed:
            if self._thread is None and not self._stopping.is_set():
                self._thread = threading.Thread(target=self._run, name="nbconvex-scheduler", daemon=True)
                self._thread.start()
        self._wake.set()

    def _published(self, snapshot: Snapshot) -> None:
        if snapshot.scheduled_ts != self._seen_ts:
            self._seen_ts = snapshot.scheduled_ts
            self.wake()

    def _redefined(self, change: RegistryChange) -> None:
        with self._changed:
            self._definitions += 1
            self._waiting.clear()
        if self._thread is not None:
            self.wake()

    # -- the loop ----------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        is_recovered = False
        while not self._stopping.is_set():
            self._wake.clear()
            with self._changed:
                request = self._requested
            try:
                if not is_recovered:
                    self.running.recover()
                    is_recovered = True
                self._pass()
                wait_s = self._wait_s()
            except StorageError:
                if self._database.is_closed:
                    return
                wait_s = LOOK_S
            except Exception as error:  # a fault of ours must not end all schedules
                self._runner.log_problem("scheduler", error)
                wait_s = LOOK_S
            with self._changed:
                self._passed = request
                self._changed.notify_all()
            if not self._stopping.is_set():
                self._clock.wait(self._wake, wait_s)

    @property
    def _now_ms(self) -> float:
        return self._clock.now_ns() / 1e6

    def _pass(self) -> None:
        now_ms = self._now_ms
        self._sweep(now_ms)
        if self.is_paused:
            return
        self._crons.tick(now_ms)
        with self._changed:
            if not self._ready:
                self._fill()
            wanted = min(len(self._ready), self._runner.limits.jobs_in_parallel - len(self._workers))
            for _ in range(wanted):
                worker = threading.Thread(target=self._work, name="nbconvex-job", daemon=True)
                self._workers.add(worker)
                worker.start()

    def _wait_s(self) -> float | None:
        """How long nothing will have to be done; None for as long as nobody wakes the loop."""
        now_ms = self._now_ms
        snapshot = self._database.snapshot
        times = [] if self.is_paused else [jobs.next_due_ms(snapshot, now_ms), self._crons.next_ms()]
        if self._swept_ms is not None and jobs.has_any(snapshot):
            times.append(self._swept_ms + SWEEP_MS)
        due = [time for time in times if time is not None]
        return max(min((min(due) - now_ms) / 1e3, LOOK_S), 0.001) if due else None

    def _sweep(self, now_ms: float) -> None:
        swept_ms = self._swept_ms
        if swept_ms is not None and 0 <= now_ms - swept_ms < SWEEP_MS:
            return
        self._swept_ms = now_ms
        while old := jobs.old_ids(self._database.snapshot, now_ms):
            tx = self._database.begin(writable=True, reader=READER)
            jobs.forget(tx, old)
            self._database.commit(tx)

    # -- the workers -------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while (taken := self._take()) is not None:
            internal, definitions = taken
            has_run = False
            try:
                has_run = self.running.run(internal)
            except Exception as error:  # a fault of ours: the job waits for a change
                self._runner.log_problem("scheduler", error)
            with self._changed:
                self._taken.discard(internal)
                self._given_up.discard(internal)
                if not has_run and definitions == self._definitions:
                    self._waiting.add(internal)
                self._finished += 1
                self._changed.notify_all()

    def _take(self) -> tuple[bytes, int] | None:
        """The next job that is due, for the worker that asks; None ends the worker."""
        with self._changed:
            if not self._stopping.is_set() and not self.is_paused:
                if not self._ready:
                    self._fill()
                if self._ready:
                    internal = self._ready.popleft()
                    self._taken.add(internal)
                    return internal, self._definitions
            self._workers.discard(threading.current_thread())
            self._finished += 1
            self._changed.notify_all()
            return None

    def _fill(self) -> None:
        for internal in jobs.due_ids(self._database.snapshot, self._now_ms):
            if internal not in self._taken and internal not in self._waiting:
                self._ready.append(internal)
                if len(self._ready) >= _READY_MAX:
                    return

    # -- tests, and the end ------------------------------------------------------------------------------------------

    def next_ms(self) -> float | None:
        """When the next job or cron is due that is not due yet."""
        times = (jobs.next_due_ms(self._database.snapshot, self._now_ms), self._crons.next_ms())
        return min((time for time in times if time is not None), default=None)

    def settle(self, patience_s: float, *, leaves_given_up: bool = False) -> bool:
        """Return when nothing is due any more and nothing runs.

        False if a job goes on for `patience_s` without an end; with `leaves_given_up` it is not waited for again.
        """
        if self._thread is None:
            return True
        if not leaves_given_up:
            with self._changed:
                self._given_up.clear()
        while True:
            self._pass_once()
            with self._changed:
                if self._is_idle():
                    return True
                finished = self._finished
                if not self._changed.wait_for(lambda: self._finished != finished or self._is_idle(), patience_s):  # noqa: B023
                    self._given_up |= self._taken
                    return False

    def _is_idle(self) -> bool:
        return len(self._workers) <= len(self._given_up & self._taken) or not self._thread

    def _pass_once(self) -> None:
        with self._changed:
            self._requested += 1
            request = self._requested
        self._wake.set()
        with self._changed:
            self._changed.wait_for(lambda: self._passed >= request or self._stopping.is_set())

    def stop(self) -> None:
        """Begin nothing more, end the loop's thread. What runs goes on: see `join`."""
        self._stopping.set()
        self._wake.set()
        for stop in self._stop_listening:
            stop()
        with self._changed:
            thread = self._thread
            self._changed.notify_all()
        if thread is not None and thread is not threading.current_thread():
            thread.join(_JOIN_S)

    def join(self) -> None:
        """Wait a moment for the jobs that run."""
        for worker in tuple(self._workers):
            if worker is not threading.current_thread():
                worker.join(_JOIN_S)
