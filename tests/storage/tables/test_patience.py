"""How long a statement may run."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from nbconvex.errors import LimitExceededError
from nbconvex.storage.tables.patience import Patience


class Cursor:
    def __init__(self) -> None:
        self.interrupted = threading.Event()

    def interrupt(self) -> None:
        self.interrupted.set()

    def run(self, seconds: float) -> None:
        if self.interrupted.wait(seconds):
            raise RuntimeError("interrupted")


@pytest.fixture
def patience() -> Iterator[Patience]:
    made = Patience(0.1)
    yield made
    made.close()


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "nbconvex-sql-time"]


def test_what_takes_too_long_is_interrupted_one_after_the_other(patience: Patience) -> None:
    for _ in range(2):
        cursor = Cursor()
        with pytest.raises(LimitExceededError, match="took too long"), patience.with_(cursor):
            cursor.run(20)
        assert cursor.interrupted.is_set()
    assert len(threads()) == 1


def test_what_has_ended_is_left_alone(patience: Patience) -> None:
    early, late = Cursor(), Cursor()
    with patience.with_(early):
        pass
    with pytest.raises(LimitExceededError), patience.with_(late):
        late.run(20)
    assert not early.interrupted.is_set()


def test_each_of_several_has_its_own_time(patience: Patience) -> None:
    first, second = Cursor(), Cursor()
    with patience.with_(first):
        time.sleep(0.05)
        with pytest.raises(LimitExceededError), patience.with_(second):
            second.run(20)
        assert first.interrupted.is_set()


def test_an_error_of_its_own_stays_what_it_is(patience: Patience) -> None:
    with pytest.raises(ValueError, match="own"), patience.with_(Cursor()):
        raise ValueError("own")


def test_the_thread_begins_with_the_first_statement_and_ends_at_closing() -> None:
    patience = Patience(60)
    assert threads() == []
    with patience.with_(Cursor()):
        assert len(threads()) == 1
    patience.close()
    patience.close()
    assert threads() == []
