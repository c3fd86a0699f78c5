"""What goes between an event loop and the threads that serve it, many at a time.

Owns:  `Mailbox`, one a loop for each that has outcomes for it. One wake-up of the loop serves all outcomes that have
arrived, and one call to the outside serves all that asked for it in one turn of the loop.
Must not know: what the outcomes mean.
Threads: `post` from any thread; `once_a_turn` in the loop, where futures are resolved.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

#: Outcomes told in one turn of the loop. Of 64 callers that go on at once, the first half is on its way to the disk
#: while the second runs, and the loop's other work comes in between.
OUTCOMES_A_TURN_MAX = 32


class Mailbox:
    """Outcomes on their way to the futures of one loop."""

    __slots__ = ("_is_due", "_is_woken", "_items", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._items: deque[tuple[asyncio.Future[Any], Any]] = deque()
        self._is_woken = False
        self._is_due = False

    def once_a_turn(self, call: Callable[[], None]) -> None:
        """Call `call` when everything that is ready in the loop has had its turn; asking again until then is one call.

        Waking a thread for each of 64 coroutines would cost each of them a change of threads, and group nothing.
        """
        if not self._is_due:
            self._is_due = True
            self.loop.call_soon(self._call_due, call)

    def _call_due(self, call: Callable[[], None]) -> None:
        self._is_due = False
        call()

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
        for _ in range(min(len(items), OUTCOMES_A_TURN_MAX)):
            future, outcome = items.popleft()
            if future.done():
                continue
            if isinstance(outcome, BaseException):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
        if items and not self._is_woken:
            self._is_woken = True
            self.loop.call_soon(self._drain)


def mailbox_of(loop: asyncio.AbstractEventLoop, known: Mailbox | None) -> Mailbox:
    """The mailbox that is `known` if it is that loop's, else a new one."""
    return known if known is not None and known.loop is loop else Mailbox(loop)
