"""Names that a server answers to: nbconvex.server.hosts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbconvex.errors import RequestRefusedError
from nbconvex.server.hosts import implied_hosts, is_allowed_host, require_allowed_host

CODESPACE = {"CODESPACE_NAME": "happy", "GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN": "app.github.dev"}


@pytest.mark.parametrize(
    "host",
    [
        None, "localhost", "localhost:3210", "LOCALHOST.:3210", "app.localhost:3210", "127.0.0.1", "127.0.0.1:3210",
        "[::1]:3210", "192.0.2.7:80", "[fe80::1%25eth0]:3210",
    ],
)  # fmt: skip
def test_names_that_no_attacker_can_own_are_allowed(host) -> None:
    assert is_allowed_host(host, ())


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:3210", "localhost.evil.example", "127.0.0.1.evil.example", "notlocalhost", "",
        ":3210", "[::1", "evil.example#@localhost", "a b", "127.0.0.1@evil.example:80", "0x7f.evil.example",
    ],
)  # fmt: skip
def test_every_other_name_is_refused_with_the_setting_that_allows_it(host) -> None:
    with pytest.raises(RequestRefusedError, match=r"NbConvex\.allowed_hosts") as refused:
        require_allowed_host(host, ("app.example.org",))
    assert (refused.value.status, refused.value.reason) == (403, "HostNotAllowed")


@pytest.mark.parametrize(
    ("host", "allowed", "is_allowed"),
    [
        ("app.example.org:443", ("app.example.org",), True),
        ("APP.example.org", ("app.Example.org",), True),
        ("x.app.example.org", ("app.example.org",), False),
        ("x.example.org", ("*.example.org",), True),
        ("x.y.example.org", ("*.example.org",), True),
        ("example.org", ("*.example.org",), False),
        ("evilexample.org", ("*.example.org",), False),
        ("anything", ("*",), True),
    ],
)
def test_allowed_names_may_have_a_star_in_front(host, allowed, is_allowed) -> None:
    assert is_allowed_host(host, allowed) is is_allowed


@given(st.text())
def test_no_header_breaks_the_check(host) -> None:
    assert isinstance(is_allowed_host(host, ("a.example",)), bool)


@pytest.mark.parametrize(
    ("environment", "hosts"),
    [
        ({}, ()),
        ({"JUPYTERHUB_SERVICE_PREFIX": "/user/a/"}, ("*",)),
        (
            {"JUPYTERHUB_SERVICE_PREFIX": "/user/a/", "JUPYTERHUB_PUBLIC_URL": "https://hub.example.org/user/a/"},
            ("hub.example.org",),
        ),
        ({"BINDER_LAUNCH_HOST": "https://binder.example"}, ("*",)),
        ({"COLAB_RELEASE_TAG": "r1"}, ("*",)),
        (CODESPACE, ("*.app.github.dev",)),
    ],
)
def test_environment_implies_the_names_of_its_proxy(environment, hosts) -> None:
    assert implied_hosts(environment, bound_to="127.0.0.1", machine="laptop") == hosts


def test_machine_answers_to_its_name_only_where_others_can_reach_it() -> None:
    assert implied_hosts({}, bound_to="0.0.0.0", machine="laptop") == ("laptop",)
    assert implied_hosts({}, bound_to="laptop.example", machine="laptop") == ("laptop", "laptop.example")
