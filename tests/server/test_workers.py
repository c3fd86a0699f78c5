"""Threads for an event loop: nbconvex.server.workers."""

from __future__ import annotations

import asyncio
import contextvars
import threading

import pytest

from nbconvex.errors import OverloadedError
from nbconvex.server.workers import Workers

FLAG: contextvars.ContextVar[str] = contextvars.ContextVar("flag", default="clean")


def run(workers: Workers, main) -> None:
    try:
        asyncio.run(main())
    finally:
        assert workers.stop(5.0)


def test_jobs_run_in_threads_of_ours_with_an_empty_context() -> None:
    workers = Workers("nbconvex-test", threads_max=2, in_flight_max=10, wait_s=30)

    async def main() -> None:
        FLAG.set("of the loop")
        assert await workers.run(FLAG.get) == "clean"
        names = await asyncio.gather(*(workers.run(lambda: threading.current_thread().name) for _ in range(5)))
        assert set(names) <= {"nbconvex-test-1", "nbconvex-test-2"}
        assert workers.in_flight == 0

    run(workers, main)


def test_errors_come_back_and_those_that_would_end_the_loop_come_as_others() -> None:
    workers = Workers("nbconvex-test", threads_max=1, in_flight_max=10, wait_s=30)

    def interrupt() -> None:
        raise KeyboardInterrupt

    async def main() -> None:
        with pytest.raises(ZeroDivisionError):
            await workers.run(lambda: 1 // 0)
        with pytest.raises(RuntimeError, match="raised KeyboardInterrupt"):
            await workers.run(interrupt)
        assert await workers.run(lambda: 1) == 1

    run(workers, main)


def test_what_does_not_fit_is_refused_at_once_and_fits_later() -> None:
    workers = Workers("nbconvex-test", threads_max=1, in_flight_max=2, wait_s=30)
    gate = threading.Event()

    async def main() -> None:
        jobs = [asyncio.ensure_future(workers.run(gate.wait)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError, match="2 calls are under way"):
            await workers.run(lambda: None)
        gate.set()
        await asyncio.gather(*jobs)
        assert await workers.run(lambda: "later") == "later"

    run(workers, main)


def test_job_whose_caller_has_gone_runs_to_its_end() -> None:
    workers = Workers("nbconvex-test", threads_max=1, in_flight_max=2, wait_s=30)
    gate, done = threading.Event(), threading.Event()

    async def main() -> None:
        job = asyncio.ensure_future(workers.run(lambda: (gate.wait(), done.set())))
        await asyncio.sleep(0)
        job.cancel()
        gate.set()
        await workers.run(lambda: None)
        assert done.is_set()

    run(workers, main)


def test_stopping_drops_what_waits_and_lets_what_runs_end() -> None:
    workers = Workers("nbconvex-test", threads_max=1, in_flight_max=5, wait_s=30)
    gate, running = threading.Event(), threading.Event()

    async def main() -> None:
        job = asyncio.ensure_future(workers.run(lambda: (running.set(), gate.wait(), "ran")[2]))
        waiting = asyncio.ensure_future(workers.run(lambda: "never"))
        await asyncio.sleep(0)
        while not running.is_set():  # noqa: ASYNC110 - an event of threads
            await asyncio.sleep(0)
        assert not workers.stop(0.0)
        with pytest.raises(OverloadedError, match="stopping"):
            await workers.run(lambda: None)
        with pytest.raises(asyncio.CancelledError):
            await waiting
        gate.set()
        assert await job == "ran"

    run(workers, main)


def test_what_no_thread_begins_in_time_is_refused_and_never_run() -> None:
    workers = Workers("nbconvex-test", threads_max=1, in_flight_max=3, wait_s=0.05)
    gate, ran = threading.Event(), threading.Event()

    async def main() -> None:
        job = asyncio.ensure_future(workers.run(gate.wait))
        await asyncio.sleep(0)
        for _ in range(2):
            with pytest.raises(OverloadedError, match=r"no thread has been free for 0\.05 s"):
                await workers.run(ran.set)
        with pytest.raises(OverloadedError, match="3 calls are under way"):
            await workers.run(ran.set)
        gate.set()
        await job
        assert await workers.run(lambda: "later") == "later"
        assert not ran.is_set()
        assert workers.in_flight == 0

    run(workers, main)
