"""The call log as it is read: nbconvex.functions.log_reading."""

from __future__ import annotations

import threading

from nbconvex.functions.log_reading import Wanted, call_text, ended_text, follow, newest
from nbconvex.functions.logs import CALLS_KEPT_MAX, CallLog, CallRecord


def a_call(path: str, started_ms: float = 0.0, error: BaseException | None = None, *lines: str) -> CallRecord:
    return CallRecord(1, path, "mutation", started_ms, 1.25, lines, error, "call", False)


def same(text: str) -> str:
    return text


def test_calls_of_a_function_a_module_or_with_errors_are_wanted() -> None:
    fine, failed = a_call("m:f"), a_call("m:g", 0.0, ValueError())
    assert [Wanted()(each) for each in (fine, failed)] == [True, True]
    assert [Wanted("m:f")(each) for each in (fine, failed)] == [True, False]
    assert [Wanted("m")(each) for each in (fine, failed)] == [True, True]
    assert [Wanted("m", only_errors=True)(each) for each in (fine, failed)] == [False, True]


def test_the_newest_stand_by_the_time_when_they_began() -> None:
    log = CallLog()
    for started_ms in (3.0, 1.0, 2.0):
        log.add(a_call("m:f", started_ms))
    assert [each.started_ms for each in newest(log, Wanted(), 2)] == [1.0, 2.0]
    assert len(newest(log, Wanted(), 0)) == 1


def test_following_gives_the_newest_and_then_each_call_once_whoever_makes_it() -> None:
    log = CallLog()
    for at in range(3):
        log.add(a_call(f"m:before{at}", float(at)))
    seen: list[str] = []
    threads = [threading.Thread(target=lambda: [log.add(a_call("m:f", 9.0)) for _ in range(100)]) for _ in range(3)]
    for record in follow(log, Wanted(), first=2, is_over=lambda: len(seen) == 302):
        seen.append(record.path)
        if record.path == "m:before2":
            # Also while the newest are still being shown.
            log.add(a_call("n:f", 9.0))
            for thread in threads:
                thread.start()
        elif record.path == "n:f":
            seen.pop()
    for thread in threads:
        thread.join()
    assert seen == ["m:before1", "m:before2", *["m:f"] * 300]


def test_who_follows_too_slowly_misses_calls_and_holds_up_nobody() -> None:
    log = CallLog()
    seen: list[str] = []
    log.add(a_call("m:first"))
    for record in follow(log, Wanted("m"), first=1, is_over=lambda: len(seen) >= CALLS_KEPT_MAX):
        if not seen:
            for _ in range(2 * CALLS_KEPT_MAX):
                log.add(a_call("m:f"))
        seen.append(record.path)
    assert len(seen) == CALLS_KEPT_MAX


def test_a_call_is_a_line_and_its_prints_below() -> None:
    head, *prints = call_text(a_call("m:f", 0.0, None, "one", "two"), same).splitlines()
    assert head.split("  ")[1:] == ["mutation m:f", "1.2 ms", "ok", "[9e3779b97f4a7c15]"]
    assert prints == ["  one", "  two"]


def test_an_error_is_masked_and_cut() -> None:
    text = ended_text(a_call("m:f", 0.0, ValueError("secret " + "x" * 200)), lambda text: text.replace("secret", "•••"))
    assert text.startswith("ValueError: ••• x")
    assert len(text) == 100
