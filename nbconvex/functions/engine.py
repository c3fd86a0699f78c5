"""The thread in which `async def` actions run when they are called from plain code.

Owns:  one event loop in one daemon thread, started when first needed.
Must not know: what runs in it.
Mechanism: a notebook's own loop is running while a cell runs, so a cell that wants the value of an async action cannot
run it there. The caller waits, interruptibly; an interrupt cancels the action and nothing else. The caller's context
travels along, so that prints show under its cell. Source: jupyter-facts 1.3, 1.4, 1.7.
Threads: `run` from any thread but the engine's own, `begin` from any.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import contextvars
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from nbconvex.errors import CallerError

Result = TypeVar("Result")
#: Told in the engine's thread when a coroutine has ended; None stands for one that was never begun.
Ended = Callable[["asyncio.Task[Any] | None"], None]
#: How long an interrupted action has to come to its end.
_CANCEL_WAIT_S = 1.0


class Engine:
    """An event loop of our own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._coming: deque[tuple[Coroutine[Any, Any, Any], Ended]] = deque()
        # The loop itself does not hold what runs in it.
        self._running: set[asyncio.Task[Any]] = set()

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """The result of `coroutine`, run in the engine's thread while this one waits."""
        __tracebackhide__ = True
        with self._lock:
            loop = self._started()
        if threading.current_thread() is self._thread:
            coroutine.close()
            raise CallerError(
                "an async action cannot be waited for from inside the engine's own thread.", hint="await it"
            )
        future = asyncio.run_coroutine_threadsafe(coroutine, loop)
        try:
            return future.result()
        except BaseException:
            if not future.done():
                future.cancel()
                concurrent.futures.wait([future], _CANCEL_WAIT_S)
            raise

    def begin(self, coroutine: Coroutine[Any, Any, Any], ended: Ended) -> None:
        """Run `coroutine` in the engine's thread, in an empty context, after the next `wake`; go on here."""
        with self._lock:
            self._started()
            self._coming.append((coroutine, ended))

    def wake(self) -> None:
        """Begin what was handed to `begin`: one wake-up of the engine for all of it."""
        with self._lock:
            loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # stopped meanwhile, which ends what was coming
                loop.call_soon_threadsafe(self._begin_all, loop)

    def _begin_all(self, loop: asyncio.AbstractEventLoop) -> None:
        if loop is not self._loop:
            return
        while self._coming:
            coroutine, ended = self._coming.popleft()
            task = loop.create_task(coroutine, context=contextvars.Context())
            self._running.add(task)
            task.add_done_callback(self._running.discard)
            task.add_done_callback(ended)

    def _started(self) -> asyncio.AbstractEventLoop:
        """The loop; the lock is held."""
        if self._loop is None:
            # Not asyncio.run: programs that patch it (nest_asyncio) must not reach in here.
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(
                target=self._serve, args=(self._loop,), name="nbconvex-actions", daemon=True
            )
            self._thread.start()
        return self._loop

    @staticmethod
    def _serve(loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()

    def stop(self) -> None:
        """Cancel what runs and end the thread. Calling it twice is fine."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
            coming, self._coming = self._coming, deque()
        for coroutine, ended in coming:
            coroutine.close()
            ended(None)
        if loop is None or thread is None:
            return

        def finish() -> None:
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            if tasks:
                asyncio.gather(*tasks, return_exceptions=True).add_done_callback(lambda _: loop.stop())
            else:
                loop.stop()

        loop.call_soon_threadsafe(finish)
        if threading.current_thread() is not thread:
            thread.join(5)
