"""Live views without a page: nbconvex.notebook.live_view and nbconvex.notebook.painter."""

from __future__ import annotations

import gc
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from nbconvex.notebook.live_view import LiveView, ViewState
from nbconvex.notebook.painter import Painter


@dataclass(frozen=True)
class Update:
    value: Any = None
    error: BaseException | None = None


class Source:
    """A subscription that a test feeds by hand."""

    def __init__(self) -> None:
        self.receive = None
        self.opened = 0
        self.closed = 0

    def __call__(self, receive):
        self.receive = receive
        self.opened += 1
        return self

    def close(self) -> None:
        self.closed += 1


class Screen:
    def __init__(self) -> None:
        self.states: list[ViewState] = []
        self.threads: set[str] = set()
        self.shown = threading.Event()

    def show(self, state: ViewState) -> None:
        self.states.append(state)
        self.threads.add(threading.current_thread().name)
        self.shown.set()

    def wait_for(self, condition) -> ViewState:
        until = time.monotonic() + 5
        while time.monotonic() < until:
            if self.states and condition(self.states[-1]):
                return self.states[-1]
            self.shown.wait(0.05)
            self.shown.clear()
        raise AssertionError(self.states[-1:])


@pytest.fixture
def painter() -> Iterator[Painter]:
    painter = Painter(interval_s=0.05)
    yield painter
    painter.stop()


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def view(painter, source) -> LiveView:
    def describe(error: BaseException) -> tuple[str, str]:
        return type(error).__name__, str(error)

    return LiveView(source, title="main:list", arguments="n=1", painter=painter, describe=describe)


def rows(state: ViewState) -> list[str]:
    return [row[0] for row in state.picture.rows] if state.picture else []


def test_screen_is_written_by_the_painter_only(view, source) -> None:
    screen = Screen()
    view.follow()
    view.attach(screen)
    source.receive(Update([1, 2]))
    screen.wait_for(lambda state: rows(state) == ["n1", "n2"])
    assert screen.threads == {"nbconvex-painter"}


def test_burst_is_drawn_at_most_once_an_interval_and_ends_with_the_latest(view, source) -> None:
    screen = Screen()
    view.follow()
    view.attach(screen)
    for at in range(2_000):
        source.receive(Update([at]))
    screen.wait_for(lambda state: rows(state) == ["n1999"])
    assert len(screen.states) <= 8


def test_failing_query_keeps_the_last_good_rows_and_heals(view, source) -> None:
    screen = Screen()
    view.follow()
    view.attach(screen)
    source.receive(Update([1]))
    good = screen.wait_for(lambda state: rows(state) == ["n1"])
    source.receive(Update(error=KeyError("x")))
    bad = screen.wait_for(lambda state: state.problem is not None)
    assert (bad.picture, bad.at_ms, bad.problem) == (good.picture, good.at_ms, ("KeyError", "'x'"))
    source.receive(Update([2]))
    assert screen.wait_for(lambda state: rows(state) == ["n2"]).problem is None


def test_stopped_view_says_why_and_draws_no_more(view, source, painter) -> None:
    screen = Screen()
    view.follow()
    view.attach(screen)
    source.receive(Update([1]))
    screen.wait_for(lambda state: rows(state) == ["n1"])
    view.stop("over")
    ended = screen.wait_for(lambda state: state.ended == "over")
    source.receive(Update([2]))
    painter.stop()
    assert screen.states[-1] == ended
    assert (source.closed, view.is_following, view.is_stopped) == (1, False, True)


@pytest.mark.case("notebook/widget_removed_stops_watch")
def test_collected_screen_ends_the_subscription(view, source) -> None:
    screen = Screen()
    view.follow()
    view.attach(screen)
    del screen
    gc.collect()
    assert source.closed == 1


def test_forgotten_view_is_not_kept_alive_by_its_subscription(painter, source) -> None:
    view = LiveView(source, title="", arguments="", painter=painter, describe=lambda error: ("", ""))
    view.follow()
    receive = source.receive
    del view
    gc.collect()
    receive(Update([1]))


def test_resting_view_closes_its_subscription_and_resumes(view, source) -> None:
    view.follow()
    view.rest()
    view.rest()
    assert (source.opened, source.closed, view.is_following) == (1, 1, False)
    view.resume()
    view.resume()
    assert (source.opened, source.closed, view.is_following) == (2, 1, True)


def test_state_travels_as_one_text(view, source) -> None:
    view.follow()
    source.receive(Update([{"_id": "a", "n": 1}]))
    wire = json.loads(view.refresh().to_json())
    assert wire.pop("at") > 0
    assert wire == {
        "title": "main:list",
        "args": "n=1",
        "error": None,
        "ended": "",
        "picture": {
            "shape": "table", "columns": ["_id", "n"], "numeric": [False, True], "keys": ["a"], "rows": [["ia", "n1"]],
            "total": 1, "note": "",
        },
    }  # fmt: skip
