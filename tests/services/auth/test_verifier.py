"""From a token to an identity: nbconvex.services.auth.verifier."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from nbconvex.clock import ManualClock
from nbconvex.errors import UnauthenticatedError
from nbconvex.limits import Limits
from nbconvex.services.auth.keys import key_source
from nbconvex.services.auth.providers import read_providers
from nbconvex.services.auth.verifier import LEEWAY_S, Verifier, said
from tests.services.auth.issuers import (
    ISSUER,
    NOW_S,
    b64,
    claims,
    custom,
    data_address,
    key_set,
    private_key,
    public_jwk,
    site,
    token,
    unsigned,
)

HEADER = {"alg": "RS256", "kid": "k0"}


def verifier(*trees, production=False, clock=None) -> Verifier:
    providers = read_providers(trees)
    clock = clock or ManualClock()
    sources = {each: key_source(each, clock, Limits()) for each in providers}
    return Verifier(
        lambda: providers, sources.__getitem__, clock=clock, limits=Limits(), production=production
    )  # fmt: skip


def refused(text: str, *trees, **more) -> tuple[str, str]:
    """Code and message of the refusal."""
    with pytest.raises(UnauthenticatedError) as caught:
        verifier(*(trees or (custom(),)), **more).verify(text)
    return caught.value.reason, caught.value.message


def identity(text: str, *trees):
    return verifier(*(trees or (custom(),))).verify(text).identity


def test_good_token_gives_an_identity_and_its_end() -> None:
    verified = verifier(custom()).verify(token(claims(role="admin")))
    assert dict(verified.identity) == {
        "tokenIdentifier": f"{ISSUER}|ada", "issuer": ISSUER, "subject": "ada", "role": "admin",
    }  # fmt: skip
    assert verified.expires_s == NOW_S + 3_600 + LEEWAY_S


@pytest.mark.case("auth/valid_es256_custom")
@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_custom_provider_takes_each_of_its_algorithms(algorithm) -> None:
    provider = custom(algorithm=algorithm, jwks=data_address(key_set(public_jwk(algorithm))))
    found = identity(token(claims(team={"id": 7}), algorithm=algorithm), provider)
    assert (found.subject, found["team.id"]) == ("ada", 7)


@pytest.mark.case("auth/trailing_slash_issuer")
@pytest.mark.parametrize("configured", [ISSUER, f"{ISSUER}/", "issuer.example"])
@pytest.mark.parametrize("claimed", [ISSUER, f"{ISSUER}/"])
def test_slash_at_the_end_and_scheme_of_an_issuer_do_not_matter(configured, claimed) -> None:
    assert identity(token(claims(iss=claimed)), custom(issuer=configured)).issuer == claimed


@pytest.mark.case("auth/audience_list")
def test_custom_token_may_have_several_audiences_and_an_oidc_token_one() -> None:
    several = token(claims(aud=["a", "convex"]))
    assert identity(several).subject == "ada"
    with site() as issuer:
        issuer.is_issuer(public_jwk())
        oidc = {"domain": issuer.url, "applicationID": "convex"}
        assert identity(token(claims(iss=issuer.url, aud=["convex"])), oidc).subject == "ada"
        code, message = refused(token(claims(iss=issuer.url, aud=["a", "convex"])), oidc)
    assert code == "NoAuthProvider"
    assert "several audiences, 'a', 'convex'; an OIDC token must have 'convex' alone" in message


def test_provider_without_application_id_takes_any_audience() -> None:
    provider = {name: value for name, value in custom().items() if name != "applicationID"}
    assert identity(token(claims(aud=None)), provider).subject == "ada"
    assert identity(token(claims(aud="whatever")), provider).subject == "ada"


def test_first_provider_that_matches_is_used() -> None:
    other = custom(applicationID="other", jwks=data_address(key_set(public_jwk(number=1))))
    assert identity(token(), other, custom()).subject == "ada"
    assert identity(token(claims(aud="other"), number=1), other, custom()).subject == "ada"
    assert refused(token(claims(aud="other")), other, custom())[0] == "InvalidAuthHeader"


@pytest.mark.case("auth/no_providers")
def test_without_providers_the_special_text_is_told() -> None:
    for production in (False, True):
        with pytest.raises(UnauthenticatedError) as caught:
            verifier(production=production).verify(token())
        assert caught.value.reason == "NoAuthProvider"
        assert "(no providers configured). Check convex/auth.config.ts." in caught.value.message
        assert ("%convex auth add" in caught.value.message) is not production


@pytest.mark.case("auth/wrong_issuer")
def test_token_of_another_issuer_is_refused_with_both_named() -> None:
    code, message = refused(token(claims(iss="https://evil.example")))
    assert code == "NoAuthProvider"
    assert message == (
        "No auth provider found matching the given token. Check that your JWT's issuer and audience match one of your "
        "configured providers: [CustomJWT(issuer=https://issuer.example, app_id=convex)] The token's issuer is "
        "'https://evil.example' (audience 'convex'), which is none of them."
    )


@pytest.mark.case("auth/wrong_audience")
@pytest.mark.parametrize(
    ("audience", "found"), [("other", "'other'"), (None, "missing"), (7, "missing"), (["other"], "'other'")]
)
def test_token_for_another_audience_is_refused_with_expected_and_found(audience, found) -> None:
    code, message = refused(unsigned(HEADER, claims(aud=audience)))
    assert code == "NoAuthProvider"
    assert f"its audience ('aud') is {found}, and 'convex' is expected" in message
    assert "the JWT template must be called 'convex'" in message


@pytest.mark.case("auth/prod_hides_providers")
def test_production_hides_who_is_configured() -> None:
    for bad in (token(claims(iss="https://evil.example")), token(claims(aud="other")), token(kid="other")):
        _, message = refused(bad, production=True)
        assert "issuer.example" not in message
        assert "k0" not in message
    assert refused(token(claims(aud="other")), production=True)[1].endswith("match one of your configured providers.")


@pytest.mark.case("auth/expired")
def test_expired_token_is_refused_and_says_since_when() -> None:
    code, message = refused(token(claims(exp=NOW_S - 3_600)))
    assert code == "InvalidAuthHeader"
    assert message == (
        "Could not validate token: It expired 1 hour ago, at 2023-11-14 21:13:20 UTC; the time here is "
        "2023-11-14 22:13:20 UTC."
    )


@pytest.mark.case("auth/leeway")
def test_clocks_may_differ_by_five_seconds() -> None:
    assert identity(token(claims(exp=NOW_S - 2))).subject == "ada"
    assert identity(token(claims(nbf=NOW_S + 4, iat=NOW_S + 4))).subject == "ada"
    refused(token(claims(exp=NOW_S - 5)))
    assert "It counts only in 6 s" in refused(token(claims(nbf=NOW_S + 6)))[1]
    assert "It was issued only in 1 minute" in refused(token(claims(iat=NOW_S + 60)))[1]


def test_time_is_that_of_the_clock_that_was_handed_in() -> None:
    clock = ManualClock()
    decider = verifier(custom(), clock=clock)
    decider.verify(token())
    clock.advance(3_600 + LEEWAY_S)
    with pytest.raises(UnauthenticatedError, match="It expired"):
        decider.verify(token())


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"exp": None}, "It has no expiry ('exp')."),
        ({"exp": "soon"}, "Its claim 'exp' is 'soon', not a time."),
        ({"exp": True}, "Its claim 'exp' is True, not a time."),
        ({"nbf": []}, "Its claim 'nbf' is [], not a time."),
        ({"sub": None}, "Its subject ('sub') is None, not a text."),
        ({"sub": ""}, "Its subject ('sub') is '', not a text."),
    ],
)
def test_claims_that_make_no_sense_are_refused(change, cause) -> None:
    # PyJWT makes no such tokens, so that of a body without checks is signed.
    code, message = refused(signed(HEADER, claims(**change)))
    assert code == "InvalidAuthHeader"
    assert message == f"Could not validate token: {cause}"


def test_endless_expiry_is_none() -> None:
    body = json.dumps(claims(exp=1)).replace('"exp": 1', '"exp": 1e999').encode()
    assert "Its claim 'exp' is inf" in refused(signed(HEADER, body))[1]


def signed(header, tree) -> str:
    """A token of the issuer's, whatever stands in it."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    text = f"{b64(header)}.{b64(tree)}"
    signature = private_key().sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{text}.{b64(signature)}"


@pytest.mark.parametrize("tree", [{"sub": "ada"}, {"iss": 7}])
def test_token_without_an_issuer_is_refused(tree) -> None:
    code, message = refused(unsigned(HEADER, tree))
    assert code == "InvalidAuthHeader"
    assert message.startswith("Missing issuer claim ('iss') in JWT payload. It has the claims '")


# -- attacks ----------------------------------------------------------------------------------------------------------


@pytest.mark.case("auth/bad_signature")
def test_changed_claims_are_refused() -> None:
    header, _, signature = token().split(".")
    code, message = refused(f"{header}.{b64(claims(sub='eve'))}.{signature}")
    assert (code, message) == (
        "InvalidAuthHeader",
        "Could not decode token. It was not signed with the issuer's key, or was changed since.",
    )
    refused(f"{header}.{b64(claims())}.")
    refused(token(number=1))


@pytest.mark.case("auth/alg_none_refused")
@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", "", None, ["none"], {"a": 1}])
@pytest.mark.parametrize("signature", [b"", b"x"])
def test_unsigned_tokens_are_refused(name, signature) -> None:
    _, message = refused(unsigned({"alg": name, "kid": "k0"}, claims(), signature))
    assert "not RS256." in message


@pytest.mark.case("auth/hs256_with_public_key_refused")
def test_token_signed_with_the_public_key_as_a_secret_is_refused() -> None:
    public = private_key().public_key()
    secrets = [
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(public_jwk()).encode(),
    ]
    for secret in secrets:
        text = f"{b64({'alg': 'HS256', 'kid': 'k0'})}.{b64(claims())}"
        forged = f"{text}.{b64(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"
        assert "It is signed with 'HS256', not RS256." in refused(forged)[1]


def test_algorithm_is_the_providers_and_not_the_headers() -> None:
    # A good key of the set, but for an algorithm that the provider does not use.
    provider = custom(jwks=data_address(key_set(public_jwk(), public_jwk("ES256", kid="k1"))))
    assert "not RS256." in refused(token(algorithm="ES256", kid="k1"), provider)[1]
    # The header names the algorithm, and the key is another's.
    assert "'k1'; the issuer has no such RS256 key" in refused(token(kid="k1"), provider)[1]


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c"])
def test_keys_that_a_token_brings_along_are_not_looked_at(name) -> None:
    with site() as evil:
        evil.pages["/keys"] = key_set(public_jwk(number=1))
        brought = {"jwk": public_jwk(number=1), "x5c": ["MIIB"]}.get(name, f"{evil.url}/keys")
        refused(token(number=1, **{name: brought}))
        assert identity(token(**{name: brought})).subject == "ada"
        assert evil.asked == []


@pytest.mark.parametrize("value", [["exp"], ["b64"], [], "x", None])
def test_extensions_that_must_be_understood_are_not(value) -> None:
    assert "demands an extension (crit)" in refused(signed({**HEADER, "crit": value}, claims()))[1]


@pytest.mark.parametrize(
    "kid",
    [
        "../../../../dev/null", "/etc/passwd", "file:///etc/passwd", "https://evil.example/key", "' OR '1'='1",
        "k0' --", "k0; DROP TABLE keys", "k0\x00", "K0", " k0", "", "*", "$(id)", "k" * 4_000,
    ],
)  # fmt: skip
def test_key_id_is_compared_and_nothing_else(kid) -> None:
    code, message = refused(token(kid=kid))
    assert code == "InvalidAuthHeader"
    assert message.startswith("Could not decode token. The JWT's 'kid' (key ID) header is '")
    assert "Keys at the data: address of its provider: 'k0' (RS256)." in message
    assert len(message) < 400
    assert message.isprintable()


@pytest.mark.parametrize("kid", [7, [], {"a": 1}, True])
def test_key_id_is_a_text(kid) -> None:
    assert "which is no text" in refused(signed({"alg": "RS256", "kid": kid}, claims()))[1]


def test_token_without_key_id_is_taken_where_there_is_one_key() -> None:
    assert identity(token(kid=None)).subject == "ada"
    two = custom(jwks=data_address(key_set(public_jwk(), public_jwk(number=1, kid="k1"))))
    assert "has no 'kid' (key ID) header" in refused(token(kid=None), two)[1]
    unnamed = custom(jwks=data_address(key_set(public_jwk(kid=None))))
    assert identity(token(kid=None), unnamed).subject == "ada"


def test_too_large_and_too_deep_tokens_are_refused() -> None:
    assert "limit token_bytes: 8,192" in refused(token(claims(x="y" * 9_000)))[1]
    deep: list = []
    for _ in range(17):
        deep = [deep]
    assert "limit token_nesting: 16" in refused(signed(HEADER, claims(x=deep)))[1]
    assert "limit token_nesting" in refused(f"{b64(HEADER)}.{b64(b'[' * 6_000)}.x")[1]


@pytest.mark.case("auth/identity_json_safe")
def test_odd_claims_stay_values() -> None:
    odd = claims(**{"$type": "x", "größe": 1, "big": 2**70, "list": [{"$a": 1, "b": 2**60}], "_ok": True})
    found = dict(identity(signed(HEADER, odd)))
    assert {name: found[name] for name in found.keys() - {"tokenIdentifier", "issuer", "subject"}} == {
        "big": float(2**70), "list": [{"b": float(2**60)}], "_ok": True,
    }  # fmt: skip


def test_claims_that_no_value_can_be_are_refused_and_not_an_error_of_ours() -> None:
    many = claims(x=[0] * 1_500, **{f"a{n}": {} for n in range(5)})
    assert identity(signed(HEADER, many)).subject == "ada"
    assert "cannot be shown to functions" in refused(signed(HEADER, claims(x="\ud800")))[1]


# -- issuers over the network ----------------------------------------------------------------------------------------


def test_oidc_token_is_verified_with_keys_found_by_discovery() -> None:
    with site() as issuer:
        issuer.is_issuer(public_jwk())
        oidc = {"domain": issuer.url, "applicationID": "convex"}
        decider = verifier(oidc)
        good = token(claims(iss=issuer.url, given_name="Ada", email_verified=True))
        assert decider.verify(good).identity.given_name == "Ada"
        assert decider.verify(good).identity["emailVerified"] is True
        assert issuer.asked == ["/.well-known/openid-configuration", "/jwks.json"]
        code, message = refused(token(claims(iss=issuer.url, exp=NOW_S - 60)), oidc)
    assert code == "Unauthenticated"
    assert message.startswith(
        "Could not verify OIDC token claim. Check that the token signature is valid and the token hasn't expired. "
        "It expired 1 minute ago"
    )


def test_unreachable_issuer_is_told_with_the_reason_in_development_only() -> None:
    with site() as issuer:
        gone = issuer.url
    oidc = {"domain": gone, "applicationID": "convex"}
    bearer = token(claims(iss=gone))
    assert refused(bearer, oidc) == (
        "AuthProviderDiscoveryFailed",
        f"Auth provider discovery of {gone} failed: nothing listens there.",
    )
    keys_away = custom(jwks=f"{gone}/jwks.json")
    assert refused(token(), keys_away) == (
        "InvalidAuthHeader",
        f"Could not fetch JWKS from URL '{gone}/jwks.json': nothing listens there.",
    )
    assert refused(token(), keys_away, production=True)[1] == "Could not fetch JWKS from URL."


def test_durations_are_said_in_their_largest_unit() -> None:
    assert [said(each) for each in (0.4, 59, 60, 3_599, 7_200, 86_400, 200_000)] == [
        "0 s", "59 s", "1 minute", "59 minutes", "2 hours", "1 day", "2 days",
    ]  # fmt: skip
