"""Being told to stop by a signal.

Owns:  `Ending`, which signals set; `ending_by_signals`.
Must not know: what is to be stopped.
Why not an Event of `threading`: a handler runs in the main thread, between any two of its steps. If the main thread is
just then waiting for the event, and holds its lock, setting it there waits for ever.
Threads: handlers run in the main thread, which also waits; `is_set` may be asked in any.
Source: the documentation of `queue.SimpleQueue`, whose `put` may be called while another is under way.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue


class Ending:
    """Whether it is time to stop."""

    def __init__(self) -> None:
        self._told: SimpleQueue[None] = SimpleQueue()
        self._is_set = False

    def set(self) -> None:
        """It is. Safe in a signal's handler."""
        self._is_set = True
        self._told.put(None)

    def is_set(self) -> bool:
        """Whether it is."""
        return self._is_set

    def wait(self, timeout_s: float) -> bool:
        """Whether it is, within `timeout_s`."""
        if not self._is_set:
            with suppress(Empty):
                self._told.get(timeout=timeout_s)
        return self._is_set


@contextmanager
def ending_by_signals() -> Iterator[Ending]:
    """SIGINT and SIGTERM are the ending of the block, and nothing else of it."""
    ending = Ending()

    def end(_number: int, _frame: object) -> None:
        ending.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield ending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
