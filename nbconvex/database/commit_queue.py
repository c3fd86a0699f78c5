"""From accepted to durable to published: everything that waits goes to the persistence in one append.

Owns:  `CommitQueue`, `Pending`; the published snapshot; the fail-stop.
Must not know: transactions, conflicts, what a commit contains.
Invariants:
- Entries become durable in the order in which they were entered; `append` gets all that wait at once.
- A snapshot is published after its commit is durable, before anybody is told. While that is going on it is `ahead`: who
  reads it there gives nothing out before it is published.
- After a failed append nothing more is accepted: what is on disk is unknown until it is read again.
Threads: any thread may enter and wait. Whoever gets `flush_lock` writes for all who wait; asynchronous entries are
written by the committer thread, started with the first of them. Source: ADR 3.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from nbconvex.database.snapshot import Snapshot
from nbconvex.errors import StorageError, StorageFailedError
from nbconvex.storage.persistence import BulkCommit, Commit, Persistence

_log = logging.getLogger(__name__)

#: Writes that nobody has looked at are entered into the indexes together, once there are this many. The more, the fewer
#: leaves are copied for each; the longer waits whoever reads a range next: 2 ms for as many as these.
SETTLE_WRITES = 256

#: Told when a commit is durable: its timestamp, or why it failed.
Resolve = Callable[[int | BaseException], None]


class Pending:
    """A commit that waits to become durable; without a commit, a reader that waits for what it saw."""

    __slots__ = ("commit", "error", "is_done", "resolve", "snapshot", "ts")

    def __init__(
        self, ts: int, commit: Commit | BulkCommit | None, snapshot: Snapshot, resolve: Resolve | None
    ) -> None:
        self.ts = ts
        self.commit = commit
        self.snapshot = snapshot
        self.resolve = resolve
        self.is_done = False
        self.error: BaseException | None = None


class CommitQueue:
    """The line in front of one persistence."""

    def __init__(self, persistence: Persistence, snapshot: Snapshot) -> None:
        self.published = snapshot
        #: What is being made durable now, or has been.
        self.ahead = snapshot
        #: About how long an append takes.
        self.append_s = 0.0
        self.failure: StorageError | None = None
        self.flush_lock = threading.Lock()
        self._persistence = persistence
        self._lock = threading.Lock()
        self._waiting: list[Pending] = []
        self._listeners: list[Callable[[Snapshot], None]] = []
        self._early_listeners: list[Callable[[Snapshot], None]] = []
        self._wakes: SimpleQueue[bool] = SimpleQueue()
        self._committer: threading.Thread | None = None
        self._is_stopped = False

    def enter(self, pending: Pending) -> None:
        """Stand in line."""
        with self._lock:
            self._waiting.append(pending)

    def wait(self, pending: Pending) -> None:
        """Return when `pending` is durable, writing for everybody if nobody else does.

        Raises:  StorageFailedError.
        """
        while not pending.is_done:
            with self.flush_lock:
                if not pending.is_done:
                    self.flush()
        if pending.error is not None:
            raise pending.error

    def has_just_published(self, ts: int) -> bool:
        """Whether the append that is under way has published everything up to `ts`; returns when it has ended."""
        if not self.flush_lock.locked():
            return False
        with self.flush_lock:
            return ts <= self.published.ts

    def wake(self) -> None:
        """Have the committer thread write what waits."""
        if self._committer is None:
            with self._lock:
                if self._is_stopped:
                    return  # whoever stopped it has flushed what waited
                if self._committer is None:
                    self._committer = threading.Thread(target=self._run, name="nbconvex-committer", daemon=True)
                    self._committer.start()
        if self._wakes.empty():
            self._wakes.put(True)

    def _run(self) -> None:
        while self._wakes.get():
            with self.flush_lock:
                self.flush()

    def listen(self, callback: Callable[[Snapshot], None]) -> Callable[[], None]:
        """Call `callback` after each publish, from the publishing thread. Returns what ends it."""
        with self._lock:
            self._listeners = [*self._listeners, callback]

        def stop() -> None:
            with self._lock:
                self._listeners = [each for each in self._listeners if each is not callback]

        return stop

    def listen_early(self, callback: Callable[[Snapshot], None]) -> Callable[[], None]:
        """Call `callback` before each append, from the writing thread. Returns what ends it."""
        with self._lock:
            self._early_listeners = [*self._early_listeners, callback]

        def stop() -> None:
            with self._lock:
                self._early_listeners = [each for each in self._early_listeners if each is not callback]

        return stop

    def flush(self) -> None:
        """Make everything that waits durable, publish it, tell everybody; `flush_lock` is held."""
        with self._lock:
            batch, self._waiting = self._waiting, []
        commits = [pending.commit for pending in batch if pending.commit is not None]
        error: StorageError | None = self.failure
        if commits and error is None:
            # Entries are in the order of their commits; a reader's snapshot may be older than the last of them.
            ahead = self.ahead = next(each.snapshot for each in reversed(batch) if each.commit is not None)
            for listener in self._early_listeners:
                _tell(listener, ahead)
            began_s = time.perf_counter()
            try:
                self._persistence.append(commits, self.published.ts)
            except BaseException as failed:
                error = self._fail(failed)
            else:
                self.append_s += (time.perf_counter() - began_s - self.append_s) / 8
                if ahead.unsettled >= SETTLE_WRITES:
                    ahead.settle()
                self.published = ahead
        for pending in batch:
            pending.error = error
            pending.is_done = True
        for pending in batch:
            if pending.resolve is not None:
                _tell(pending.resolve, pending.ts if error is None else error)
        if commits and error is None:
            published = self.published
            for listener in self._listeners:
                _tell(listener, published)

    def _fail(self, cause: BaseException) -> StorageError:
        failure = StorageFailedError(
            f"{self._persistence.name}: a commit could not be made durable ({cause}); it is unknown whether it was. "
            "Nothing more is accepted: open the store again (%reload_ext nbconvex), which reads what is on disk."
        )
        failure.__cause__ = cause
        self.failure = failure
        self.ahead = self.published
        return failure

    def stop(self) -> None:
        """End the committer thread."""
        with self._lock:
            self._is_stopped = True
        if self._committer is not None:
            self._wakes.put(False)
            self._committer.join()


def _tell(callback: Callable[[Any], None], news: Any) -> None:
    """Call somebody back; one who is gone, such as a closed event loop, must not keep the others from hearing it."""
    try:
        callback(news)
    except Exception:  # the commit stands, and its outcome is known
        _log.warning("a callback of a commit failed", exc_info=True)
