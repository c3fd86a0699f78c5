"""The call log as it is read: nbconvex.functions.log_reading."""

from __future__ import annotations

import threading

from nbconvex.functions.log_reading import Wanted, call_text, ended_text, follow, newest
from nbconvex.functions.logs import CallLog, CallRecord


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


def test_following_gives_each_call_once_and_ends() -> None:
    log = CallLog()
    log.add(a_call("m:before"))
    over = threading.Event()
    seen = []
    adding = threading.Thread(target=lambda: [log.add(a_call(f"m:f{at}")) for at in range(3)])
    adding.start()
    for record in follow(log, Wanted(), 1, is_over=over.is_set):
        seen.append(record.path)
        if len(seen) == 3:
            over.set()
    adding.join()
    assert seen == ["m:f0", "m:f1", "m:f2"]


def test_a_call_is_a_line_and_its_prints_below() -> None:
    head, *prints = call_text(a_call("m:f", 0.0, None, "one", "two"), same).splitlines()
    assert head.split("  ")[1:] == ["mutation m:f", "1.2 ms", "ok", "[9e3779b97f4a7c15]"]
    assert prints == ["  one", "  two"]


def test_an_error_is_masked_and_cut() -> None:
    text = ended_text(a_call("m:f", 0.0, ValueError("secret " + "x" * 200)), lambda text: text.replace("secret", "•••"))
    assert text.startswith("ValueError: ••• x")
    assert len(text) == 100
