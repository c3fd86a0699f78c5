"""A WebSocket client without manners: it sends bytes as they are, and takes apart what comes back."""

from __future__ import annotations

import socket
import struct
import time
from types import TracebackType
from typing import Self

UPGRADE = (
    b"GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
PATIENCE_S = 10.0


def frame(opcode: int, payload: bytes = b"", *, is_last: bool = True, is_masked: bool = True) -> bytes:
    """The bytes of one frame. The mask is all zeros, so that what is sent can be read in a dump."""
    mask = 0x80 * is_masked
    size = len(payload)
    if size < 126:
        length = bytes([mask | size])
    elif size < 65_536:
        length = bytes([mask | 126]) + size.to_bytes(2, "big")
    else:
        length = bytes([mask | 127]) + size.to_bytes(8, "big")
    return bytes([0x80 * is_last | opcode]) + length + bytes(4 * is_masked) + payload


class RawSocket:
    """One connection, upgraded unless `path` is None."""

    def __init__(self, port: int, path: str | None = "/api/1.48.0/sync") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""
        self.is_gone = False
        if path is not None:
            self.send(UPGRADE % path.encode())
            head = self.until(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 101 "), head
            self.received = self.received[len(head) :]

    def send(self, data: bytes) -> None:
        """Send bytes, unless the server has hung up."""
        try:
            if not self.is_gone:
                self.socket.sendall(data)
        except OSError:
            self.is_gone = True

    def text(self, text: str) -> None:
        self.send(frame(TEXT, text.encode()))

    def until(self, wanted: bytes) -> bytes:
        """What has come up to and with `wanted`."""
        until = time.monotonic() + PATIENCE_S
        while wanted not in self.received and self.more():
            assert time.monotonic() < until
        return self.received.partition(wanted)[0] + wanted

    def rest(self) -> bytes:
        """Say that nothing more will come, and return everything that was received."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.is_gone = True
        while self.more():
            pass
        return self.received

    def more(self) -> bool:
        """Whether more came before the end."""
        try:
            data = self.socket.recv(1 << 20)
        except ConnectionError:
            # It hung up while something of ours was on its way: what it had said before is lost, as on any network.
            data = b""
        self.received += data
        return bool(data)

    def abort(self) -> None:
        """Have the connection reset when it is closed."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def messages_of(data: bytes) -> tuple[list[str], tuple[int | None, str] | None]:
    """The texts in what a server sent, and how it closed; None where it only hung up."""
    texts: list[str] = []
    closed: tuple[int | None, str] | None = None
    parts: list[bytes] = []
    place = 0
    while place + 2 <= len(data):
        first, size = data[place], data[place + 1]
        assert not size & 0x80, "a server does not mask"
        place += 2
        if size >= 126:
            width = 2 if size == 126 else 8
            size, place = int.from_bytes(data[place : place + width], "big"), place + width
        payload = data[place : place + size]
        if len(payload) < size:
            break  # cut off
        place += size
        opcode = first & 0x0F
        assert opcode in {CONTINUATION, TEXT, CLOSE, PING, PONG}, opcode
        assert closed is None or opcode in {PING, PONG}, "nothing is said behind a close frame"
        if opcode == CLOSE:
            closed = (int.from_bytes(payload[:2], "big") if payload else None, payload[2:].decode())
        if opcode in {TEXT, CONTINUATION}:
            parts.append(payload)
            if first & 0x80:
                texts.append(b"".join(parts).decode())
                parts.clear()
    return texts, closed
