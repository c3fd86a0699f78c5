"""Large messages in small frames, and clients that take nothing."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator

import pytest
import uvicorn
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode
from websockets.protocol import State

from nbconvex.server import fragments, guarded_socket
from tests.server.sync_client import sync_client


@pytest.mark.parametrize("length", [0, 1, 64, 125, 126, 65_000, 65_600, 262_145, 1_048_000, 1_048_577, 3_000_000])
def test_texts_of_every_length_arrive_whole(server, backend, length: int) -> None:
    text = "ä" * (length // 2) + "x" * (length % 2)
    backend.query(name="m:text")(lambda ctx: text)
    with sync_client(server.url) as client:
        client.connect()
        client.add(0, "m:text")
        assert client.results() == {0: text}


def test_a_client_that_takes_nothing_is_hung_up_on(server, backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded_socket, "STALLED_S", 0.1)
    backend.query(name="m:large")(lambda ctx, n: "x" * 10_000_000)
    with sync_client(server.url, max_queue=1) as client:
        client.socket.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.connect()
        client.modify(*({"type": "Add", "queryId": n, "udfPath": "m:large", "args": [{"n": n}]} for n in range(3)))
        until = time.monotonic() + 10
        while not server.service.connections:
            assert time.monotonic() < until
        while server.service.connections:
            assert time.monotonic() < until
            time.sleep(0.01)
    assert len(backend.live) == 0


def test_what_fits_a_frame_is_one_frame(server, backend) -> None:
    backend.query(name="m:text")(lambda ctx: "x" * 100_000)
    with sync_client(server.url) as client:
        client.connect()
        client.add(0, "m:text")
        parts = list(client.socket.recv_streaming())
        assert len(parts) == 1
        assert json.loads(parts[0])["type"] == "Transition"


class Transport:
    """Keeps what is written, and is as slow as it is told to be."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.is_slow = False
        self.protocol: fragments.FragmentingProtocol | None = None

    def write(self, data: bytes) -> None:
        self.written.append(data)
        if self.is_slow:
            self.protocol.pause_writing()

    def is_closing(self) -> bool:
        return False

    def abort(self) -> None:
        """Never wanted here."""


@pytest.fixture
def wire() -> Iterator[fragments.FragmentingProtocol]:
    loop = asyncio.new_event_loop()
    config = uvicorn.Config(lambda *_: None, ws="none", log_config=None)
    config.load()
    made = fragments.FragmentingProtocol(config, ServerState(), {}, loop)
    made.transport = Transport()
    made.transport.protocol = made
    made.conn.state = State.OPEN
    yield made
    made.pause_writing()
    made.resume_writing()
    loop.close()


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65_535, 65_536, fragments.FRAME_BYTES_MAX])
def test_a_frame_is_what_the_library_would_write(wire, length: int) -> None:
    text = b"x" * length
    assert wire.write_text(text)
    assert wire.transport.written == [Frame(Opcode.TEXT, text).serialize(mask=False)]


def test_a_slow_client_gets_frames_as_it_takes_them_and_texts_in_order(wire, monkeypatch) -> None:
    monkeypatch.setattr(fragments, "FRAME_BYTES_MAX", 4)
    woken: list[int] = []
    wire.on_writable = lambda: woken.append(len(wire.transport.written))
    wire.transport.is_slow = True
    assert not wire.write_text(b"0123456789")
    assert not wire.write_text(b"ab")
    assert not wire.is_writable
    assert len(wire.transport.written) == 1
    for _ in range(3):
        wire.resume_writing()
    assert wire.transport.written == [b"\x01\x040123", b"\x00\x044567", b"\x80\x0289", b"\x81\x02ab"]
    assert woken == []
    wire.resume_writing()
    assert woken == [4]
    assert wire.is_writable


def test_what_is_said_to_a_socket_that_closes_is_dropped(wire) -> None:
    wire.conn.state = State.CLOSING
    assert not wire.is_open
    assert not wire.write_text(b"x")
    assert wire.transport.written == []
