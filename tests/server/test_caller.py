"""Who is calling: nbconvex.server.caller."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbconvex.errors import RequestRefusedError, UnauthenticatedError
from nbconvex.server.caller import NOBODY, caller_of_admin_key, caller_of_header, caller_of_user_token

KEY = "nbconvex|abc"


def b64(tree) -> str:
    return base64.b64encode(json.dumps(tree).encode()).decode()


def jwt(claims) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{payload}.c2ln"


def decided(header: str, **more):
    """The caller, or the status and reason of the refusal."""
    try:
        return caller_of_header(header, lambda: KEY, **more)
    except RequestRefusedError as refused:
        return refused.status, refused.reason


def test_no_header_means_nobody() -> None:
    assert caller_of_header(None, lambda: KEY) is NOBODY
    assert decided("  ") is NOBODY


@pytest.mark.case("errors/bad_auth_header", "auth/no_providers")
@pytest.mark.parametrize(
    ("header", "refusal"),
    [
        ("Convex wrong", (401, "BadAdminKey")),
        ("Convex", (401, "BadAdminKey")),
        ("Convex ключ", (401, "BadAdminKey")),
        (f"Convex wrong:{b64({'tokenIdentifier': 'a|b'})}", (401, "BadAdminKey")),
        ("Token x", (401, "InvalidAdminKey")),
        ("Basic eDp5", (401, "InvalidAdminKey")),
        ("Bearer", (401, "InvalidAuthHeader")),
        ("Bearer x", (401, "InvalidAuthHeader")),
        ("Bearer a.b.c", (401, "InvalidAuthHeader")),
        (f"Bearer {jwt({'sub': '1'})}", (401, "InvalidAuthHeader")),
        (f"Bearer {jwt({'iss': 'https://a.example', 'sub': '1'})}", (401, "NoAuthProvider")),
        (f"Convex {KEY}:", (400, "InvalidHeaderFailure")),
        (f"Convex {KEY}:no base64", (400, "InvalidHeaderFailure")),
        (f"Convex {KEY}:{b64([1])}", (400, "InvalidHeaderFailure")),
        (f"Convex {KEY}:{b64({'issuer': 'a'})}", (400, "InvalidHeaderFailure")),
        (f"Convex {KEY}:{b64({'issuer': 'a', 'subject': 1})}", (400, "InvalidHeaderFailure")),
    ],
)
def test_header_that_proves_nothing_is_refused(header, refusal) -> None:
    assert decided(header) == refusal


def test_refusals_say_what_would_do() -> None:
    with pytest.raises(UnauthenticatedError, match="'Bearer <token>' or 'Convex <admin key>'"):
        caller_of_header("Token x", lambda: KEY)
    with pytest.raises(UnauthenticatedError, match=r"\(no providers configured\). Check convex/auth.config.ts."):
        caller_of_user_token(jwt({"iss": "https://a.example"}))


def test_token_of_the_jupyter_server_in_front_means_nobody_only_behind_one() -> None:
    assert decided("token secret", is_proxied=True) is NOBODY
    assert decided("token secret") == (401, "InvalidAdminKey")


@pytest.mark.case("functions/internal_callable_by_admin")
def test_admin_key_makes_an_admin_and_may_act_as_somebody() -> None:
    assert decided(f"Convex {KEY}").is_admin
    assert decided(f"convex {KEY}").identity is None
    acting = decided(f"Convex {KEY}:{b64({'tokenIdentifier': 'https://a.example|u|1', 'name': 'Ada'})}")
    assert acting.is_admin
    assert dict(acting.identity) == {
        "tokenIdentifier": "https://a.example|u|1", "issuer": "https://a.example", "subject": "u|1", "name": "Ada",
    }  # fmt: skip
    acting = caller_of_admin_key(KEY, lambda: KEY, acting_as={"issuer": "i", "subject": "s"})
    assert acting.identity.token_identifier == "i|s"


@given(st.text())
def test_no_header_breaks_the_decision(header) -> None:
    assert decided(header)
    assert decided(f"Bearer {header}")
    assert decided(f"Convex {KEY}:{header}")
