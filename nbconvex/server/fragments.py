"""Large messages in small frames.

Owns:  `FragmentingProtocol`: uvicorn's WebSocket, except that a text of many bytes leaves as several frames.
Must not know: what a message means.
Why: the official Python client takes messages of up to 64 MiB, but drops the connection at a frame above 16 MiB, and
comes back, and drops it again. Source: wire-protocol 0.1, 3.9.
Threads: the server's event loop; one task sends at a time.
"""

from __future__ import annotations

from typing import Any, Final

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState

#: Bytes of one frame. Small enough that a ping need not wait long behind one.
FRAME_BYTES_MAX: Final = 1024 * 1024
#: A text of so many characters fits into a frame, whatever they are.
_FITS: Final = FRAME_BYTES_MAX // 4


class FragmentingProtocol(WebSocketsSansIOProtocol):
    """A server's side of one WebSocket."""

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
