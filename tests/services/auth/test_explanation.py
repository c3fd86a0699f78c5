"""Why a token is good or is not: nbconvex.services.auth.explanation."""

from __future__ import annotations

import pytest

from nbconvex.clock import ManualClock
from nbconvex.errors import UnauthenticatedError
from nbconvex.limits import Limits
from nbconvex.services.auth.auth import Auth
from nbconvex.services.auth.explanation import is_good
from tests.services.auth.issuers import NOW_S, claims, custom, data_address, key_set, public_jwk, site, token, unsigned
from tests.services.auth.test_auth import Globals


def auth(*providers, environment=None) -> Auth:
    return Auth(
        Globals(), clock=ManualClock(), limits=Limits(), declared=providers or [custom()],
        environment=environment or {},
    )  # fmt: skip


def bad(text: str, *providers, **more):
    """The checks that fail, by name."""
    decider = auth(*providers, **more)
    checks = decider.explain(text)
    with pytest.raises(UnauthenticatedError):
        decider.verify(text)
    assert not is_good(checks)
    return {each.name: each for each in checks if each.verdict in {"bad", "open"}}


def test_good_token_passes_every_check() -> None:
    checks = auth().explain(token())
    assert is_good(checks)
    assert [each.name for each in checks] == [
        "form", "issuer (iss)", "audience (aud)", "algorithm (alg)", "key id (kid)", "signature", "subject (sub)",
        "expiry (exp)", "issued at (iat)",
    ]  # fmt: skip
    assert checks[-2].found == "2023-11-14 23:13:20 UTC, in 1 hour"


def test_all_that_is_wrong_is_told_at_once() -> None:
    found = bad(unsigned({"alg": "none"}, claims(aud="other", exp=NOW_S - 90, nbf=NOW_S + 90, sub=7)))
    assert set(found) == {
        "audience (aud)", "algorithm (alg)", "subject (sub)", "expiry (exp)", "not before (nbf)",
    }  # fmt: skip
    assert "getToken({template: 'convex'})" in found["audience (aud)"].cure
    assert found["expiry (exp)"].found == "2023-11-14 22:11:50 UTC, 1 minute ago"
    assert "The time here is 2023-11-14 22:13:20 UTC" in found["expiry (exp)"].cure


@pytest.mark.parametrize(
    ("text", "name", "found"),
    [
        ("x", "form", "It has 1 part."),
        (token(claims(iss="https://evil.example")), "issuer (iss)", "'https://evil.example'"),
        (unsigned({}, {"sub": "a", "exp": NOW_S + 9}), "issuer (iss)", "missing"),
        (token(claims(aud="other")), "audience (aud)", "'other'"),
        (token(kid="k9"), "key id (kid)", "'k9'"),
        (token(number=1), "signature", "it is not"),
        (unsigned({"alg": "RS256", "kid": "k0", "crit": ["x"]}, claims()), "extensions (crit)", "['x']"),
        (unsigned({"alg": "RS256", "kid": "k0"}, claims(exp=None)), "expiry (exp)", "missing"),
        (unsigned({"alg": "RS256", "kid": "k0"}, claims(exp="x")), "expiry (exp)", "'x'"),
        (unsigned({"alg": "RS256", "kid": 7}, claims()), "key id (kid)", "7"),
    ],
)
def test_check_that_fails_says_what_was_found_and_what_to_do(text, name, found) -> None:
    check = bad(text)[name]
    assert check.found == found
    assert check.cure
    assert check.expected


def test_missing_configuration_comes_with_the_line_to_write() -> None:
    nobody = Auth(Globals(), clock=ManualClock(), limits=Limits(), environment={})
    for issuer, line in (
        ("https://x.clerk.accounts.dev", "%convex auth add clerk https://x.clerk.accounts.dev"),
        ("https://a.example", "%convex auth add oidc https://a.example convex"),
    ):
        check = nobody.explain(token(claims(iss=issuer)))[1]
        assert check.cure == f"If you trust this issuer: {line}"
        assert check.expected == "no provider is configured"


def test_bearer_in_front_is_noted_and_read_past() -> None:
    checks = auth().explain(f"Bearer {token()}")
    assert (checks[0].verdict, is_good(checks)) == ("note", True)


def test_keys_that_a_token_brings_along_are_noted() -> None:
    checks = auth().explain(token(jku="https://evil.example/keys"))
    assert [(each.name, each.found) for each in checks if each.verdict == "note"] == [("own key", "jku")]


def test_several_audiences_are_told_to_oidc() -> None:
    with site() as issuer:
        issuer.is_issuer(public_jwk())
        oidc = {"domain": issuer.url, "applicationID": "mine"}
        check = bad(token(claims(iss=issuer.url, aud=["mine", "b"])), oidc)["audience (aud)"]
    assert check.cure == "OIDC tokens must be for one audience alone; a custom provider takes several."


def test_issuer_that_is_down_leaves_its_check_open() -> None:
    with site() as issuer:
        gone = issuer.url
    check = bad(token(claims(iss=gone)), {"domain": gone, "applicationID": "convex"})["keys"]
    assert (check.verdict, check.found) == ("open", "nothing listens there")
    assert f"Open {gone}/.well-known/openid-configuration in a browser" in check.cure


def test_entries_of_a_set_that_are_no_keys_are_named() -> None:
    provider = custom(jwks=data_address(key_set({"kty": "oct"})))
    assert "keys[0] is a shared secret" in bad(token(), provider)["key id (kid)"].cure


def test_variable_that_is_wrong_is_told() -> None:
    checks = auth(environment={"CLERK_JWT_ISSUER_DOMAIN": "http://x.example"}).explain(token())
    (check,) = [each for each in checks if each.name == "provider"]
    assert "plain http" in check.found
