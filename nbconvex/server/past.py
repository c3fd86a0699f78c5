"""Snapshots that clients were told of, so that they can be read again.

Owns:  `Past`: the newest snapshots that `now` gave out, for a while.
Must not know: HTTP; how a query is run.
Mechanism: a snapshot is immutable and shares nearly everything with the next one, so keeping it costs what was written
since. Only those are kept that a client has asked the timestamp of: it can know of no other.
Limits:  past_snapshots, past_time_s.
Threads: any.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from nbconvex.errors import RequestRefusedError

if TYPE_CHECKING:
    from nbconvex.backend import Backend
    from nbconvex.database.snapshot import Snapshot


class Past:
    """The snapshots that one server keeps."""

    def __init__(self, backend: Backend) -> None:
        self._database = backend.database
        self._clock = backend.clock
        self._kept_max = backend.limits.past_snapshots
        self._kept_s = backend.limits.past_time_s
        #: By timestamp, the one that was given out longest ago first, with the time until which it is kept.
        self._kept: OrderedDict[int, tuple[Snapshot, float]] = OrderedDict()
        self._lock = threading.Lock()

    def now(self) -> int:
        """The timestamp of the newest snapshot, which is kept from now on."""
        snapshot = self._database.snapshot
        with self._lock:
            self._kept[snapshot.ts] = (snapshot, self._clock.monotonic_s() + self._kept_s)
            self._kept.move_to_end(snapshot.ts)
            if len(self._kept) > self._kept_max:
                self._kept.popitem(last=False)
        return snapshot.ts

    def at(self, ts: int) -> Snapshot:
        """The snapshot of `ts`.

        Raises:  RequestRefusedError if nobody can know yet what it will be, or if it is not kept (any more).
        """
        self.forget_old()
        newest = self._database.snapshot
        if ts == newest.ts:
            return newest
        if ts > newest.ts:
            raise RequestRefusedError(
                400, "TimestampInFuture",
                f"ts {ts} is later than the newest commit, {newest.ts}: ask /api/query_ts for a timestamp.",
            )  # fmt: skip
        with self._lock:
            found = self._kept.get(ts)
        if found is None:
            raise RequestRefusedError(
                400, "TimestampTooOld",
                f"ts {ts} cannot be read any more: timestamps from /api/query_ts are kept for {self._kept_s:g} s "
                f"(limit past_time_s), and {self._kept_max} of them at most (limit past_snapshots). "
                "Ask for a new one and repeat all queries that belong together.",
            )  # fmt: skip
        return found[0]

    def forget_old(self) -> int:
        """Let go of snapshots whose time has passed; how many are left."""
        now_s = self._clock.monotonic_s()
        with self._lock:
            while self._kept:
                ts, (_, until_s) = next(iter(self._kept.items()))
                if until_s > now_s:
                    break
                del self._kept[ts]
            return len(self._kept)
