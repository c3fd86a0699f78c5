"""The drawing thread: nbconvex.notebook.painter."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from nbconvex.notebook.painter import Painter


class View:
    """Counts when it was drawn."""

    def __init__(self) -> None:
        self.at_s: list[float] = []
        self.drawn = threading.Event()

    def paint(self) -> None:
        self.at_s.append(time.monotonic())
        self.drawn.set()


@pytest.fixture
def painter() -> Iterator[Painter]:
    painter = Painter(interval_s=0.05)
    yield painter
    painter.stop()


def test_painter_survives_a_view_that_cannot_be_drawn(painter, caplog) -> None:
    class Broken:
        def paint(self) -> None:
            raise RuntimeError("page gone")

    done = threading.Event()
    painter.want(Broken())
    painter.submit(done.set)
    assert done.wait(5)
    painter.stop()
    painter.stop()
    assert "could not be drawn" in caplog.text


def test_first_drawing_is_at_once_and_the_next_waits(painter) -> None:
    view = View()
    began = time.monotonic()
    painter.want(view)
    assert view.drawn.wait(5)
    painter.want(view)
    while len(view.at_s) < 2:
        time.sleep(0.005)
    assert view.at_s[1] - view.at_s[0] >= 0.045
    assert view.at_s[0] - began < 1


def test_views_do_not_wait_for_each_other(painter) -> None:
    first, second = View(), View()
    painter.want(first)
    assert first.drawn.wait(5)
    painter.want(first)
    painter.want(second)
    assert second.drawn.wait(5)
    assert len(first.at_s) == 1


def test_stopping_draws_what_is_wanted_and_ends_the_thread(painter) -> None:
    view = View()
    painter.want(view)
    assert view.drawn.wait(5)
    painter.want(view)
    painter.stop()
    assert len(view.at_s) == 2
    painter.want(view)
    assert len(view.at_s) == 2


def test_forgotten_view_is_not_drawn(painter) -> None:
    view = View()
    painter.want(view)
    assert view.drawn.wait(5)
    painter.want(view)
    painter.forget(view)
    painter.stop()
    assert len(view.at_s) == 1
