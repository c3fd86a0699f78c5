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
from operator import attrgetter

from nbconvex.database.reads import CommitRecord

#: Commits kept. A transaction or a cached result older than this many commits is taken as changed.
COMMITS_MAX = 10_000
#: Keys kept, for a commit of thousands of documents weighs as much as thousands of small ones (some 100 bytes a key).
KEYS_MAX = 16_000
#: Commits kept however large they are, so that a transaction beside a bulk load can still be judged.
COMMITS_MIN = 8

_ts_of = attrgetter("ts")


class WriteLog:
    """The newest commits, in order of their timestamps."""

    def __init__(self, tail_ts: int) -> None:
        self._lock = threading.Lock()
        self._records: list[CommitRecord] = []
        self._tail_ts = tail_ts
        self._keys = 0

    def append(self, record: CommitRecord) -> None:
        """Add a commit that is newer than all before it."""
        with self._lock:
            self._records.append(record)
            self._keys += len(record.touched)
            # Twice as much as is kept, so that forgetting is rare and its cost spread.
            if len(self._records) > 2 * COMMITS_MAX or self._keys > 4 * KEYS_MAX:
                self._forget()

    def _forget(self) -> None:
        """Drop the oldest commits until what is kept is within its limits."""
        dropped = 0
        while len(self._records) - dropped > COMMITS_MIN and (
            len(self._records) - dropped > COMMITS_MAX or self._keys > 2 * KEYS_MAX
        ):
            # `touched` holds an index and a key in turn.
            self._keys -= len(self._records[dropped].touched)
            dropped += 1
        if dropped:
            self._tail_ts = self._records[dropped - 1].ts
            del self._records[:dropped]

    def since(self, ts: int, until: int | None = None) -> Sequence[CommitRecord] | None:
        """The commits after `ts` up to and with `until`, oldest first; None if the log no longer goes back to `ts`."""
        with self._lock:
            if ts < self._tail_ts:
                return None
            if not self._records or self._records[-1].ts <= ts:
                return ()
            start = bisect_right(self._records, ts, key=_ts_of)
            stop = len(self._records) if until is None else bisect_right(self._records, until, key=_ts_of)
            return self._records[start:stop]
