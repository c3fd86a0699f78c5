"""Outcomes on their way into a loop."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from nbconvex.functions.mailbox import OUTCOMES_A_TURN_MAX, Mailbox, mailbox_of


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


def test_many_outcomes_are_told_over_several_turns_in_their_order() -> None:
    async def work() -> None:
        loop = asyncio.get_running_loop()
        mailbox = Mailbox(loop)
        futures = [loop.create_future() for _ in range(2 * OUTCOMES_A_TURN_MAX + 1)]
        for number, future in enumerate(futures):
            mailbox.post(future, number)
        done = []
        while not futures[-1].done():
            await asyncio.sleep(0)
            done.append(sum(future.done() for future in futures))
        assert [each for each in dict.fromkeys(done) if each] == [
            OUTCOMES_A_TURN_MAX, 2 * OUTCOMES_A_TURN_MAX, 2 * OUTCOMES_A_TURN_MAX + 1
        ]  # fmt: skip
        assert [future.result() for future in futures] == list(range(len(futures)))

    asyncio.run(work())


def test_a_mailbox_is_used_again_by_its_own_loop_only() -> None:
    here, there = asyncio.new_event_loop(), asyncio.new_event_loop()
    known = mailbox_of(here, None)
    assert mailbox_of(here, known) is known
    assert mailbox_of(there, known).loop is there
    here.close()
    there.close()
