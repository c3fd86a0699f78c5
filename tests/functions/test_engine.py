"""The thread for async actions."""

from __future__ import annotations

import asyncio
import contextvars
import signal
import threading
import time
from typing import Any

import pytest

from nbconvex.errors import CallerError
from nbconvex.functions.engine import Engine
from nbconvex.testing import convex_test

WORD: contextvars.ContextVar[str] = contextvars.ContextVar("word", default="none")


@pytest.fixture
def engine() -> Any:
    made = Engine()
    yield made
    made.stop()


def test_coroutine_runs_in_the_engine_with_the_callers_context(engine: Engine) -> None:
    async def work() -> tuple[str, str]:
        await asyncio.sleep(0)
        return threading.current_thread().name, WORD.get()

    WORD.set("mine")
    assert engine.run(work()) == ("nbconvex-actions", "mine")


def test_engine_starts_when_needed_and_stops_twice() -> None:
    engine = Engine()
    before = threading.active_count()
    engine.stop()
    assert threading.active_count() == before

    async def work() -> int:
        return 1

    assert engine.run(work()) == 1
    engine.stop()
    engine.stop()
    assert threading.active_count() == before


def test_waiting_inside_the_engine_is_refused(engine: Engine) -> None:
    async def inner() -> None: ...

    async def outer() -> None:
        with pytest.raises(CallerError, match="from inside the engine's own thread"):
            engine.run(inner())

    engine.run(outer())


def test_stop_cancels_what_runs(engine: Engine) -> None:
    cancelled = threading.Event()
    started = threading.Event()

    async def work() -> None:
        started.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    def call() -> None:
        with pytest.raises(BaseException):  # noqa: B017 - concurrent.futures' own kind of cancellation
            engine.run(work())

    caller = threading.Thread(target=call)
    caller.start()
    started.wait(5)
    engine.stop()
    caller.join(5)
    assert cancelled.is_set()


@pytest.mark.case("notebook/interrupt_action")
@pytest.mark.parametrize("is_async", [True, False])
def test_interrupt_stops_the_action_and_its_mutations_stay(is_async: bool) -> None:
    with convex_test() as t:
        t.backend.mutation(name="m:add")(lambda ctx: ctx.db.insert("t", {}))
        main = threading.main_thread()
        waiting = threading.Event()
        ended = []

        async def asynchronous(ctx: Any) -> None:
            await ctx.run_mutation("m:add")
            try:
                waiting.set()
                await asyncio.sleep(60)
            finally:
                ended.append(True)

        def plain(ctx: Any) -> None:
            ctx.run_mutation("m:add")
            try:
                waiting.set()
                time.sleep(60)
            finally:
                ended.append(True)

        def interrupt() -> None:
            assert waiting.wait(10)
            signal.pthread_kill(main.ident, signal.SIGINT)  # type: ignore[arg-type]

        stopper = threading.Thread(target=interrupt)
        stopper.start()
        with pytest.raises(KeyboardInterrupt):
            t.action(asynchronous if is_async else plain)
        stopper.join()
        assert ended == [True]
        assert t.query(lambda ctx: ctx.db.query("t").count()) == 1


def test_what_is_begun_runs_after_one_wake_in_an_empty_context(engine: Engine) -> None:
    ended: list[Any] = []
    done = threading.Event()
    WORD.set("somebody")

    async def work(number: int) -> tuple[int, str]:
        await asyncio.sleep(0)
        return number, WORD.get()

    def tell(task: asyncio.Task[Any] | None) -> None:
        assert task is not None
        ended.append((task.result(), threading.current_thread().name))
        if len(ended) == 3:
            done.set()

    for number in range(3):
        engine.begin(work(number), tell)
    engine.wake()
    assert done.wait(5)
    assert ended == [((number, "none"), "nbconvex-actions") for number in range(3)]


def test_stop_tells_those_whose_coroutine_was_never_begun(engine: Engine) -> None:
    told: list[Any] = []
    coroutine = asyncio.sleep(0)
    engine.begin(coroutine, told.append)
    engine.stop()
    assert told == [None]
    assert coroutine.cr_frame is None
    engine.wake()
