"""How long a statement may run: one thread that interrupts those that take longer.

Owns:  `Patience`.
Must not know: what a statement is, beyond having a cursor.
Invariants: a cursor is interrupted while its statement runs, and never after it has ended. All statements have the same
time, so the oldest runs out first, and a new one never has to wake the thread.
Threads: any; one of its own, `nbconvex-sql-time`, from the first statement to `close`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from nbconvex.errors import LimitExceededError


class Interruptible(Protocol):
    """What a statement runs on."""

    def interrupt(self) -> None:
        """End what runs, with an error, in its own thread."""


class _Watched:
    __slots__ = ("cursor", "deadline_s", "is_over")

    def __init__(self, cursor: Interruptible, deadline_s: float) -> None:
        self.cursor = cursor
        self.deadline_s = deadline_s
        self.is_over = False


class Patience:
    """Statements that run, each with `seconds` of time. A thread for each would cost more than most of them do."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._changed = threading.Condition()
        self._watched: dict[_Watched, None] = {}
        self._thread: threading.Thread | None = None
        self._is_idle = False
        self._is_closed = False

    @contextmanager
    def with_(self, cursor: Interruptible) -> Iterator[None]:
        """Interrupt `cursor` if the block takes longer.

        Raises:  LimitExceededError in place of whatever the interrupted block raises.
        """
        watched = _Watched(cursor, time.monotonic() + self._seconds)
        with self._changed:
            self._watched[watched] = None
            if self._thread is None and not self._is_closed:
                self._thread = threading.Thread(target=self._watch, name="nbconvex-sql-time", daemon=True)
                self._thread.start()
            elif self._is_idle:
                self._changed.notify()
        try:
            yield
        except Exception:
            if not watched.is_over:
                raise
            raise LimitExceededError(
                "sql_time_s", "this SQL took too long", maximum=self._seconds,
                cure="Read less, or open the store with limits=Limits(sql_time_s=…). A WITH RECURSIVE needs an end.",
            ) from None  # fmt: skip
        finally:
            with self._changed:
                del self._watched[watched]

    def _watch(self) -> None:
        with self._changed:
            while not self._is_closed:
                now_s = time.monotonic()
                for watched in self._watched:
                    if watched.deadline_s <= now_s and not watched.is_over:
                        watched.is_over = True
                        watched.cursor.interrupt()
                waiting = [each.deadline_s for each in self._watched if not each.is_over]
                self._is_idle = not waiting
                self._changed.wait(max(0.0, min(waiting) - now_s) if waiting else None)
                self._is_idle = False

    def close(self) -> None:
        """End the thread. Calling it twice is fine."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()
