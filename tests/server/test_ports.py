"""Two ports: nbconvex.server.ports."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack, closing

import pytest

from nbconvex.errors import CallerError
from nbconvex.server import ports
from nbconvex.server.ports import Pair, bind_pair


@pytest.fixture
def opened():
    with ExitStack() as stack:

        def keep(*sockets: socket.socket) -> None:
            for each in sockets:
                stack.enter_context(closing(each))

        yield keep


def bound(keep, *args) -> Pair:
    pair = bind_pair(*args)
    keep(pair.api, pair.site)
    return pair


def free_pairs(keep) -> int:
    """A port at which a few pairs in a row are free, just now."""
    # Below the ports that systems give out by themselves, and in another place for each process that runs tests.
    first = 20_000 + os.getpid() % 100 * 100
    for port in range(first, first + 90, 10):
        found = []
        try:
            found.extend(socket.create_server(("127.0.0.1", each)) for each in range(port, port + 6))
        except OSError:
            continue
        finally:
            for each in found:
                each.close()
        return port
    raise AssertionError("no six free ports in a row")


def test_port_zero_gives_any_two_that_are_free(opened) -> None:
    pair = bound(opened, "127.0.0.1", 0)
    assert pair.port != pair.site_port
    # asyncio looks at the protocol before it sends small answers at once.
    assert {each.proto for each in (pair.api, pair.site)} == {socket.IPPROTO_TCP}


def test_busy_pairs_are_passed_over_together(opened) -> None:
    port = free_pairs(opened)
    first = bound(opened, "127.0.0.1", port)
    assert (first.port, first.site_port) == (port, port + 1)
    second = bound(opened, "127.0.0.1", port)
    assert (second.port, second.site_port) == (port + 2, port + 3)
    first.api.close()
    # The API port alone is not enough: the two stay together.
    third = bound(opened, "127.0.0.1", port)
    assert (third.port, third.site_port) == (port + 4, port + 5)


def test_site_port_may_be_any_and_moves_along(opened) -> None:
    port = free_pairs(opened)
    assert bound(opened, "127.0.0.1", port, port + 3).site_port == port + 3
    moved = bound(opened, "127.0.0.1", port, port + 3)
    assert (moved.port, moved.site_port) == (port + 2, port + 5)


def test_there_is_an_end_to_trying(opened, monkeypatch) -> None:
    port = free_pairs(opened)
    monkeypatch.setattr(ports, "PAIRS_MAX", 2)
    bound(opened, "127.0.0.1", port)
    bound(opened, "127.0.0.1", port)
    with pytest.raises(CallerError, match="2 pairs were tried"):
        bind_pair("127.0.0.1", port)
    with pytest.raises(CallerError, match="no two ports are free"):
        bind_pair("127.0.0.1", 65_535)


@pytest.mark.parametrize(
    ("host", "port", "message"),
    [
        ("no such host", 0, "is no address of this machine"),
        ("192.0.2.1", 0, "cannot be opened"),
        ("127.0.0.1", -1, "a number from 0 to 65535"),
        ("127.0.0.1", 70_000, "a number from 0 to 65535"),
    ],
)
def test_what_cannot_be_bound_is_said_at_once(host, port, message) -> None:
    with pytest.raises(CallerError, match=message):
        bind_pair(host, port)


def test_one_port_for_both_addresses_is_refused() -> None:
    with pytest.raises(CallerError, match="have a port each, got 3210 for both") as caught:
        bind_pair("127.0.0.1", 3210, 3210)
    assert caught.value.hint == "port=3210, site_port=3211"


def test_localhost_is_the_older_address_first(opened) -> None:
    assert bound(opened, "localhost", 0).api.family is socket.AF_INET
