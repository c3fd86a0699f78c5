"""The results of a live query for somebody who takes them one after the other, in a thread of their own.

Owns:  `Newest`, a box for the newest result.
Must not know: how a query is followed; what becomes of a result.
Invariant: whoever is slow misses results, never the last one.
Threads: `put` from any; `take` from one.
"""

from __future__ import annotations

import threading

from nbconvex.functions.live_query import LiveUpdate


class Newest:
    """A box that holds one result: the newest that nobody has taken."""

    def __init__(self) -> None:
        self._filled = threading.Condition()
        self._update: LiveUpdate | None = None

    def put(self, update: LiveUpdate) -> None:
        """Hold a result in place of the one before."""
        with self._filled:
            self._update = update
            self._filled.notify()

    def take(self, timeout_s: float) -> LiveUpdate | None:
        """The newest result, once; None where there is none before `timeout_s` have passed."""
        with self._filled:
            self._filled.wait_for(lambda: self._update is not None, timeout_s)
            update, self._update = self._update, None
            return update
