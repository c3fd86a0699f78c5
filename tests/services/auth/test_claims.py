"""What functions see of a token: nbconvex.services.auth.claims."""

from __future__ import annotations

import pytest

from nbconvex.backend import Backend
from nbconvex.errors import ValueInvalidError
from nbconvex.services.auth.claims import identity_of

WHO = {"iss": "https://issuer.example", "sub": "ada"}
KNOWN = {"tokenIdentifier": "https://issuer.example|ada", "issuer": "https://issuer.example", "subject": "ada"}


def oidc(**more):
    return dict(identity_of({**WHO, **more}, is_custom=False))


def custom(**more):
    return dict(identity_of({**WHO, **more}, is_custom=True))


def test_standard_claims_have_convexs_names() -> None:
    given = {
        "name": "Ada Lovelace", "given_name": "Ada", "family_name": "Lovelace", "nickname": "A",
        "preferred_username": "ada", "profile": "https://a/p", "picture": "https://a/i", "website": "https://a",
        "email": "ada@a", "email_verified": True, "gender": "f", "birthdate": "1815-12-10", "zoneinfo": "Europe/London",
        "locale": "en", "phone_number": "1", "phone_number_verified": False, "address": {"formatted": "London"},
        "updated_at": 1_700_000_000,
    }  # fmt: skip
    assert oidc(**given) == {
        **KNOWN, "name": "Ada Lovelace", "givenName": "Ada", "familyName": "Lovelace", "nickname": "A",
        "preferredUsername": "ada", "profileUrl": "https://a/p", "pictureUrl": "https://a/i", "websiteUrl": "https://a",
        "email": "ada@a", "emailVerified": True, "gender": "f", "birthday": "1815-12-10", "timezone": "Europe/London",
        "language": "en", "phoneNumber": "1", "phoneNumberVerified": False, "address": "London",
        "updatedAt": "2023-11-14T22:13:20Z",
    }  # fmt: skip


def test_other_claims_keep_their_names_and_those_of_the_token_are_left_out() -> None:
    about_the_token = {"aud": "convex", "exp": 1, "nbf": 1, "iat": 1, "jti": "x", "fva": [1, 2]}
    assert oidc(**about_the_token, org_id="o", sid="s", nested={"a": 1}) == {
        **KNOWN, "org_id": "o", "sid": "s", "nested": {"a": 1},
    }  # fmt: skip
    assert custom(**about_the_token, role="admin") == {**KNOWN, "role": "admin"}


@pytest.mark.case("auth/nested_claims_dotted")
def test_custom_claims_keep_their_names_nested_ones_with_dots() -> None:
    assert custom(a={"b": 1, "c": {"d": [1, {"e": 2}]}}, given_name="Ada") == {
        **KNOWN, "a.b": 1, "a.c.d": [1, {"e": 2}], "given_name": "Ada",
    }  # fmt: skip
    assert custom(**{"a.b": "own", "a": {"b": "nested"}})["a.b"] == "own"


@pytest.mark.parametrize("name", ["tokenIdentifier", "issuer", "subject"])
def test_no_claim_stands_in_for_who_it_is(name) -> None:
    assert oidc(**{name: "eve"}) == KNOWN
    assert custom(**{name: "eve"}) == KNOWN


def test_flags_are_flags_whatever_an_issuer_writes() -> None:
    assert oidc(email_verified="false")["emailVerified"] is False
    assert oidc(email_verified="true")["emailVerified"] is True
    assert "emailVerified" not in oidc(email_verified="perhaps")
    assert "emailVerified" not in oidc(email_verified=None)


def test_claims_of_a_wrong_type_are_left_out() -> None:
    assert oidc(name=7, address=["x"], updated_at=True) == KNOWN
    assert oidc(updated_at="2020-01-01T00:00:00Z")["updatedAt"] == "2020-01-01T00:00:00Z"
    assert "updatedAt" not in oidc(updated_at=10**30)
    assert oidc(address="London")["address"] == "London"


def test_both_spellings_reach_a_claim() -> None:
    identity = identity_of({**WHO, "given_name": "Ada", "org_id": "o"}, is_custom=False)
    assert (identity.given_name, identity.org_id, identity.missing) == ("Ada", "o", None)
    assert identity.token_identifier == KNOWN["tokenIdentifier"]


@pytest.mark.case("auth/identity_json_safe")
def test_identity_can_be_returned_and_stored_by_functions() -> None:
    identity = identity_of(
        {**WHO, "https://app.example/roles": ["a"], "big": 2**80, "huge": -(10**400), "$x": 1, "ü": 1, "d": {"$y": 2}},
        is_custom=False,
    )
    with Backend.open() as backend:
        backend.mutation(name="m:keep")(
            lambda ctx: ctx.db.insert("users", {"subject": ctx.auth.get_user_identity().subject})
        )
        backend.query(name="m:who")(lambda ctx: ctx.auth.get_user_identity())
        backend.run("m:keep", identity=identity)
        assert backend.run("m:who", identity=identity) == {
            **KNOWN, "https://app.example/roles": ["a"], "big": float(2**80), "huge": float("-inf"), "d": {},
        }  # fmt: skip


def test_text_that_is_none_is_refused() -> None:
    with pytest.raises(ValueInvalidError, match="lone surrogate"):
        custom(x="\ud800")
