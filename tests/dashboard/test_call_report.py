"""Calls as a page shows them: nbconvex.dashboard.call_report."""

from __future__ import annotations

import contextlib
import json

from nbconvex.dashboard.call_report import calls_of, error_json, is_warned, kind_of, record_json, request_json
from nbconvex.functions.logs import CallRecord
from tests.dashboard.conftest import define


def record(path: str = "m:f", lines: tuple[str, ...] = (), error: BaseException | None = None, **more) -> CallRecord:
    made = CallRecord(1, path, "action", 1e12, 2.5, lines, error, "call", False)
    return made._replace(**more)


def test_a_call_is_one_row_and_safe_for_json() -> None:
    row = json.loads(json.dumps(record_json(record(lines=("a", "b", "c", "[WARN] d")), str)))
    assert row == {
        "request": record().request_id, "function": "m:f", "kind": "action", "source": "call", "at": 1e12, "ms": 2.5,
        "ok": True, "error": "", "lines": ["a", "b", "c"], "moreLines": 1, "warned": True, "cached": False,
    }  # fmt: skip
    assert record_json(record(error=ValueError("x\ny")), str)["error"] == "ValueError: x"
    assert record_json(record(error=ValueError("secret")), lambda _text: "***")["error"] == "***"
    long = record_json(record(error=ValueError("x" * 10_000), lines=("y" * 10_000,) * 9), str)
    assert len(json.dumps(long)) < 1_500


def test_endpoints_are_no_actions() -> None:
    assert [kind_of(record(each)) for each in ("GET /hello", "POST /a/*", "m:f", "cron nightly report")] == [
        "endpoint", "endpoint", "action", "action",
    ]  # fmt: skip
    assert is_warned(record(lines=("[WARN] slow",)))
    assert not is_warned(record(lines=("warn",)))


def test_an_error_has_the_frames_of_the_users_code(backend) -> None:
    define(backend, "query", "def inner(n):\n    return 1 / n\ndef bad(ctx):\n    return inner(0)")
    with contextlib.suppress(ZeroDivisionError):
        backend.run("notes:bad")
    error = list(backend.logs)[-1].error
    told = error_json(error, str, lambda filename: "the cell")
    assert (told["name"], told["text"]) == ("ZeroDivisionError", "division by zero")
    places = [each["place"] for each in told["frames"]]
    assert places[-2:] == ["the cell, line 4, in bad", "the cell, line 2, in inner"]


def test_a_request_has_the_calls_that_its_action_made(backend) -> None:
    backend.run("notes:twice", {"text": "a"})
    outermost = list(backend.logs)[-1]
    calls = calls_of(backend.logs, outermost.request_id)
    whole = request_json(calls, str)
    assert (whole["function"], whole["lines"][0], whole["problem"]) == ("notes:twice", "twice", None)
    assert [each["function"] for each in whole["calls"]] == ["notes:add", "notes:add", "notes:all"]
    assert whole["moreCalls"] == 0
    # What the mutations printed stands in the lines of the action, once.
    assert whole["lines"] == ["twice", "adding a", "adding a"]
    assert [each["moreLines"] for each in whole["calls"]] == [0, 0, 0]


def test_a_request_that_failed_has_its_error_whole(backend) -> None:
    outcome = backend.run_outcome("notes:fails")
    whole = request_json(calls_of(backend.logs, outcome.request_id), str)
    assert (whole["ok"], whole["problem"]["name"], whole["problem"]["text"]) == (False, "ConvexError", "no such luck")
