"""What other threads tell an event loop."""

from __future__ import annotations

import asyncio
import threading

from nbconvex.server.inbox import Inbox


def test_what_is_posted_is_called_in_the_loop_in_order() -> None:
    async def main() -> list[int]:
        inbox = Inbox(asyncio.get_running_loop())
        done = asyncio.Event()
        called: list[int] = []

        def call(number: int) -> None:
            assert threading.current_thread() is threading.main_thread()
            called.append(number)
            if number == 999:
                done.set()

        def post() -> None:
            for number in range(1_000):
                inbox.post(call, number)

        thread = threading.Thread(target=post)
        thread.start()
        await done.wait()
        thread.join()
        return called

    assert asyncio.run(main()) == list(range(1_000))


def test_a_call_that_fails_keeps_nobody_from_being_called(caplog) -> None:
    async def main() -> list[str]:
        inbox = Inbox(asyncio.get_running_loop())
        called: list[str] = []
        inbox.post(lambda: 1 / 0)
        inbox.post(called.append, "after")
        await asyncio.sleep(0.01)
        return called

    assert asyncio.run(main()) == ["after"]
    assert "ZeroDivisionError" in caplog.text


def test_a_loop_that_has_ended_is_told_nothing() -> None:
    loop = asyncio.new_event_loop()
    inbox = Inbox(loop)
    loop.close()
    inbox.post(print, "never")


def test_what_the_loop_posts_itself_comes_after_what_is_there() -> None:
    async def main() -> list[int]:
        inbox = Inbox(asyncio.get_running_loop())
        done = asyncio.Event()
        called: list[int] = []

        def call(number: int) -> None:
            called.append(number)
            if number < 300:
                inbox.post_here(call, number + 300)
            if number == 599:
                done.set()

        for number in range(300):
            inbox.post_here(call, number)
        await asyncio.wait_for(done.wait(), 10)
        return called

    assert asyncio.run(main()) == list(range(600))
