"""Handing outcomes from other threads to an event loop.

Owns:  `Mailbox`, one a loop; one wake-up of the loop serves all outcomes that have arrived.
Must not know: what the outcomes mean.
Threads: `post` from any thread; futures are resolved in the loop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any


class Mailbox:
    """Outcomes on their way to the futures of one loop."""

    __slots__ = ("_is_woken", "_items", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._items: deque[tuple[asyncio.Future[Any], Any]] = deque()
        self._is_woken = False

    def post(self, future: asyncio.Future[Any], outcome: Any) -> None:
        """Resolve `future` soon: with `outcome`, or by raising it where it is an exception."""
        self._items.append((future, outcome))
        if self._is_woken:
            return
        self._is_woken = True
        try:
            self.loop.call_soon_threadsafe(self._drain)
        except RuntimeError:
            # The loop was closed: nobody is waiting any more.
            self._items.clear()

    def _drain(self) -> None:
        # Lowered before looking: whoever posts from here on wakes the loop again.
        self._is_woken = False
        items = self._items
        while items:
            future, outcome = items.popleft()
            if future.done():
                continue
            if isinstance(outcome, BaseException):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
