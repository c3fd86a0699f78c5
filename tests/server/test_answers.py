"""Answers: nbconvex.server.answers."""

from __future__ import annotations

import pytest

from nbconvex import Int64
from nbconvex.errors import (
    ConflictError,
    ConvexError,
    CursorInvalidError,
    OverloadedError,
    RequestRefusedError,
    StorageFailedError,
    UnauthenticatedError,
)
from nbconvex.functions.outcome import Outcome
from nbconvex.server.answers import json_answer, outcome_tree, refusal_of, text_answer

PREFIX = "[Request ID: 0123456789abcdef] Server Error"


def outcome(value=None, error=None, lines=()) -> Outcome:
    return Outcome(value, 1, lines, "0123456789abcdef", 1.0, error)


def tree(of: Outcome, *, production=False):
    return outcome_tree(of, "convex_encoded_json", production=production)


def test_success_has_its_value_and_its_log_lines_if_there_are_any() -> None:
    assert tree(outcome(Int64(1))) == {"status": "success", "value": {"$integer": "AQAAAAAAAAA="}}
    assert tree(outcome(None, lines=("hi",))) == {"status": "success", "value": None, "logLines": ["[LOG] 'hi'"]}
    assert tree(outcome(None, lines=("hi",)), production=True) == {"status": "success", "value": None}


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ConvexError("no"), {"errorMessage": f"{PREFIX}\nUncaught ConvexError: no", "errorData": "no"}),
        (ConvexError(None), {"errorMessage": f"{PREFIX}\nUncaught ConvexError: null", "errorData": None}),
        (
            CursorInvalidError("damaged."),
            {
                "errorMessage": f"{PREFIX}\nInvalidCursor: damaged. Start again from the first page with cursor=None.",
                "errorData": {"isConvexSystemError": True, "paginationError": "InvalidCursor"},
            },
        ),
        (ValueError("boom"), {"errorMessage": f"{PREFIX}\nUncaught ValueError: boom"}),
    ],
)
def test_failure_has_data_only_where_the_error_has_some(error, told) -> None:
    assert tree(outcome(error=error)) == {"status": "error", **told}
    told = {**told, "errorMessage": PREFIX}
    assert tree(outcome(error=error), production=True) == {"status": "error", **told}


def test_data_that_is_no_value_is_named_and_does_not_break_the_answer() -> None:
    answer = tree(outcome(error=ConvexError({"a": object()})))
    assert "errorData" not in answer
    assert "its data cannot be sent" in answer["errorMessage"]
    assert tree(outcome(error=ConvexError(object())), production=True) == {"status": "error", "errorMessage": PREFIX}


@pytest.mark.parametrize("error", [ConflictError("t"), StorageFailedError("gone")])
def test_failures_that_are_no_functions_are_raised(error) -> None:
    with pytest.raises(type(error)):
        tree(outcome(error=error))


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (RequestRefusedError(413, "BodyTooLarge", "No."), 413, b'{"code":"BodyTooLarge","message":"No."}'),
        (UnauthenticatedError("BadAdminKey", "No."), 401, b'{"code":"BadAdminKey","message":"No."}'),
        (OverloadedError("9 calls"), 503, b'{"code":"TooManyConcurrentRequests","message":"Too many requests'),
        (ConflictError("t"), 503, b'{"code":"OptimisticConcurrencyControlFailure",'),
        (StorageFailedError("secret"), 500, b'{"code":"InternalServerError",'),
        (KeyError("secret"), 500, b'{"code":"InternalServerError",'),
    ],
)  # fmt: skip
def test_each_refusal_has_its_status_and_a_code(error, status, text) -> None:
    response = refusal_of(error)
    assert response.status_code == status
    assert bytes(response.body).startswith(text)
    assert b"secret" not in response.body


def test_json_is_sorted_and_text_is_plain() -> None:
    assert json_answer({"b": 1.0, "a": [None]}).body == b'{"a":[null],"b":1.0}'
    assert text_answer("grün").headers["content-type"] == "text/plain; charset=utf-8"
