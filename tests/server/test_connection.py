"""Sockets: nbconvex.server.connection."""

from __future__ import annotations

import pytest
import websockets.sync.client
from websockets.exceptions import ConnectionClosed


def test_socket_is_told_to_come_again(server) -> None:
    url = server.url.replace("http", "ws") + "/api/1.48.0/sync"
    with websockets.sync.client.connect(url, compression=None) as socket:
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=5)
        assert socket.close_code == 1013
    assert server.service.sockets == 0
