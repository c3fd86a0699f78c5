"""Everything a backend knows about who may call: nbconvex.services.auth.auth."""

from __future__ import annotations

import pytest

from nbconvex.backend import Backend
from nbconvex.clock import ManualClock
from nbconvex.errors import CallerError, UnauthenticatedError
from nbconvex.limits import Limits
from nbconvex.services.auth.auth import Auth
from tests.services.auth.issuers import claims, custom, data_address, key_set, public_jwk, site, token

CLERK = "https://verb-noun-00.clerk.accounts.dev"


class Globals(dict):
    """Small values, kept."""

    get_global = dict.get
    put_global = dict.__setitem__


def auth(store=None, environment=None, declared=(), clock=None) -> Auth:
    return Auth(
        Globals() if store is None else store, clock=clock or ManualClock(), limits=Limits(), declared=declared,
        environment=environment or {},
    )  # fmt: skip


def sources(auth: Auth) -> list[tuple[str, str]]:
    return [(each.provider.issuer, each.source) for each in auth.configured]


def test_providers_come_from_code_the_store_the_environment_and_ourselves_in_this_order() -> None:
    decider = auth(environment={"CLERK_JWT_ISSUER_DOMAIN": CLERK}, declared=[custom()])
    decider.add({"domain": "https://added.example", "applicationID": "x"})
    decider.activate_development("http://127.0.0.1:1")
    assert sources(decider) == [
        ("https://issuer.example", "code"), ("https://added.example", "store"), (CLERK, "environment"),
    ]  # fmt: skip
    decider.development.mint("http://127.0.0.1:1", "ada")
    assert sources(decider)[-1] == ("http://127.0.0.1:1", "development")


def test_environment_may_change_while_a_backend_is_open() -> None:
    environment: dict[str, str] = {}
    decider = auth(environment=environment)
    decider._environment = environment
    assert decider.providers == ()
    environment["CLERK_JWT_ISSUER_DOMAIN"] = CLERK
    assert sources(decider) == [(CLERK, "environment")]
    environment["CLERK_JWT_ISSUER_DOMAIN"] = "http://x.example"
    assert decider.providers == ()
    assert "CLERK_JWT_ISSUER_DOMAIN: the issuer 'http://x.example' is plain http" in decider.problem


def test_provider_of_the_environment_that_is_there_already_is_not_there_twice() -> None:
    decider = auth(environment={"CLERK_JWT_ISSUER_DOMAIN": CLERK})
    decider.add_clerk()
    assert sources(decider) == [(CLERK, "store")]


def test_what_was_added_is_kept_in_the_store_until_it_is_removed() -> None:
    store = Globals()
    auth(store).add_clerk(CLERK)
    again = auth(store)
    assert sources(again) == [(CLERK, "store")]
    with pytest.raises(CallerError, match="is there already"):
        again.add_clerk(f"{CLERK}/")
    with pytest.raises(CallerError, match="was added"):
        again.remove("https://other.example")
    assert [each.issuer for each in again.remove(CLERK)] == [CLERK]
    assert auth(store).providers == ()
    again.add_clerk(CLERK)
    assert len(again.remove("*")) == 1


def test_what_was_not_added_says_where_it_comes_from() -> None:
    decider = auth(environment={"CLERK_JWT_ISSUER_DOMAIN": CLERK}, declared=[custom()])
    with pytest.raises(CallerError, match=r"it stands in %%auth or nbconvex.open\(auth="):
        decider.remove("https://issuer.example")
    with pytest.raises(CallerError, match="it comes from the environment variable"):
        decider.remove(CLERK)


def test_what_code_declares_takes_the_place_of_what_it_had_declared() -> None:
    decider = auth(declared=[custom()])
    assert decider.verify(token()).identity.subject == "ada"
    with pytest.raises(CallerError, match="algorithm is missing"):
        decider.declare([{"type": "customJwt", "issuer": "x", "jwks": "data:,"}])
    assert decider.verify(token()).identity.subject == "ada"
    decider.declare([custom(jwks=data_address(key_set(public_jwk(number=1))))])
    with pytest.raises(UnauthenticatedError, match="not signed with the issuer's key"):
        decider.verify(token())
    assert decider.verify(token(number=1)).identity.subject == "ada"
    decider.declare([])
    with pytest.raises(UnauthenticatedError, match="no providers configured"):
        decider.verify(token())


def test_keys_are_kept_from_token_to_token() -> None:
    with site() as issuer:
        issuer.is_issuer(public_jwk())
        decider = auth(declared=[{"domain": issuer.url, "applicationID": "convex"}])
        for subject in ("ada", "bob"):
            assert decider.verify(token(claims(iss=issuer.url, sub=subject))).identity.subject == subject
        assert len(issuer.asked) == 2


def test_data_address_without_keys_refuses_tokens_and_breaks_nothing() -> None:
    decider = auth(declared=[custom(jwks="data:,x")])
    with pytest.raises(UnauthenticatedError, match="Could not fetch JWKS from URL"):
        decider.verify(token())


def test_providers_are_given_to_open_and_checked_before_a_file_is_made(tmp_path) -> None:
    path = tmp_path / "app.duckdb"
    with pytest.raises(CallerError, match=r"providers\[0\]"):
        Backend.open(path, auth=[{}])
    assert not path.exists()
    with Backend.open(path, auth=[custom()], clock=ManualClock()) as backend:
        assert backend.auth.verify(token()).identity.subject == "ada"
        backend.auth.add_clerk(CLERK)
    with Backend.open(path) as backend:
        assert sources(backend.auth) == [(CLERK, "store")]
