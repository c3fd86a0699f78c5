"""What the site address says where no handler did: nbconvex.server.site_answers."""

from __future__ import annotations

import json

import pytest

from nbconvex.errors import (
    ArgumentsInvalidError,
    ConflictError,
    ConvexError,
    OverloadedError,
    RequestRefusedError,
    StorageFailedError,
    UnauthenticatedError,
)
from nbconvex.functions.http_routes import Routes, RouteTable, route
from nbconvex.functions.outcome import Outcome
from nbconvex.server.site_answers import error_answer, lost, no_preflight, unauthenticated


def answered(error: Exception, *, production: bool = False) -> tuple[int, dict]:
    answer = error_answer(Outcome(None, 0, (), "abc", 0.0, error), production=production)
    return answer.status_code, json.loads(answer.body)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (RequestRefusedError(415, "BadForm", "no form"), 415, "BadForm"),
        (UnauthenticatedError("BadToken", "expired"), 401, "BadToken"),
        (OverloadedError("too many"), 503, "TooManyConcurrentRequests"),
        (ConflictError("notes"), 503, "OptimisticConcurrencyControlFailure"),
        (StorageFailedError("disk"), 500, "InternalServerError"),
        (ArgumentsInvalidError("m:f", "No.\nPath: .a", path=".a"), 400, "ArgumentsInvalid"),
        (ConvexError({"status": 409}), 409, "[Request ID: abc] Server Error"),
        (ConvexError({"status": True}), 500, "[Request ID: abc] Server Error"),
        (ConvexError("no"), 500, "[Request ID: abc] Server Error"),
        (ValueError("boom"), 500, "[Request ID: abc] Server Error"),
    ],
)
def test_error_has_a_status_and_a_code(error, status, code) -> None:
    found, told = answered(error, production=True)
    assert (found, told["code"]) == (status, code)
    assert "trace" not in told
    found, told = answered(error)
    assert found == status
    assert told["code"].startswith(code)


def test_error_that_cannot_be_sent_whole_is_still_answered() -> None:
    _, told = answered(ConvexError({"a": object()}))
    assert "its data cannot be sent" in told["code"]
    assert "data" not in told
    assert "?" in answered(ValueError("half \ud800"))[1]["code"]


def test_401_names_what_is_missing() -> None:
    error = UnauthenticatedError("X", "why")
    for header, given, code in (
        (None, None, "MissingAuthorization"),
        ("abc", error, "MissingBearer"),
        ("Bearer abc", error, "X"),
        ("Convex key", None, "NoIdentity"),
    ):
        assert json.loads(unauthenticated(header, given).body)["code"] == code


def test_many_routes_are_listed_in_part() -> None:
    routes = Routes()
    routes.replace("m", [route(lambda ctx, request: None, method="GET", path=f"/r{n}") for n in range(40)])
    body = lost("/x", "GET", routes.table, api_url="u", is_of_api=False, production=False).body.decode()
    assert body.count("\n  GET /r") == 30
    assert body.endswith("  and 10 more\n")


def test_head_is_told_to_define_get() -> None:
    body = lost("/x", "HEAD", RouteTable(), api_url="u", is_of_api=False, production=False).body
    assert b"%%http GET /x" in body
    assert no_preflight("GET /x", production=True).body == b"No matching routes found\n"
