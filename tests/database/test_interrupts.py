"""Interrupts that wait until memory and disk agree."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from nbconvex.database.interrupts import InterruptsHeld

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows delivers interrupts in another way")


@pytest.fixture(autouse=True)
def handler_is_put_back() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    yield
    now = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, before)
    assert now is before


def interrupted(after: Callable[[], None] = lambda: None, *, times: int = 1) -> None:
    """A block that is interrupted and then goes on with `after`."""
    with InterruptsHeld("the work was done"):
        for _ in range(times):
            os.kill(os.getpid(), signal.SIGINT)
        after()


def fail() -> None:
    raise ValueError("broken")


def test_an_interrupt_is_raised_behind_the_block_with_the_note() -> None:
    steps: list[str] = []
    with pytest.raises(KeyboardInterrupt) as raised:
        interrupted(lambda: steps.append("went on"))
    assert steps == ["went on"]
    assert raised.value.__notes__ == ["nbconvex: the work was done."]


def test_a_block_that_failed_says_nothing_about_its_outcome() -> None:
    with pytest.raises(KeyboardInterrupt) as raised:
        interrupted(fail)
    assert not hasattr(raised.value, "__notes__")
    assert isinstance(raised.value.__context__, ValueError)


def test_without_an_interrupt_nothing_happens() -> None:
    with InterruptsHeld("the work was done"):
        pass
    with pytest.raises(ValueError, match="broken"), InterruptsHeld("the work was done"):
        fail()


def test_blocks_nest_and_the_outermost_lets_go() -> None:
    steps: list[str] = []

    def run() -> None:
        with InterruptsHeld("outer"):
            interrupted(lambda: steps.append("inner went on"))
            steps.append("outer went on")

    with pytest.raises(KeyboardInterrupt):
        run()
    assert steps == ["inner went on", "outer went on"]


def test_several_interrupts_are_one() -> None:
    with pytest.raises(KeyboardInterrupt):
        interrupted(times=3)


def test_a_handler_of_somebody_else_is_called_afterwards() -> None:
    received: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: received.append(number))
    try:
        with InterruptsHeld("done"):
            os.kill(os.getpid(), signal.SIGINT)
            assert received == []
        assert received == [signal.SIGINT]
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_ignored_interrupt_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with InterruptsHeld("done"):
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_are_left_alone() -> None:
    failures: list[BaseException] = []

    def run() -> None:
        try:
            with InterruptsHeld("done"):
                pass
        except BaseException as error:
            failures.append(error)

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert failures == []
    assert signal.getsignal(signal.SIGINT) is before
