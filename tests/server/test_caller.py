"""Who is calling: nbconvex.server.caller."""

from __future__ import annotations

import asyncio
import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbconvex.errors import OverloadedError, RequestRefusedError, UnauthenticatedError
from nbconvex.functions.identity import Identity, UnknownIdentity
from nbconvex.server.caller import NOBODY, caller_of_admin_key, caller_of_header, caller_of_token, endpoint_caller
from nbconvex.services.auth.verifier import Verified

KEY = "nbconvex|abc"
ADA = Identity({"issuer": "i", "subject": "ada"})


class Proofs:
    """One admin key, and one good token."""

    def admin_key(self) -> str:
        return KEY

    async def verified(self, token: str) -> Verified:
        if token == "busy":
            raise OverloadedError("too many")
        if token != "good":
            raise UnauthenticatedError("NoAuthProvider", f"no provider for {token}")
        return Verified(ADA, 7.0)


def b64(tree) -> str:
    return base64.b64encode(json.dumps(tree).encode()).decode()


def decided(header: str, **more):
    """The caller, or the status and reason of the refusal."""
    try:
        return asyncio.run(caller_of_header(header, Proofs(), **more))
    except RequestRefusedError as refused:
        return refused.status, refused.reason


def test_no_header_means_nobody() -> None:
    assert decided(None) is NOBODY
    assert decided("  ") is NOBODY


@pytest.mark.case("errors/bad_auth_header")
@pytest.mark.parametrize(
    ("header", "refusal"),
    [
        ("Convex wrong", (401, "BadAdminKey")),
        ("Convex", (401, "BadAdminKey")),
        ("Convex ключ", (401, "BadAdminKey")),
        (f"Convex wrong:{b64({'tokenIdentifier': 'a|b'})}", (401, "BadAdminKey")),
        ("Token x", (401, "InvalidAdminKey")),
        ("Basic eDp5", (401, "InvalidAdminKey")),
        ("Bearer", (401, "NoAuthProvider")),
        ("Bearer x", (401, "NoAuthProvider")),
        ("a.b.c", (401, "InvalidAuthHeader")),
        ("a.b.c x", (401, "InvalidAdminKey")),
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
    for header, sentence in (
        ("Token x", "'Bearer <token>' or 'Convex <admin key>'"),
        ("a.b.c", "without 'Bearer ' before it. Write: Authorization: Bearer <token>"),
    ):
        with pytest.raises(UnauthenticatedError, match=sentence):
            asyncio.run(caller_of_header(header, Proofs()))


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", " Bearer  "])
def test_token_makes_a_caller_until_it_ends(scheme) -> None:
    caller = decided(f"{scheme} good")
    assert (caller.identity, caller.is_admin, caller.expires_s) == (ADA, False, 7.0)


def test_messages_of_the_sync_protocol_mean_the_same() -> None:
    def told(*what, **more):
        return asyncio.run(caller_of_token(*what, Proofs(), **more))

    assert told("None", None) is NOBODY
    assert told("User", "good").identity is ADA
    assert told("Admin", KEY, acting_as={"issuer": "i", "subject": "ada"}).identity == ADA
    for kind, value in (("User", "bad"), ("User", None), ("Admin", "guess"), ("Robot", "x")):
        with pytest.raises(RequestRefusedError):
            told(kind, value)


@pytest.mark.parametrize("header", ["Bearer bad", "Basic eDp5", "Convex guess", "a.b.c", f"Convex {KEY}:x"])
def test_endpoint_is_called_whatever_the_header_proves(header) -> None:
    caller = asyncio.run(endpoint_caller(header, Proofs()))
    assert isinstance(caller.identity, UnknownIdentity)
    assert not caller.is_admin
    with pytest.raises(RequestRefusedError) as told:
        asyncio.run(caller_of_header(header, Proofs()))
    assert str(caller.identity.error) == str(told.value)


def test_endpoint_knows_who_proves_it_and_who_says_nothing() -> None:
    assert asyncio.run(endpoint_caller("Bearer good", Proofs())).identity is ADA
    assert asyncio.run(endpoint_caller(None, Proofs())) is NOBODY
    assert asyncio.run(endpoint_caller("token x", Proofs(), is_proxied=True)) is NOBODY
    with pytest.raises(OverloadedError):
        asyncio.run(endpoint_caller("Bearer busy", Proofs()))


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


def test_claims_that_an_admin_names_keep_their_names() -> None:
    acting = caller_of_admin_key(KEY, lambda: KEY, acting_as={"issuer": "i", "subject": "s", "org_id": "x"})
    assert acting.identity["org_id"] == acting.identity.org_id == "x"


@given(st.text().filter(lambda text: text != "good"))
def test_no_header_breaks_the_decision(header) -> None:
    assert decided(header)
    assert decided(f"Bearer {header}")
    assert decided(f"Convex {KEY}:{header}")
