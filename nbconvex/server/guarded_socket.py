"""What a client may do below the level of messages.

Owns:  `GuardedProtocol`: uvicorn's WebSocket, except that no client can have us keep much, or wait for ever, by what it
sends.
Must not know: what a message means; how texts are sent.
Invariants: a handshake is answered at once, whatever it is. What was received of a message takes about as much memory
as the message. Nothing is written for a client that takes nothing.
Threads: the server's event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Final

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState
from websockets.frames import CloseCode, Frame
from websockets.protocol import State

from nbconvex.server.answers import bare_refusal

#: What is said to a handshake that cannot be read.
BAD_HANDSHAKE: Final = bare_refusal("The head of the request is no WebSocket handshake, or too long for one.")
#: A client that takes nothing of what it was sent for this long is dropped: what waits for it lies in our memory.
STALLED_S: Final = 60.0
#: How long what follows a refused message is read and dropped.
DROPPING_S: Final = 2.0


class GuardedProtocol(WebSocketsSansIOProtocol):
    """A server's side of one WebSocket."""

    #: What has come of a message: one `bytes`, or one `bytearray` where it has several parts.
    frames: list[Any]
    _stalled: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        """A handshake, which comes whole, or a part of what follows."""
        if self.conn.parser_exc is not None:
            return  # the rest of a message that was refused
        super().data_received(data)
        if not self.handshake_initiated:
            # websockets has stopped reading and says nothing: a header is too long or malformed, or there is a body.
            self.transport.write(BAD_HANDSHAKE)
            self.transport.close()

    def handle_parser_exception(self) -> None:
        """The client broke the rules of WebSocket, maybe before it was let in: then no close frame was written."""
        close = self.conn.close_sent
        if close is None:
            self.transport.close()
        elif close.code != CloseCode.MESSAGE_TOO_BIG:
            super().handle_parser_exception()
        else:
            # The rest is on its way. A connection that is closed over it is reset, and its client hears no reason.
            self.queue.put_nowait({"type": "websocket.disconnect", "code": close.code, "reason": close.reason})
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
            self.read_paused = False
            self.transport.resume_reading()
            self.close_timer = self.loop.call_later(DROPPING_S, self.transport.close)

    def handle_ping(self) -> None:
        """Answer a ping. A client that takes nothing gets no pongs: they would pile up without end."""
        if self.writable.is_set() or self.conn.state is not State.OPEN:
            super().handle_ping()
        else:
            self.conn.data_to_send()

    def handle_cont(self, event: Frame) -> None:
        """Take in a further part of a message, without a list of parts: they may be tiny, or empty and without end."""
        if not isinstance(self.frames[0], bytearray):
            self.frames = [bytearray(self.frames[0])]
        self.frames[0] += event.data
        if event.fin:
            self.send_receive_event_to_app()

    def send_receive_event_to_app(self) -> None:
        """A message is complete."""
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                self.frames[0].decode()
            except UnicodeDecodeError:
                # Without a word to the log, which the client could flood.
                self.frames = []
                with contextlib.suppress(InvalidState):  # it has closed already
                    self.conn.send_close(CloseCode.INVALID_DATA)
                self.handle_parser_exception()
                return
        super().send_receive_event_to_app()

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
        await self.writable.wait()
        if self.close_sent and message["type"] in {"websocket.send", "websocket.close"}:
            # Closed below the application, which has not heard of it yet, because the client broke the rules of frames.
            raise ClientDisconnected
        await super().send(message)
