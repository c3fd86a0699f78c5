"""Recent commits, and who conflicts with them.

Owns:  `WriteLog`.
Must not know: what to do about a conflict.
Invariant: the log is complete from its tail on; whoever is older than the tail cannot be judged and is told so.
Threads: `append` under the database's state lock; reading from any thread (a deque's snapshot is taken under the lock).
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Sequence

from nbconvex.database.reads import CommitRecord

#: Commits kept. A transaction or a cached result older than this many commits is taken as changed.
COMMITS_MAX = 10_000


class WriteLog:
    """The newest commits, in order of their timestamps."""

    def __init__(self, tail_ts: int) -> None:
        self._lock = threading.Lock()
        self._stamps: list[int] = []
        self._records: list[CommitRecord] = []
        self._tail_ts = tail_ts

    def append(self, record: CommitRecord) -> None:
        """Add a commit that is newer than all before it."""
        with self._lock:
            self._stamps.append(record.ts)
            self._records.append(record)
            if len(self._records) > 2 * COMMITS_MAX:
                self._tail_ts = self._stamps[COMMITS_MAX - 1]
                del self._stamps[:COMMITS_MAX], self._records[:COMMITS_MAX]

    def since(self, ts: int, until: int | None = None) -> Sequence[CommitRecord] | None:
        """The commits after `ts` up to and with `until`, oldest first; None if the log no longer goes back to `ts`."""
        with self._lock:
            if ts < self._tail_ts:
                return None
            start = bisect_right(self._stamps, ts)
            stop = len(self._stamps) if until is None else bisect_right(self._stamps, until)
            return self._records[start:stop]
