"""uvicorn as a guest: nbconvex.server.listener."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import time
from dataclasses import replace

import pytest

import nbconvex
from nbconvex.backend import Backend
from nbconvex.limits import Limits
from nbconvex.server import app as app_module
from nbconvex.server.listener import Discretion
from nbconvex.server.serve import Server, serve

IMPATIENT = replace(Limits(), request_time_s=0.05)


def connected(server: Server) -> socket.socket:
    # Less than the five seconds after which uvicorn hangs up on whoever says nothing.
    return socket.create_connection(("127.0.0.1", server.port), timeout=3)


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: loc"])
def test_client_that_does_not_come_to_the_point_is_hung_up_on(sent) -> None:
    with Backend.open(limits=IMPATIENT) as backend, serve(backend, port=0) as server, connected(server) as raw:
        raw.sendall(sent)
        assert raw.recv(65_536) == b""


def test_patience_is_the_same_for_a_second_request() -> None:
    with Backend.open(limits=IMPATIENT) as backend, serve(backend, port=0) as server, connected(server) as raw:
        raw.sendall(b"GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n")
        while not raw.recv(65_536).endswith(nbconvex.__version__.encode()):
            pass
        raw.sendall(b"GET")
        assert raw.recv(65_536) == b""


def test_slow_body_is_told_that_it_is_slow() -> None:
    head = (
        b"POST /api/query HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
    )
    with Backend.open(limits=IMPATIENT) as backend, serve(backend, port=0) as server:
        with connected(server) as raw:
            raw.sendall(head)
            answer = b""
            while chunk := raw.recv(65_536):
                answer += chunk
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b'{"code":"RequestTimeout",' in answer


def test_client_that_leaves_in_the_middle_is_no_error(server, backend) -> None:
    with connected(server) as raw:
        raw.sendall(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
        time.sleep(0.02)
    server.stop()
    assert list(backend.logs) == []


def test_what_uvicorn_says_stays_out_of_sight(server, backend, monkeypatch, caplog, capfd) -> None:
    async def broken(*_: object) -> None:
        raise KeyError("beyond the application")

    monkeypatch.setattr(app_module.App, "_socket", broken)
    upgrade = (
        b"GET /api/sync HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    for sent in (upgrade, b"no http at all\r\n\r\n"):
        with connected(server) as raw:
            raw.sendall(sent)
            while raw.recv(65_536):
                pass
    assert not [record for record in caplog.records if record.name.startswith("uvicorn")]
    assert capfd.readouterr() == ("", "")
    assert "beyond the application" in str([record.error for record in backend.logs])


def test_other_servers_of_the_process_keep_their_voice(caplog) -> None:
    with Discretion(lambda _error: None):
        assert len(logging.getLogger("uvicorn.error").filters) == 1
        logging.getLogger("uvicorn.error").error("hidden: it is this thread's")
    logging.getLogger("uvicorn.error").error("heard")
    assert [record.message for record in caplog.records] == ["heard"]


NO_HTTP = {
    "TLS": [b"\x16\x03\x01\x00\xff\x01"],
    "no host": [b"GET / HTTP/1.1\r\n\r\n"],
    "two lengths": [b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"],
    "a broken chunk": [
        b"POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n", b"zz\r\n",
    ],
}  # fmt: skip


@pytest.mark.parametrize("parts", NO_HTTP.values(), ids=NO_HTTP)
def test_what_is_no_http_is_answered_like_every_other_mistake(server, parts) -> None:
    with connected(server) as raw:
        for part in parts:
            raw.sendall(part)
            time.sleep(0.02)
        answer = b"".join(iter(lambda: raw.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "BadRequest"


def test_a_body_that_breaks_after_its_answer_ends_the_connection_and_is_no_problem(server, backend) -> None:
    with connected(server) as raw:
        raw.sendall(b"POST /version HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
        answer = b""
        while b"takes GET" not in answer:
            answer += raw.recv(65_536)
        raw.sendall(b"zz\r\n")
        assert raw.recv(65_536) == b""
    assert [each for each in backend.logs if each.error] == []


def test_clients_that_come_in_the_moment_of_the_stop_are_hung_up_on(backend) -> None:
    for _ in range(20):
        server = serve(backend, port=0)
        clients = [connected(server) for _ in range(8)]
        server.stop()
        for client in clients:
            with client, contextlib.suppress(ConnectionResetError):
                assert client.recv(1) == b""
