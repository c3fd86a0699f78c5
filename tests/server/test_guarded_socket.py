"""What a client may do below the level of messages: nbconvex.server.guarded_socket."""

from __future__ import annotations

import asyncio
import json
import socket
import time

import pytest
from uvicorn.protocols.utils import ClientDisconnected

from nbconvex.server import fragments

UPGRADE = (
    b"GET /api/sync HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
UNREADABLE = {
    "a body": b"Content-Length: 5\r\n\r\nabcde",
    "a chunked body": b"Transfer-Encoding: chunked\r\n\r\n",
    "many headers": b"".join(b"X-%d: a\r\n" % number for number in range(200)) + b"\r\n",
    "a long header": b"X: " + b"a" * 20_000 + b"\r\n\r\n",
    "a control character": b"X: \x01\r\n\r\n",
}


@pytest.mark.parametrize("rest", UNREADABLE.values(), ids=UNREADABLE)
def test_a_handshake_that_cannot_be_read_is_answered_and_not_kept(server, rest: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=3) as raw:
        raw.sendall(UPGRADE + rest)
        answer = b"".join(iter(lambda: raw.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "BadRequest"


def raw_socket(server, size: int = 1 << 16) -> socket.socket:
    raw = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    raw.sendall(UPGRADE + b"\r\n")
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += raw.recv(size)
    assert answer.startswith(b"HTTP/1.1 101 ")
    return raw


def frame(opcode: int, payload: bytes = b"", *, is_last: bool = True) -> bytes:
    assert len(payload) < 126
    return bytes([0x80 * is_last | opcode, 0x80 | len(payload)]) + bytes(4) + payload


def protocol_of(server) -> fragments.FragmentingProtocol:
    (found,) = [
        each
        for each in server._listener.server_state.connections
        if isinstance(each, fragments.FragmentingProtocol) and each.handshake_complete
    ]
    return found


def test_a_client_that_sends_pings_and_takes_no_pongs_fills_no_memory(server) -> None:
    with raw_socket(server) as raw:
        protocol = protocol_of(server)
        pings = frame(9, b"x" * 125) * 1_000
        for _ in range(200):
            raw.sendall(pings)
        # The answers would be 25 MB; the kernel takes some, and asyncio's limit is 64 KiB and what is on its way in.
        assert protocol.transport.get_write_buffer_size() < 1_000_000
        raw.shutdown(socket.SHUT_WR)
        while raw.recv(1 << 20):
            pass


def test_a_message_in_many_parts_takes_the_memory_of_one(server) -> None:
    with raw_socket(server) as raw:
        protocol = protocol_of(server)
        raw.sendall(frame(1, b'{"type":', is_last=False) + frame(0, is_last=False) * 50_000)
        raw.sendall(frame(0, b'"Ev', is_last=False) + frame(9) + frame(0, b'ent"}', is_last=False))
        heard = b""
        while b"\x8a\x00" not in heard:  # the pong: everything before it has been read
            heard += raw.recv(65_536)
        assert len(protocol.frames) == 1
        raw.sendall(frame(0) + frame(1, b"[]"))
        assert b"FatalError" in raw.recv(65_536)


def test_a_text_that_is_none_closes_the_socket_and_floods_no_log(server, backend) -> None:
    with raw_socket(server) as raw:
        raw.sendall(frame(1, b"\xff"))
        assert raw.recv(65_536) == b"\x88\x02\x03\xef"
    assert [each for each in backend.logs if each.error] == []


def test_what_follows_a_handshake_at_once_is_no_problem_of_ours(server, backend) -> None:
    for garbage in (frame(1, b"\xff"), frame(3), frame(8), b"\x00" * 50, frame(1, b"\xff") + frame(8)):
        for pause_s in (0, 0.0001, 0.0003, 0.001, 0.003):  # together with it, before it is answered, after
            with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
                raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                raw.sendall(UPGRADE + b"\r\n")
                time.sleep(pause_s)
                raw.sendall(garbage)
                raw.shutdown(socket.SHUT_WR)
                while raw.recv(65_536):
                    pass
    assert [each for each in backend.logs if each.error] == []


@pytest.mark.parametrize("message", [{"type": "websocket.send", "text": "late"}, {"type": "websocket.close"}])
def test_what_is_said_to_a_client_that_has_just_broken_the_rules_finds_nobody(server, message) -> None:
    with raw_socket(server):
        protocol = protocol_of(server)
        protocol.close_sent = True
        with pytest.raises(ClientDisconnected):
            asyncio.run_coroutine_threadsafe(protocol.send(message), protocol.loop).result(5)


def test_a_message_that_is_too_long_is_refused_with_a_reason_and_its_rest_dropped(server) -> None:
    with raw_socket(server) as raw:
        raw.sendall(b"\x81\xff" + (1 << 40).to_bytes(8, "big") + bytes(4))
        for _ in range(100):
            raw.sendall(b"x" * 100_000)
        heard = raw.recv(65_536)
        assert heard[2:4] == (1009).to_bytes(2, "big")
        raw.sendall(b"x" * 100_000)
        raw.shutdown(socket.SHUT_WR)
        assert raw.recv(65_536) == b""
