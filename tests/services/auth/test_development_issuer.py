"""An issuer of our own: nbconvex.services.auth.development_issuer."""

from __future__ import annotations

import jwt
import pytest
from jwt import PyJWK

from nbconvex.clock import ManualClock
from nbconvex.errors import CallerError, UnauthenticatedError
from nbconvex.limits import Limits
from nbconvex.services.auth.auth import Auth
from tests.services.auth.issuers import NOW_S
from tests.services.auth.test_auth import Globals

HERE = "http://127.0.0.1:3211"


@pytest.fixture
def store() -> Globals:
    return Globals()


def opened(store, clock=None, address=HERE) -> Auth:
    auth = Auth(store, clock=clock or ManualClock(), limits=Limits(), environment={})
    auth.activate_development(address)
    return auth


def test_token_counts_where_it_was_made(store) -> None:
    auth = opened(store)
    text = auth.development.mint(HERE, "ada", {"name": "Ada", "role": "admin"})
    verified = auth.verify(text)
    assert dict(verified.identity) == {
        "tokenIdentifier": f"{HERE}|ada", "issuer": HERE, "subject": "ada", "name": "Ada", "role": "admin",
    }  # fmt: skip
    assert verified.expires_s == NOW_S + 3_600 + 5


def test_there_is_no_key_before_the_first_token(store) -> None:
    auth = opened(store)
    assert auth.providers == ()
    assert auth.development.discovery(HERE) is None
    assert auth.development.key_set() == {"keys": []}
    assert store == {}


def test_key_is_kept_in_the_store_and_in_no_answer(store) -> None:
    text = opened(store).development.mint(HERE, "ada")
    again = opened(store)
    assert again.verify(text).identity.subject == "ada"
    (entry,) = again.development.key_set()["keys"]
    assert set(entry) == {"kty", "crv", "x", "kid", "alg", "use"}
    assert opened(Globals()).providers == ()
    with pytest.raises(UnauthenticatedError):
        opened(Globals()).verify(text)


def test_others_can_verify_its_tokens_too(store) -> None:
    issuer = opened(store).development
    text = issuer.mint(HERE, "ada")
    (entry,) = issuer.key_set()["keys"]
    without_times = {"verify_exp": False, "verify_iat": False}
    read = jwt.decode(text, PyJWK(entry).key, ["EdDSA"], audience="convex", issuer=HERE, options=without_times)
    assert read["sub"] == "ada"
    document = issuer.discovery(HERE)
    assert (document["issuer"], document["jwks_uri"]) == (HERE, f"{HERE}/.well-known/jwks.json")


def test_token_counts_nowhere_else_and_no_longer_than_the_address_is_served(store) -> None:
    auth = Auth(store, clock=ManualClock(), limits=Limits(), environment={})
    end = auth.activate_development(HERE)
    text = auth.development.mint(HERE, "ada")
    end()
    with pytest.raises(UnauthenticatedError, match="no providers configured"):
        auth.verify(text)
    with pytest.raises(CallerError, match="does not count at"):
        auth.development.mint(HERE, "ada")
    assert auth.development.discovery(HERE) is None
    auth.activate_development("http://127.0.0.1:9")
    with pytest.raises(UnauthenticatedError, match="No auth provider found"):
        auth.verify(text)
    end()
    assert auth.development_addresses == ("http://127.0.0.1:9",)


def test_two_servers_of_one_address_end_one_by_one(store) -> None:
    auth = Auth(store, clock=ManualClock(), limits=Limits(), environment={})
    first, _second = auth.activate_development(HERE), auth.activate_development(HERE)
    first()
    text = auth.development.mint(HERE, "ada")
    assert auth.verify(text).identity.subject == "ada"
    assert len(auth.providers) == 1


def test_expired_and_misaddressed_tokens_can_be_made_to_see_what_happens(store) -> None:
    auth = opened(store)
    with pytest.raises(UnauthenticatedError, match="It expired 1 hour ago"):
        auth.verify(auth.development.mint(HERE, "ada", expires_s=-3_600))
    with pytest.raises(UnauthenticatedError, match="audience \\('aud'\\) is 'other'"):
        auth.verify(auth.development.mint(HERE, "ada", audience="other"))


def test_claims_that_the_issuer_makes_cannot_be_given(store) -> None:
    issuer = opened(store).development
    for name in ("iss", "sub", "aud", "exp", "iat"):
        with pytest.raises(CallerError, match=f"the claim {name} is made by the issuer"):
            issuer.mint(HERE, "ada", {name: "x"})
    with pytest.raises(CallerError, match="the subject is empty"):
        issuer.mint(HERE, "")
    with pytest.raises(CallerError, match="cannot be written as JSON"):
        issuer.mint(HERE, "ada", {"x": object()})
