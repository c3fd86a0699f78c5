"""The time, as something that is handed in.

Owns:  the `Clock` port and its two implementations.
Must not know: anything else.
Invariant: nothing in the package asks the operating system for the time except through a `Clock`, so that tests and
the simulator decide what time it is.
Threads: every method may be called from any thread.
"""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """What time it is, and waiting for it."""

    def now_ns(self) -> int:
        """Wall-clock time in nanoseconds since 1970 UTC. May jump backwards."""

    def monotonic_s(self) -> float:
        """Seconds since an arbitrary moment. Never goes backwards."""

    def wait(self, event: threading.Event, timeout_s: float | None) -> bool:
        """Whether `event` was set before `timeout_s` seconds of this clock had passed."""


class SystemClock:
    """The machine's clock."""

    # Bound at import: `functions.determinism` replaces `time.time` for user code, and the clock itself must not freeze.
    now_ns = staticmethod(time.time_ns)
    monotonic_s = staticmethod(time.monotonic)

    def wait(self, event: threading.Event, timeout_s: float | None) -> bool:
        return event.wait(timeout_s)


class ManualClock:
    """A clock that stands still until it is told to move.

    Units:  `now_ms` in milliseconds since 1970 UTC; `advance` in seconds.
    """

    def __init__(self, now_ms: float = 1_700_000_000_000.0) -> None:
        self._now_ns = int(now_ms * 1e6)
        self._monotonic_s = 0.0
        self._moved = threading.Condition()

    def now_ns(self) -> int:
        return self._now_ns

    def monotonic_s(self) -> float:
        return self._monotonic_s

    def advance(self, seconds: float) -> None:
        """Move time forward, waking whoever waits."""
        with self._moved:
            self._now_ns += int(seconds * 1e9)
            self._monotonic_s += max(seconds, 0.0)
            self._moved.notify_all()

    def set_ms(self, now_ms: float) -> None:
        """Make the wall clock jump, in either direction; the monotonic clock does not notice."""
        with self._moved:
            self._now_ns = int(now_ms * 1e6)
            self._moved.notify_all()

    def wait(self, event: threading.Event, timeout_s: float | None) -> bool:
        # Polls in real time: whoever sets the event does not know about this condition.
        until = None if timeout_s is None else self._monotonic_s + timeout_s
        while not event.is_set():
            if until is not None and self._monotonic_s >= until:
                return False
            with self._moved:
                self._moved.wait(0.001)
        return True
