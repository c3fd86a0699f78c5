"""Large messages in small frames, and clients that take nothing."""

from __future__ import annotations

import json
import socket
import time

import pytest

from nbconvex.server import fragments
from tests.server.sync_client import sync_client


@pytest.mark.parametrize("length", [0, 1, 262_144, 262_145, 1_048_576, 1_048_577, 3_000_000])
def test_texts_of_every_length_arrive_whole(server, backend, length: int) -> None:
    text = "ä" * (length // 2) + "x" * (length % 2)
    backend.query(name="m:text")(lambda ctx: text)
    with sync_client(server.url) as client:
        client.connect()
        client.add(0, "m:text")
        assert client.results() == {0: text}


def test_a_client_that_takes_nothing_is_hung_up_on(server, backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fragments, "STALLED_S", 0.1)
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
