"""Large messages in small frames.

Owns:  `FragmentingProtocol`: uvicorn's WebSocket, except that a text of many bytes leaves as several frames, and that a
client which takes nothing is hung up on.
Must not know: what a message means.
Why: the official Python client takes messages of up to 64 MiB, but drops the connection at a frame above 16 MiB, and
comes back, and drops it again. Source: wire-protocol 0.1, 3.9.
Threads: the server's event loop; one task sends at a time.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState

#: Bytes of one frame. Small enough that a ping need not wait long behind one.
FRAME_BYTES_MAX: Final = 1024 * 1024
#: A client that takes nothing of what it was sent for this long is dropped: what waits for it lies in our memory.
STALLED_S: Final = 60.0
#: A text of so many characters fits into a frame, whatever they are.
_FITS: Final = FRAME_BYTES_MAX // 4


class FragmentingProtocol(WebSocketsSansIOProtocol):
    """A server's side of one WebSocket."""

    _stalled: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        """The client does not take what it is sent as fast as it is sent."""
        super().pause_writing()
        self._stalled = self.loop.call_later(STALLED_S, self.transport.abort)

    def resume_writing(self) -> None:
        """It has taken most of it."""
        self._forget_stall()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        self._forget_stall()
        super().connection_lost(exc)

    def _forget_stall(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    async def send(self, message: Any) -> None:
        """Send what an application says."""
        text = message.get("text") if message["type"] == "websocket.send" else None
        if text is None or len(text) <= _FITS:
            await super().send(message)
            return
        data = memoryview(text.encode())
        for start in range(0, len(data), FRAME_BYTES_MAX):
            await self.writable.wait()
            if self.disconnected:
                raise ClientDisconnected
            self._write(
                bytes(data[start : start + FRAME_BYTES_MAX]), start, is_last=start + FRAME_BYTES_MAX >= len(data)
            )

    def _write(self, fragment: bytes, start: int, *, is_last: bool) -> None:
        try:
            if start == 0:
                self.conn.send_text(fragment, fin=is_last)
            else:
                self.conn.send_continuation(fragment, fin=is_last)
        except InvalidState:
            raise ClientDisconnected from None
        self.transport.write(b"".join(self.conn.data_to_send()))
