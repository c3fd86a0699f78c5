"""Work that an interrupt of the kernel ends."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from nbconvex.storage.tables.interruptible import interruptibly


class Cursor:
    """Ends its work when it is interrupted, as DuckDB does."""

    def __init__(self) -> None:
        self.is_ended = threading.Event()
        self.interrupts = 0

    def interrupt(self) -> None:
        self.interrupts += 1
        self.is_ended.set()

    def work(self) -> str:
        if self.is_ended.wait(10):
            raise ValueError("interrupted")
        return "done"


def test_results_and_errors_come_from_the_work() -> None:
    assert interruptibly(Cursor(), lambda: 5) == 5
    with pytest.raises(KeyError):
        interruptibly(Cursor(), lambda: {}["x"])
    assert threading.active_count() == 1 or not any(each.name == "nbconvex-sql" for each in threading.enumerate())


def test_an_interrupt_ends_the_work_and_is_raised_when_that_has_ended() -> None:
    cursor = Cursor()
    timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        interruptibly(cursor, cursor.work)
    timer.join()
    assert cursor.interrupts == 1


def test_another_thread_does_its_work_itself() -> None:
    names: list[str] = []
    cursor = Cursor()
    thread = threading.Thread(
        target=lambda: interruptibly(cursor, lambda: names.append(threading.current_thread().name)), name="other"
    )
    thread.start()
    thread.join()
    assert names == ["other"]
