"""Holding a kernel's interrupt back for the moment in which memory and disk must agree.

Owns:  `InterruptsHeld`.
Must not know: what is being protected.
Threads: only the main thread receives interrupts; elsewhere this does nothing.
Source: jupyter-facts 1.7; architecture.md 3.2.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

_MAIN_THREAD = threading.main_thread()

# `signal.signal` turns numbers into enum members on the way in and out, which costs more than the call below it; a
# commit makes it twice.
_set_handler: Callable[[int, Any], Any] = getattr(getattr(signal, "_signal", signal), "signal", signal.signal)
_get_handler: Callable[[int], Any] = getattr(getattr(signal, "_signal", signal), "getsignal", signal.getsignal)
_SIGINT = int(signal.SIGINT)


class InterruptsHeld:
    """A block during which an interrupt (Ctrl-C, the stop button) waits; it is raised at the end with `note`."""

    __slots__ = ("_handler", "_note", "_received")

    def __init__(self, note: str) -> None:
        self._note = note
        self._received: tuple[int, FrameType | None] | None = None
        self._handler: Any = None

    def __enter__(self) -> None:
        if threading.current_thread() is not _MAIN_THREAD:
            return
        handler = _get_handler(_SIGINT)
        if callable(handler):
            _set_handler(_SIGINT, self._receive)
            self._handler = handler

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self._received = (number, frame)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        handler = self._handler
        if handler is None:
            return
        _set_handler(_SIGINT, handler)
        if self._received is None:
            return
        try:
            handler(*self._received)
        except BaseException as interrupt:
            if error is None:
                interrupt.add_note(f"nbconvex: {self._note}.")
            raise
