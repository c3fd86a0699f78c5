"""Addresses as people see them: nbconvex.server.addresses."""

from __future__ import annotations

import pytest

from nbconvex.server.addresses import addresses, forwarded_prefix, local_url, other_port_url

HUB = {"JUPYTERHUB_SERVICE_PREFIX": "/user/ada/"}


def seen(environment, **more):
    return addresses(environment, host="127.0.0.1", port=3210, site_port=3211, **more)


@pytest.mark.case("notebook/proxy_base_url")
@pytest.mark.parametrize(
    ("environment", "api", "site"),
    [
        ({}, "http://127.0.0.1:3210", "http://127.0.0.1:3211"),
        ({"JPY_SESSION_NAME": "a.ipynb"}, "http://127.0.0.1:3210", "http://127.0.0.1:3211"),
        ({"VSCODE_PID": "1"}, "http://127.0.0.1:3210", "http://127.0.0.1:3211"),
        (HUB, "/user/ada/proxy/3210", "/user/ada/proxy/3211"),
        (
            {**HUB, "JUPYTERHUB_PUBLIC_URL": "https://hub.example.org/user/ada/"},
            "https://hub.example.org/user/ada/proxy/3210",
            "https://hub.example.org/user/ada/proxy/3211",
        ),
        (
            {"CODESPACE_NAME": "happy", "GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN": "app.github.dev"},
            "https://happy-3210.app.github.dev",
            "https://happy-3211.app.github.dev",
        ),
        ({"COLAB_RELEASE_TAG": "r1"}, "http://127.0.0.1:3210", "http://127.0.0.1:3211"),
    ],
)
def test_environment_tells_where_a_browser_finds_us(environment, api, site) -> None:
    found = seen(environment)
    assert (found.api, found.site) == (api, site)


def test_notes_say_what_else_is_needed() -> None:
    assert seen({}).note == ""
    assert "scheme and host" in seen(HUB).note
    assert "opens a shell" in seen(HUB).note
    assert "jupyter-server-proxy" in seen(HUB, has_proxy=False).note
    assert "scheme and host" not in seen({**HUB, "JUPYTERHUB_PUBLIC_URL": "https://h.example/user/ada"}).note
    assert "proxyPort(3210)" in seen({"COLAB_RELEASE_TAG": "r1"}).note


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:1"), ("0.0.0.0", "http://127.0.0.1:1"), ("", "http://127.0.0.1:1"),
        ("::1", "http://[::1]:1"), ("::", "http://[::1]:1"), ("localhost", "http://localhost:1"),
    ],
)  # fmt: skip
def test_local_address_can_be_opened(host, url) -> None:
    assert local_url(host, 1) == url


@pytest.mark.parametrize(
    ("header", "prefix"),
    [
        (None, ""), ("", ""), ("/", ""), ("/user/a/proxy/3211", "/user/a/proxy/3211"), ("/a/", "/a"), ("//evil", ""),
        ("no-slash", ""), ("/a b", ""), ('/a"><script>', ""), ("/user/a%40b/x", "/user/a%40b/x"),
    ],
)  # fmt: skip
def test_prefix_of_a_proxy_is_a_path_or_nothing(header, prefix) -> None:
    assert forwarded_prefix(header) == prefix


@pytest.mark.parametrize(
    ("host", "prefix", "scheme", "url"),
    [
        ("127.0.0.1:3211", "", None, "http://127.0.0.1:3210"),
        ("hub.example.org", "/user/a/proxy/3211", "https", "https://hub.example.org/user/a/proxy/3210"),
        ("happy-3211.app.github.dev", "", "https", "https://happy-3210.app.github.dev"),
        ("app.example.org", "", "https", "here"),
        (None, "", None, "here"),
        ("<script>:3211", "", None, "here"),
        ("127.0.0.1:3211", "", "javascript", "http://127.0.0.1:3210"),
    ],
)
def test_other_address_is_named_as_the_asker_sees_it(host, prefix, scheme, url) -> None:
    assert url == other_port_url(host=host, prefix=prefix, scheme=scheme, port=3211, other_port=3210, fallback="here")
