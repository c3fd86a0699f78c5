"""The one thread that draws live views.

Owns:  when a view is drawn: at once after a quiet time, then at most every `INTERVAL_S`, the last change always.
Must not know: what drawing is, widgets, IPython, backends.
Invariants: a view is never drawn by two threads at once, and by no other thread than this one: the state that widgets
       keep while they send is not made for several. The latest state wins, nothing is queued up: what has changed ten
       times since the last drawing is drawn once. So a slow page delays
       pictures, never a commit or another view's query.
Threads: `want`, `submit`, `stop` from any; `paint` and jobs run in the thread named nbconvex-painter.
Source: rate and reason in measurements of widget traffic: above ten updates a second pages fall behind, above 1,000
       messages a second jupyter_server drops them.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from nbconvex.clock import Clock, SystemClock

#: The shortest time between two drawings of one view.
INTERVAL_S: Final = 0.1

_log = logging.getLogger("nbconvex.notebook")


class Paintable(Protocol):
    """Something that can be drawn again and again."""

    def paint(self) -> None:
        """Draw the state of now. Called in the painter's thread only."""


class Painter:
    """Draws whoever wants to be drawn, not too often."""

    def __init__(self, *, clock: Clock | None = None, interval_s: float = INTERVAL_S) -> None:
        self._clock = clock or SystemClock()
        self._interval_s = interval_s
        self._wakened = threading.Condition()
        self._wanted: dict[Paintable, None] = {}
        self._drawn_at_s: dict[Paintable, float] = {}
        self._jobs: deque[Callable[[], None]] = deque()
        self._thread: threading.Thread | None = None
        self._is_stopped = False

    def want(self, view: Paintable) -> None:
        """Have `view` drawn as soon as its interval allows."""
        with self._wakened:
            self._wanted[view] = None
            self._wake()

    def submit(self, job: Callable[[], None]) -> None:
        """Have `job` run in the painter's thread, before the next drawing."""
        with self._wakened:
            self._jobs.append(job)
            self._wake()

    def forget(self, view: Paintable) -> None:
        """Do not draw `view` any more."""
        with self._wakened:
            self._wanted.pop(view, None)
            self._drawn_at_s.pop(view, None)

    def stop(self) -> None:
        """Draw what is wanted, then end the thread. Twice is fine; from the painter's thread it does not wait."""
        with self._wakened:
            self._is_stopped = True
            thread, self._thread = self._thread, None
            self._wakened.notify_all()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=5.0)

    def _wake(self) -> None:
        if self._is_stopped:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="nbconvex-painter", daemon=True)
            self._thread.start()
        self._wakened.notify_all()

    def _run(self) -> None:
        while True:
            with self._wakened:
                jobs, views, wait_s = self._due()
                if not jobs and not views:
                    if self._is_stopped:
                        return
                    self._wakened.wait(wait_s)
                    continue
            for work in [*jobs, *(view.paint for view in views)]:
                try:
                    work()
                except Exception:
                    # A view whose page is gone must not end the other views.
                    _log.exception("a live view could not be drawn")

    def _due(self) -> tuple[list[Callable[[], None]], list[Paintable], float | None]:
        """What is to be done now, and how long until something else is. The caller holds the lock."""
        now_s = self._clock.monotonic_s()
        jobs = list(self._jobs)
        self._jobs.clear()
        due: list[Paintable] = []
        wait_s: float | None = None
        for view in self._wanted:
            left_s = self._drawn_at_s.get(view, now_s - self._interval_s) + self._interval_s - now_s
            if left_s <= 0 or self._is_stopped:
                due.append(view)
            else:
                wait_s = left_s if wait_s is None else min(wait_s, left_s)
        for view in due:
            del self._wanted[view]
            self._drawn_at_s[view] = now_s
        return jobs, due, wait_s
