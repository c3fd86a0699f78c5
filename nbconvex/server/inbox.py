"""What other threads tell an event loop, many things at a time.

Owns:  `Inbox`: one wake-up of the loop serves everything that has arrived.
Must not know: what is told.
Why: a commit that concerns a thousand sockets would else wake the loop a thousand times, each a system call.
Threads: `post` from any thread, `post_here` in the loop; what was posted is called in the loop, in order.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any

_log = logging.getLogger("nbconvex")
#: Calls made in one turn of the loop, so that sockets are served between them.
_CALLS_A_TURN_MAX = 256


class Inbox:
    """Calls on their way into one loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._calls: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        self._is_woken = False

    def post(self, call: Callable[..., None], *args: Any) -> None:
        """Have `call(*args)` called in the loop soon. After the loop has ended nothing happens."""
        self._calls.append((call, args))
        if self._is_woken:
            return
        self._is_woken = True
        try:
            self._loop.call_soon_threadsafe(self._drain)
        except RuntimeError:
            self._calls.clear()

    def post_here(self, call: Callable[..., None], *args: Any) -> None:
        """The same, where it is the loop itself that posts: it is awake."""
        self._calls.append((call, args))
        if not self._is_woken:
            self._is_woken = True
            self._loop.call_soon(self._drain)

    def _drain(self) -> None:
        # Lowered before looking: whoever posts from here on wakes the loop again.
        self._is_woken = False
        calls = self._calls
        for _ in range(min(len(calls), _CALLS_A_TURN_MAX)):
            call, args = calls.popleft()
            try:
                call(*args)
            except Exception:
                _log.exception("something told to the server could not be taken in")
        if calls and not self._is_woken:
            self._is_woken = True
            self._loop.call_soon(self._drain)
