"""What functions gave, as the sync protocol tells it."""

from __future__ import annotations

from typing import Any

import pytest

from nbconvex.errors import CallerError, ConvexError, CursorInvalidError
from nbconvex.functions.live_query import LiveUpdate
from nbconvex.functions.outcome import Outcome
from nbconvex.server.wire_results import Results, result_of, result_of_update
from nbconvex.sync.session import Result
from nbconvex.values.scalars import Int64


def outcome(value: Any = None, error: Exception | None = None, lines: tuple[str, ...] = ()) -> Outcome:
    return Outcome(value, 7, lines, "0123456789abcdef", 1.0, error)


PREFIX = "[Request ID: 0123456789abcdef] Server Error"


def test_values_are_json_with_decimal_points() -> None:
    told = result_of(outcome({"n": 1, "i": Int64(7), "b": b"\x00\x10\x83"}, lines=("hi",)), production=False)
    assert told == Result(b'{"n":1.0,"i":{"$integer":"BwAAAAAAAAA="},"b":{"$bytes":"ABCD"}}', ("[LOG] 'hi'",), ts=7)


@pytest.mark.parametrize(
    ("error", "message", "data"),
    [
        (ConvexError({"code": 7}), f'{PREFIX}\nUncaught ConvexError: {{"code": 7}}', b'{"code":7.0}'),
        (ConvexError(None), f"{PREFIX}\nUncaught ConvexError: null", b"null"),
        (ConvexError({1, 2}), f'{PREFIX}\nUncaught ConvexError: "{{1, 2}}"', b"null"),
        (CallerError("No."), f"{PREFIX}\nNo.", None),
        (ValueError("boom"), f"{PREFIX}\nUncaught ValueError: boom", None),
    ],
    ids=["data", "null", "no value", "ours", "any"],
)
def test_errors_are_told_with_the_data_of_a_convex_error_only(
    error: Exception, message: str, data: bytes | None
) -> None:
    assert result_of(outcome(error=error), production=False) == Result(None, (), message, data)
    assert result_of(outcome(error=error), production=True) == Result(None, (), PREFIX, data)


def test_a_bad_cursor_tells_the_client_to_begin_again() -> None:
    told = result_of(outcome(error=CursorInvalidError("No.")), production=False)
    assert told.error_data == b'{"isConvexSystemError":true,"paginationError":"InvalidCursor"}'
    assert "InvalidCursor: No." in told.error_message


def test_updates_keep_their_journal_and_share_what_was_written() -> None:
    update = LiveUpdate(5, [1], None, ("x",), "end")
    results = Results(production=False)
    first = results.of(update)
    assert first == Result(b"[1.0]", ("[LOG] 'x'",), journal="end")
    assert results.of(update) is first
    assert result_of_update(update, production=True) == Result(b"[1.0]", (), journal="end")
    error = ValueError("boom")
    error.request_id = "0123456789abcdef"
    failed = results.of(LiveUpdate(6, None, error, (), None))
    assert failed.error_message == f"{PREFIX}\nUncaught ValueError: boom"


def test_who_is_told_the_same_shares_the_results() -> None:
    results = Results(production=False)
    updates = {0: LiveUpdate(5, 1, None, ()), "other": LiveUpdate(5, 2, None, ())}
    told = results.of_all(updates)
    assert told == {0: Result(b"1.0"), "other": Result(b"2.0")}
    assert results.of_all(updates) is told
    assert results.of_all(dict(updates)) == told
    assert results.of_all({}) == {}
