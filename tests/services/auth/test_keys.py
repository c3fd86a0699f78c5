"""Public keys of issuers: nbconvex.services.auth.keys."""

from __future__ import annotations

import base64
import json
import threading
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from nbconvex.clock import ManualClock
from nbconvex.errors import KeysUnavailableError
from nbconvex.limits import Limits
from nbconvex.services.auth.issuer_documents import NoDocumentError
from nbconvex.services.auth.keys import RETRY_S, FetchedKeys, discovery_url, key_source, read_key_set
from nbconvex.services.auth.providers import read_provider
from tests.services.auth.issuers import custom, data_address, key_set, private_key, public_jwk, redirect_to, site

LIMITS = Limits()


def source_of(tree, clock=None):
    return key_source(read_provider(tree), clock or ManualClock(), LIMITS)


def problem(tree) -> str:
    with pytest.raises(KeysUnavailableError) as caught:
        source_of(tree).keys()
    return caught.value.problem


def kids(source) -> list[str | None]:
    return [each.kid for each in source.keys().keys]


class Issuer:
    """Keys that come from nowhere; None is an issuer that is down."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.names: tuple[str, ...] | None = ("k0",)
        self.fetched = 0
        self.source = FetchedKeys(self.fetch, "https://issuer.example/jwks", self.clock, LIMITS)

    def fetch(self):
        self.fetched += 1
        if self.names is None:
            raise NoDocumentError("it is down")
        return read_key_set(key_set(*(public_jwk(kid=kid) for kid in self.names)))

    def has(self, kid: str) -> bool:
        return self.source.find(kid, "RS256") is not None


# -- what a key is ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_keys_of_the_three_algorithms_are_read(algorithm) -> None:
    found = read_key_set(key_set(public_jwk(algorithm)))
    assert str(found) == f"'k0' ({algorithm})"
    assert found.find("k0", algorithm) is found.keys[0]
    assert found.find("k1", algorithm) is None
    assert found.find("k0", "RS512") is None


def test_what_cannot_verify_tokens_is_left_out_and_told_why() -> None:
    short = RSAAlgorithm.to_jwk(rsa.generate_private_key(65_537, 1_024).public_key(), as_dict=True)
    private = RSAAlgorithm.to_jwk(private_key(), as_dict=True)
    entries = [
        {"kty": "oct", "k": "c2VjcmV0"}, {"kty": "EC", "crv": "P-521"}, {"kty": ["RSA"]}, "text",
        {**public_jwk(), "use": "enc"}, {**public_jwk(), "alg": "RSA-OAEP"}, {**public_jwk(), "kid": 7}, private,
        short, {"kty": "RSA", "kid": "x"}, {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
    ]  # fmt: skip
    found = read_key_set(key_set(*entries, public_jwk()))
    assert len(found.keys) == 1
    reasons = [
        "shared secret", "other algorithms ('EC' 'P-521')", "other algorithms", "is no object", "not for signatures",
        "is for 'RSA-OAEP'", "kid that is no text", "private key, which must not be published", "1024 bits, fewer",
        "cannot be read", "cannot be read",
    ]  # fmt: skip
    for unfit, reason in zip(found.unfit, reasons, strict=True):
        assert reason in unfit
    assert str(read_key_set({"keys": []})) == "none"


@pytest.mark.parametrize("tree", [None, [], {}, {"keys": {}}, {"keys": "x"}, 7])
def test_what_is_no_key_set_is_refused(tree) -> None:
    with pytest.raises(NoDocumentError, match="is no key set"):
        read_key_set(tree)


def test_token_without_key_id_needs_the_only_key() -> None:
    two = read_key_set(key_set(public_jwk(), public_jwk(number=1, kid="k1"), public_jwk("ES256", kid="e")))
    assert two.find(None, "RS256") is None
    assert two.find(None, "ES256") is two.keys[2]


# -- where keys come from ----------------------------------------------------------------------------------------------


def test_keys_stand_in_a_data_address() -> None:
    tree = key_set(public_jwk())
    text = json.dumps(tree)
    padded = base64.b64encode(text.encode()).decode()
    for address in (
        data_address(tree), data_address(tree, "text/plain;charset=utf-8"), f"data:,{quote(text)}",
        f"data:application/json,{quote(text)}", f"data:;base64,{quote(padded)}",
        f"data:;base64,{base64.urlsafe_b64encode(text.encode()).decode().rstrip('=')}",
    ):  # fmt: skip
        source = source_of(custom(jwks=address))
        assert kids(source) == ["k0"]
        assert source.find("k0", "RS256") is not None


@pytest.mark.parametrize(
    ("address", "sentence"),
    [("data:", "a comma"), ("data:,x", "is not JSON"), ("data:;base64,???", "is not JSON"), ("data:,{}", "no key set")],
)
def test_data_address_without_keys_is_told_why(address, sentence) -> None:
    assert sentence in problem(custom(jwks=address))


def test_keys_are_found_by_discovery() -> None:
    with site() as issuer:
        issuer.is_issuer(public_jwk())
        source = source_of({"domain": issuer.url, "applicationID": "x"})
        assert kids(source) == ["k0"]
        assert source.place == discovery_url(issuer.url) == f"{issuer.url}/.well-known/openid-configuration"


def test_discovery_must_be_that_of_the_issuer_and_lead_to_https() -> None:
    with site() as issuer:
        issuer.is_issuer(public_jwk())
        tree = {"domain": issuer.url, "applicationID": "x"}
        page = issuer.pages["/.well-known/openid-configuration"]
        for change, sentence in (
            ({"issuer": "https://evil.example"}, "about another issuer, 'https://evil.example'"),
            ({"issuer": None}, "about another issuer"),
            ({"jwks_uri": None}, "has no jwks_uri"),
            ({"jwks_uri": "http://evil.example/keys"}, "not https"),
            ({"jwks_uri": "file:///etc/passwd"}, "not https"),
            ({"jwks_uri": "https://["}, "not https"),
        ):
            issuer.pages["/.well-known/openid-configuration"] = {**page, **change}
            assert sentence in problem(tree)
        issuer.pages["/.well-known/openid-configuration"] = [page]
        assert "is no object" in problem(tree)
        # The slash at the end of an issuer is nobody's business.
        issuer.pages["/.well-known/openid-configuration"] = {**page, "issuer": f"{issuer.url}/"}
        assert kids(source_of(tree)) == ["k0"]


def test_key_set_that_redirects_to_another_host_is_refused() -> None:
    with site() as issuer, site() as evil:
        evil.pages["/jwks.json"] = key_set(public_jwk(number=1))
        issuer.pages["/jwks.json"] = redirect_to(f"{evil.url}/jwks.json")
        assert "it redirects to another host" in problem(custom(jwks=f"{issuer.url}/jwks.json"))
        assert evil.asked == []


# -- how long keys are good ------------------------------------------------------------------------------------------


def test_keys_are_fetched_once_while_they_are_fresh() -> None:
    issuer = Issuer()
    assert all(issuer.has("k0") for _ in range(100))
    issuer.clock.advance(LIMITS.key_age_s - 1)
    assert issuer.has("k0")
    assert issuer.fetched == 1
    issuer.clock.advance(1)
    assert issuer.has("k0")
    assert issuer.fetched == 2


def test_new_key_is_found_at_once_and_a_withdrawn_one_counts_no_more() -> None:
    issuer = Issuer()
    assert issuer.has("k0")
    issuer.names = ("k1",)
    issuer.clock.advance(RETRY_S)
    assert issuer.has("k1")
    assert issuer.fetched == 2
    assert not issuer.has("k0")


def test_withdrawn_key_counts_until_the_keys_have_aged() -> None:
    issuer = Issuer()
    assert issuer.has("k0")
    issuer.names = ("k1",)
    issuer.clock.advance(LIMITS.key_age_s - 1)
    assert issuer.has("k0")
    issuer.clock.advance(1)
    assert not issuer.has("k0")


def test_flood_of_unknown_key_ids_asks_the_issuer_once_in_a_while() -> None:
    issuer = Issuer()
    for second in range(30):
        assert not any(issuer.has(f"evil-{second}-{n}") for n in range(10))
        assert issuer.has("k0")
        issuer.clock.advance(1)
    assert issuer.fetched == 30 / RETRY_S


def test_last_keys_are_good_while_the_issuer_is_down_and_not_for_ever() -> None:
    issuer = Issuer()
    assert issuer.has("k0")
    issuer.names = None
    issuer.clock.advance(LIMITS.stale_key_age_s - 1)
    assert issuer.has("k0")
    assert not issuer.has("k1")
    issuer.clock.advance(1)
    with pytest.raises(KeysUnavailableError, match="it is down"):
        issuer.has("k0")
    issuer.names = ("k0",)
    issuer.clock.advance(RETRY_S)
    assert issuer.has("k0")


def test_issuer_that_is_down_from_the_beginning_is_asked_once_in_a_while() -> None:
    issuer = Issuer()
    issuer.names = None
    for _ in range(3):
        for _ in range(10):
            with pytest.raises(KeysUnavailableError):
                issuer.source.keys()
        issuer.clock.advance(RETRY_S)
    assert issuer.fetched == 3


def test_whoever_has_a_known_key_does_not_wait_for_those_who_have_not() -> None:
    issuer = Issuer()
    assert issuer.has("k0")
    issuer.clock.advance(LIMITS.key_age_s)
    begun, release = threading.Event(), threading.Event()
    fetch = issuer.fetch

    def slow():
        begun.set()
        assert release.wait(10)
        return fetch()

    issuer.source._fetch = slow
    stranger = threading.Thread(target=issuer.has, args=("evil",))
    stranger.start()
    assert begun.wait(10)
    assert issuer.has("k0")
    release.set()
    stranger.join()


def test_many_threads_fetch_once() -> None:
    issuer = Issuer()
    found: list[bool] = []
    threads = [threading.Thread(target=lambda: found.append(issuer.has("k0"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 8
    assert issuer.fetched == 1
