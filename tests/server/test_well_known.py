"""What the development issuer publishes: nbconvex.server.well_known."""

from __future__ import annotations

import httpx
import pytest

from nbconvex.backend import Backend
from nbconvex.errors import CallerError
from nbconvex.server.serve import serve
from nbconvex.server.well_known import DISCOVERY, KEY_SET


def who(url: str, bearer: str) -> httpx.Response:
    return httpx.post(
        f"{url}/api/query", json={"path": "m:who", "args": {}}, headers={"Authorization": f"Bearer {bearer}"}
    )


@pytest.fixture(autouse=True)
def function(backend) -> None:
    backend.query(name="m:who")(lambda ctx: ctx.auth.get_user_identity().subject)


def test_another_backend_can_verify_our_tokens_by_discovery(server) -> None:
    text = server.token("ada", name="Ada")
    assert who(server.url, text).json()["value"] == "ada"
    oidc = {"domain": server.site_url, "applicationID": "convex"}
    with Backend.open(auth=[oidc]) as other, serve(other, port=0) as there:
        other.query(name="m:who")(lambda ctx: ctx.auth.get_user_identity().name)
        assert who(there.url, text).json()["value"] == "Ada"


def test_discovery_and_keys_are_public_and_are_ours_only_after_the_first_token(server) -> None:
    assert "does not have HTTP actions enabled" in httpx.get(server.site_url + DISCOVERY).text
    server.token("ada")
    document = httpx.get(server.site_url + DISCOVERY)
    assert document.headers["content-type"] == "application/json"
    assert document.headers["access-control-allow-origin"] == "*"
    assert document.json()["jwks_uri"] == server.site_url + KEY_SET
    keys = httpx.get(server.site_url + KEY_SET)
    assert [each["kty"] for each in keys.json()["keys"]] == ["OKP"]
    assert "PRIVATE" not in keys.text
    assert '"d"' not in keys.text
    assert httpx.head(server.site_url + KEY_SET).status_code == 200
    assert httpx.post(server.site_url + KEY_SET).status_code == 405
    assert httpx.get(server.url + DISCOVERY).status_code == 404


def test_issuer_counts_where_only_this_machine_is_served(backend) -> None:
    with serve(backend, host="0.0.0.0", port=0) as open_server:
        with pytest.raises(CallerError, match="development tokens do not count here"):
            open_server.token("ada")
        assert backend.auth.development_addresses == ()
    with serve(backend, host="0.0.0.0", port=0, development_tokens=True) as asked_for:
        assert who(asked_for.url, asked_for.token("ada")).json()["value"] == "ada"
    with serve(backend, port=0, development_tokens=False) as server, pytest.raises(CallerError):
        server.token("ada")
    with Backend.open(production=True) as production, serve(production, port=0) as server, pytest.raises(CallerError):
        server.token("ada")


def test_token_ends_with_its_server(backend) -> None:
    with serve(backend, port=0) as server:
        text = server.token("ada")
        url = server.site_url
    assert backend.auth.providers == ()
    with serve(backend, port=0) as server:
        assert server.site_url != url or who(server.url, text).status_code == 200
        if server.site_url != url:
            assert who(server.url, text).status_code == 401
