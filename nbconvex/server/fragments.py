"""Texts to one client, at once and in small frames.

Owns:  `FragmentingProtocol`: a guarded WebSocket that takes texts without a coroutine, and sends a text of many bytes
as several frames.
Must not know: what a text means.
Why: a commit may concern a thousand clients. A task, a wake-up and a coroutine for each text cost several times what
sending it does. And the official Python client takes messages of up to 64 MiB, but drops the connection at a frame
above 16 MiB, and comes back, and drops it again. Source: wire-protocol 0.1, 3.9.
Threads: the server's event loop.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from websockets.http11 import Request
from websockets.protocol import State

from nbconvex.server.guarded_socket import GuardedProtocol

#: Where the scope of a socket has its `FragmentingProtocol`, among the extensions.
WIRE: Final = "nbconvex.wire"
#: Bytes of one frame. Small enough that a ping need not wait long behind one.
FRAME_BYTES_MAX: Final = 1024 * 1024
# The first byte of a frame: its kind, and whether it is the last of its message.
_TEXT, _CONTINUED, _IS_LAST = 0x01, 0x00, 0x80
# Looked up once: to find a member of an enumeration takes longer than what it is needed for.
_OPEN: Final = State.OPEN


class FragmentingProtocol(GuardedProtocol):
    """A server's side of one WebSocket.

    Shapes:  `on_writable` is called when a client that was slow has taken what it was sent, or has gone.
    """

    on_writable: Callable[[], None] | None = None
    #: First byte and payload of frames that wait until the client has taken those before them.
    _frames: deque[tuple[int, memoryview]] | None = None

    def handle_connect(self, event: Request) -> None:
        """A client wants a WebSocket."""
        super().handle_connect(event)
        if self.response.status_code == 101:
            # The application starts in the next turn of the loop.
            self.scope["extensions"][WIRE] = self  # type: ignore[assignment]

    @property
    def is_open(self) -> bool:
        """Whether neither side has begun to close."""
        return self.conn.state is _OPEN and not self.transport.is_closing()

    @property
    def is_writable(self) -> bool:
        """Whether nothing waits for the client to take it."""
        return not self._frames and self.writable.is_set()

    def write_text(self, text: bytes) -> bool:
        """Send a text; to a socket that is not open, nothing. Whether the client takes more: else that would wait."""
        if self.conn.state is not State.OPEN or self.transport.is_closing():
            return False
        length = len(text)
        if self._frames or length > FRAME_BYTES_MAX:
            self._queue(text)
        else:
            self.transport.write(_head(_TEXT | _IS_LAST, length) + text)
        return self.is_writable

    def _queue(self, text: bytes) -> None:
        if self._frames is None:
            self._frames = deque()
        data = memoryview(text)
        starts = range(0, len(text), FRAME_BYTES_MAX)
        for start in starts:
            first = (_TEXT if start == 0 else _CONTINUED) | (_IS_LAST if start == starts[-1] else 0)
            self._frames.append((first, data[start : start + FRAME_BYTES_MAX]))
        self._write_frames()

    def _write_frames(self) -> None:
        frames = self._frames
        while frames and self.writable.is_set() and self.is_open:
            first, payload = frames.popleft()
            self.transport.write(b"".join((_head(first, len(payload)), payload)))

    # -- what the transport says --------------------------------------------------------------------------------------

    def resume_writing(self) -> None:
        """It has taken most of it."""
        super().resume_writing()
        self._write_frames()
        if self.on_writable is not None and self.is_writable:
            self.on_writable()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        super().connection_lost(exc)
        self._frames = None
        if self.on_writable is not None:
            self.on_writable()


def _head(first: int, length: int) -> bytes:
    """What stands before the payload of a frame that a server sends."""
    if length < 126:
        return bytes((first, length))
    if length < 65_536:
        return bytes((first, 126, length >> 8, length & 255))
    return bytes((first, 127)) + length.to_bytes(8, "big")
