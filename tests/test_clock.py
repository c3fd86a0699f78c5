from __future__ import annotations

import threading

from nbconvex.clock import Clock, ManualClock, SystemClock


def test_system_clock_gives_nanoseconds_of_now_and_never_runs_backwards() -> None:
    clock = SystemClock()
    assert 1_700_000_000 * 10**9 < clock.now_ns() < 5_000_000_000 * 10**9
    assert clock.monotonic_s() <= clock.monotonic_s()


def test_system_clock_waits_no_longer_than_it_is_told() -> None:
    event = threading.Event()
    assert not SystemClock().wait(event, 0.0)
    event.set()
    assert SystemClock().wait(event, None)


def test_manual_clock_stands_still_until_it_is_moved() -> None:
    clock = ManualClock(now_ms=1_000.0)
    assert (clock.now_ns(), clock.monotonic_s()) == (1_000_000_000, 0.0)
    clock.advance(2.5)
    assert (clock.now_ns(), clock.monotonic_s()) == (3_500_000_000, 2.5)


def test_manual_clock_jumps_without_its_monotonic_side_noticing() -> None:
    clock = ManualClock(now_ms=1_000.0)
    clock.set_ms(400.0)
    assert (clock.now_ns(), clock.monotonic_s()) == (400_000_000, 0.0)


def test_manual_clock_wait_ends_when_its_own_time_is_over() -> None:
    clock: Clock = ManualClock()
    assert not clock.wait(threading.Event(), 0.0)


def test_manual_clock_wait_ends_when_somebody_advances_it() -> None:
    clock, answers = ManualClock(), []
    waiting = threading.Thread(target=lambda: answers.append(clock.wait(threading.Event(), 10.0)))
    waiting.start()
    while waiting.is_alive():
        clock.advance(1.0)
        waiting.join(0.001)
    assert answers == [False]


def test_manual_clock_wait_ends_when_the_event_is_set() -> None:
    clock, event = ManualClock(), threading.Event()
    setting = threading.Thread(target=event.set)
    setting.start()
    assert clock.wait(event, None)
    setting.join()
