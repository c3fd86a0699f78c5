"""Threads that run what an event loop hands them.

Owns:  `Workers`: a bounded number of threads, and a bounded number of jobs that wait or run.
Must not know: what a job is.
Invariants: a job that does not fit is refused at once, and one that no thread begins in time is refused then; nothing
queues without end. A job whose caller has gone runs to its end. Jobs begin with an empty context, so that nothing of
the loop's leaks into user code.
Threads: `run` on any event loop, `stop` from any thread. Daemons, unlike those of `concurrent.futures`: an endless user
function must not keep the process from ending.
"""

from __future__ import annotations

import asyncio
import contextvars
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from nbconvex.errors import OverloadedError
from nbconvex.functions.mailbox import Mailbox, mailbox_of

Result = TypeVar("Result")
#: How long a thread without work stays.
_IDLE_S = 10.0


@dataclass(slots=True, eq=False)
class _Job:
    """A job that waits; `call` is None once it has begun or was given up."""

    call: Callable[[], Any] | None
    future: asyncio.Future[Any]
    mailbox: Mailbox


class Workers:
    """Up to `threads_max` threads, started as they are needed. A job waits `wait_s` for one at most.

    A job that was given up counts on until a thread comes to it: where no thread ever does, the next ones are refused
    at once.
    """

    def __init__(self, name: str, *, threads_max: int, in_flight_max: int, wait_s: float) -> None:
        self._name = name
        self._threads_max = threads_max
        self._in_flight_max = in_flight_max
        self._wait_s = wait_s
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()
        self._mailbox: Mailbox | None = None
        self._started = 0
        self._is_stopped = False
        #: Jobs that wait or run.
        self.in_flight = 0

    async def run(self, job: Callable[[], Result]) -> Result:
        """What `job` returns or raises.

        Raises:  OverloadedError: at once, where `in_flight_max` jobs wait or run already, or after `stop`; or when it
                 has waited too long.
        """
        return cast("Result", await self.begin(job))

    def begin(self, job: Callable[[], Result]) -> asyncio.Future[Result]:
        """What `run` waits for.

        Raises:  as `run`; that a job has waited too long is raised by the future.
        """
        loop = asyncio.get_running_loop()
        mailbox = self._mailbox = mailbox_of(loop, self._mailbox)
        future: asyncio.Future[Any] = loop.create_future()
        with self._lock:
            if self._is_stopped:
                raise OverloadedError("the server is stopping")
            if self.in_flight >= self._in_flight_max:
                raise OverloadedError(f"{self.in_flight:,} calls are under way, which is the limit calls_in_flight")
            self.in_flight += 1
            item = _Job(job, future, mailbox)
            self._jobs.put(item)
            has_to_wait = self.in_flight > self._threads_max
            if self.in_flight > len(self._threads) and len(self._threads) < self._threads_max:
                self._start()
        if has_to_wait:
            patience = loop.call_later(self._wait_s, self._give_up, item)
            future.add_done_callback(lambda _: patience.cancel())
        return future

    def _give_up(self, item: _Job) -> None:
        if self._taken(item) is not None and not item.future.done():
            item.future.set_exception(OverloadedError(f"no thread has been free for {self._wait_s:g} s"))

    def _taken(self, item: _Job) -> Callable[[], Any] | None:
        """What is to be called, for whoever asks first."""
        with self._lock:
            call, item.call = item.call, None
        return call

    def _start(self) -> None:
        self._started += 1
        thread = threading.Thread(target=self._work, name=f"{self._name}-{self._started}", daemon=True)
        self._threads.add(thread)
        thread.start()

    def _work(self) -> None:
        while True:
            try:
                item = self._jobs.get(timeout=_IDLE_S)
            except queue.Empty:
                with self._lock:
                    if self._jobs.empty():
                        self._threads.discard(threading.current_thread())
                        return
                continue
            if item is None:
                return
            self._do(item)
            # An idle thread must not keep the last job's arguments and result.
            del item

    def _do(self, item: _Job) -> None:
        result, problem = None, None
        call = self._taken(item)
        if call is None:
            with self._lock:
                self.in_flight -= 1
            return
        try:
            result = contextvars.Context().run(call)
        except Exception as error:
            problem = error
        except BaseException as error:
            problem = RuntimeError(f"a function raised {type(error).__name__}")
        with self._lock:
            self.in_flight -= 1
        item.mailbox.post(item.future, result if problem is None else problem)

    def stop(self, wait_s: float) -> bool:
        """Drop what waits, end the threads; whether all had ended after `wait_s`. What runs, runs on."""
        with self._lock:
            self._is_stopped = True
            threads = list(self._threads)
            while True:
                try:
                    item = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if item is not None:
                    self.in_flight -= 1
                    _cancel(item)
            for _ in threads:
                self._jobs.put(None)
        until = time.monotonic() + wait_s
        # A function may close its own backend: its thread can't wait for itself.
        others = [thread for thread in threads if thread is not threading.current_thread()]
        for thread in others:
            thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in others)


def _cancel(item: _Job) -> None:
    try:
        item.mailbox.loop.call_soon_threadsafe(item.future.cancel)
    except RuntimeError:
        return
