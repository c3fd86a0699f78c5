"""Outcomes on their way into a loop."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from nbconvex.functions.mailbox import Mailbox


def test_outcomes_posted_together_wake_the_loop_once() -> None:
    async def work() -> None:
        loop = asyncio.get_running_loop()
        wakes = []
        original = loop.call_soon_threadsafe
        loop.call_soon_threadsafe = lambda *given: (wakes.append(1), original(*given))[1]  # type: ignore[method-assign]
        mailbox = Mailbox(loop)
        futures = [loop.create_future() for _ in range(64)]

        def post_all() -> None:
            for number, future in enumerate(futures):
                mailbox.post(future, number)

        # In this thread, so that the loop cannot drain in between.
        post_all()
        assert await asyncio.gather(*futures) == list(range(64))
        assert wakes == [1]
        again = loop.create_future()
        mailbox.post(again, "later")
        assert await again == "later"
        assert wakes == [1, 1]

    asyncio.run(work())


def test_exception_is_raised_and_whoever_gave_up_is_left_alone() -> None:
    async def work() -> None:
        loop = asyncio.get_running_loop()
        mailbox = Mailbox(loop)
        failing, given_up = loop.create_future(), loop.create_future()
        given_up.cancel()
        poster = threading.Thread(target=lambda: (mailbox.post(given_up, 1), mailbox.post(failing, ValueError("no"))))
        poster.start()
        with pytest.raises(ValueError, match="no"):
            await failing
        poster.join()

    asyncio.run(work())


def test_closed_loop_swallows_what_comes_late() -> None:
    loop = asyncio.new_event_loop()
    future: asyncio.Future[Any] = loop.create_future()
    mailbox = Mailbox(loop)
    loop.close()
    mailbox.post(future, 1)
    assert not future.done()
