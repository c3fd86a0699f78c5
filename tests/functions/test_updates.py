"""Taking the results of a live query one by one: nbconvex.functions.updates."""

from __future__ import annotations

import threading

from nbconvex.functions.live_query import LiveUpdate
from nbconvex.functions.updates import Newest


def test_the_newest_is_taken_once_and_older_ones_are_dropped() -> None:
    box = Newest()
    for ts in (1, 2):
        box.put(LiveUpdate(ts, ts, None, ()))
    taken = box.take(0)
    assert taken is not None
    assert taken.ts == 2
    assert box.take(0) is None


def test_who_waits_is_woken() -> None:
    box = Newest()
    putting = threading.Timer(0.01, box.put, [LiveUpdate(1, "x", None, ())])
    putting.start()
    taken = box.take(30)
    assert taken is not None
    assert taken.value == "x"
