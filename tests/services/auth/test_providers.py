"""Who may vouch for a caller: nbconvex.services.auth.providers."""

from __future__ import annotations

import pytest

from nbconvex.errors import CallerError
from nbconvex.services.auth.providers import (
    CustomProvider,
    OidcProvider,
    checked_issuer,
    clerk_provider,
    is_loopback,
    issuer_key,
    matching,
    read_provider,
    read_providers,
    write_provider,
)
from tests.services.auth.issuers import custom

CLERK = "https://verb-noun-00.clerk.accounts.dev"


def said(tree) -> str:
    with pytest.raises(CallerError) as caught:
        read_provider(tree)
    return str(caught.value)


def test_auth_config_is_read_as_convex_writes_it() -> None:
    assert read_providers({"providers": [{"domain": CLERK, "applicationID": "convex"}]}) == (
        OidcProvider(CLERK, "convex"),
    )
    assert read_provider(custom(jwks="https://issuer.example/jwks")) == CustomProvider(
        "https://issuer.example", "https://issuer.example/jwks", "RS256", "convex"
    )
    assert read_provider({"domain": "issuer.example", "application_id": "x"}) == OidcProvider(
        "https://issuer.example", "x"
    )


@pytest.mark.parametrize("tree", [{"domain": CLERK, "applicationID": "convex"}, custom(), custom(algorithm="EdDSA")])
def test_provider_is_written_as_it_was_read(tree) -> None:
    provider = read_provider(tree)
    assert write_provider(provider) == tree
    assert read_provider(provider) is provider
    assert read_provider(write_provider(provider)) == provider


@pytest.mark.parametrize(
    ("tree", "sentence"),
    [
        ("x", "a provider is a dict, not str."),
        ({"type": "saml"}, "type is \"customJwt\", or left out for OIDC, not 'saml'."),
        ({"domain": CLERK}, "applicationID is missing."),
        ({"applicationID": "x"}, "domain is missing."),
        ({"domain": 7, "applicationID": "x"}, "domain is text, not int."),
        ({"domain": [], "applicationID": "x"}, "domain is text, not list."),
        ({"domain": CLERK, "applicationID": "x", "aud": "y"}, "a provider has no aud; it has type, domain"),
        ({"issuer": CLERK, "jwks": "data:,"}, 'needs "type": "customJwt"'),
        (custom(algorithm="HS256"), "not 'HS256'. Algorithms with a shared secret"),
        (custom(algorithm=None), "algorithm is None."),
        (custom(jwks="http://issuer.example/jwks"), "jwks 'http://issuer.example/jwks' is plain http"),
        (custom(jwks="file:///etc/passwd"), "is no address"),
        (custom(jwks="ftp://a.example/x"), "begins with ftp://; it is https://."),
        (custom(issuer="https://me:secret@issuer.example"), "has a user name in it"),
        (custom(issuer="https://issuer.example/?a=1"), "has a query or a fragment"),
        (custom(issuer="https://"), "is no address"),
        (custom(issuer="https://a b"), "is no address"),
        (custom(issuer="https://a:port"), "is no address"),
        (custom(applicationID=""), "applicationID is ''."),
    ],
)
def test_what_is_no_provider_is_refused_with_what_would_be_one(tree, sentence) -> None:
    assert sentence in said(tree)


def test_plain_http_is_for_this_machine_only() -> None:
    for host in ("127.0.0.1:8000", "localhost:1", "app.localhost", "[::1]:80", "127.9.9.9"):
        assert checked_issuer(f"http://{host}") == f"http://{host}"
    for host in ("issuer.example", "10.1", "localhost.evil.example", "0.0.0.0"):
        with pytest.raises(CallerError, match="plain http"):
            checked_issuer(f"http://{host}")
    assert not is_loopback(None)
    assert is_loopback("LOCALHOST.")


@pytest.mark.case("auth/issuer_env_unset_hint")
def test_variable_that_is_not_set_is_named() -> None:
    with pytest.raises(CallerError, match="the environment variable CLERK_JWT_ISSUER_DOMAIN is not set"):
        clerk_provider(None, {})
    with pytest.raises(
        CallerError, match=r"the environment variable CLERK_JWT_ISSUER_DOMAIN: the issuer .* plain http"
    ):
        clerk_provider(None, {"CLERK_JWT_ISSUER_DOMAIN": "http://x.clerk.accounts.dev"})
    # As os.environ.get(...) gives it to an auth.config.
    assert "that is not set: for Clerk it is CLERK_JWT_ISSUER_DOMAIN" in said({"domain": None, "applicationID": "x"})


def test_clerk_is_oidc_with_the_template_convex() -> None:
    assert clerk_provider(None, {"CLERK_JWT_ISSUER_DOMAIN": f" {CLERK} "}) == OidcProvider(CLERK, "convex")
    assert clerk_provider("verb-noun-00.clerk.accounts.dev", {}) == OidcProvider(CLERK, "convex")


def test_lists_are_lists_and_name_a_provider_once() -> None:
    for trees in ("x", {"domain": CLERK}, 7, None):
        with pytest.raises(CallerError, match="providers is a list"):
            read_providers(trees)
    with pytest.raises(CallerError, match=r"providers\[1\]: domain is missing"):
        read_providers([custom(), {}])
    with pytest.raises(CallerError, match=r"providers\[1\]: CustomJWT\(.*\) is there twice"):
        read_providers([custom(), custom(issuer="https://issuer.example/")])
    assert len(read_providers([custom(), custom(applicationID="other")])) == 2


def test_issuers_are_compared_with_scheme_and_without_slash() -> None:
    assert issuer_key("issuer.example/") == issuer_key("https://issuer.example") == "https://issuer.example"
    assert issuer_key("http://issuer.example") != issuer_key("https://issuer.example")


def test_provider_is_chosen_by_issuer_and_audience() -> None:
    oidc, named = read_provider({"domain": "a.example", "applicationID": "x"}), read_provider(custom())
    anybody = read_provider({name: value for name, value in custom().items() if name != "applicationID"})
    assert matching([oidc, named], "https://a.example", ["x"]) is oidc
    assert matching([oidc, named], "https://a.example", ["x", "y"]) is None
    assert matching([oidc, named], "https://issuer.example/", ["y", "convex"]) is named
    assert matching([oidc, named], "https://issuer.example", []) is None
    assert matching([named, anybody], "https://issuer.example", []) is anybody
    assert str(oidc) == "OIDC(domain=https://a.example, app_id=x)"
