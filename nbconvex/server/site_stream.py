"""Bodies on their way: of requests into a handler, of answers out of it.

Owns:  `ArrivingBody`; `Parts`, the outlet of a streamed answer; `PartsResponse`, which sends it.
Must not know: routes, what a handler does.
Invariants: neither side keeps more than a few parts: who is faster waits. Nobody waits without end for a client: a body
has `request_time_s` to arrive, and so has each part of an answer to be taken.
Mechanism: handlers run in threads and on the engine's loop, sockets live on the server's; everything is handed over
to the server's loop, where the state of both classes is.
Threads: as said at each method.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
from collections.abc import Coroutine
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from starlette.requests import ClientDisconnect
from starlette.responses import Response

from nbconvex.errors import RequestRefusedError
from nbconvex.functions.http_call import ClientGone
from nbconvex.functions.http_message import Response as Answer
from nbconvex.server.bodies import too_long, too_slow

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from nbconvex.limits import Limits

#: Parts of an answer that wait to be sent.
_WAITING_MAX: Final = 8
_GRACE_S: Final = 1.0


class ArrivingBody:
    """The body of a request, part by part. Made on the server's loop; `chunk` is awaited on any."""

    def __init__(self, request: Request, limits: Limits) -> None:
        self._loop = asyncio.get_running_loop()
        self._stream = request.stream()
        self._limits = limits
        self._until = self._loop.time() + limits.request_time_s
        self._size = 0
        #: Whether the last part has come, so that what else comes is the client's goodbye.
        self.is_ended = False

    async def chunk(self) -> bytes:
        """The next part; nothing at the end."""
        part: bytes = await _on(self._loop, self._next())
        return part

    async def _next(self) -> bytes:
        try:
            async with asyncio.timeout_at(self._until):
                while not self.is_ended:
                    part = await anext(self._stream, None)
                    if part is None:
                        self.is_ended = True
                    elif part:
                        self._size += len(part)
                        self._require_size()
                        return part
        except TimeoutError:
            raise too_slow(self._limits.request_time_s) from None
        except ClientDisconnect:
            self.is_ended = True
            raise RequestRefusedError(408, "ClientGone", "The client has gone before its body was complete.") from None
        return b""

    def _require_size(self) -> None:
        if self._size > self._limits.http_request_bytes:
            raise too_long(self._limits.http_request_bytes, "http_request_bytes")


class Parts:
    """A streamed answer. Made on the server's loop; `begin` and `send` are called in any thread, `end` on the loop."""

    def __init__(self, patience_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._patience_s = patience_s
        self._is_gone = False
        self.is_broken = False
        self.answer: Answer | None = None
        self.ending: asyncio.Future[None] | None = None
        #: Done when there is something to answer: the head of a stream, or the end of the call.
        self.settled: asyncio.Future[None] = self._loop.create_future()

    @cached_property
    def _queue(self) -> asyncio.Queue[bytes | None]:
        # Made when there is a stream, which most answers are not.
        return asyncio.Queue(_WAITING_MAX)

    def begin(self, response: Answer) -> None:
        """The head is there."""

        def settle() -> None:
            self.answer = response
            self.settle()

        self._loop.call_soon_threadsafe(settle)

    def settle(self, _: object = None) -> None:
        """Let whoever waits for the head or the end of the call go on."""
        if not self.settled.done():
            self.settled.set_result(None)

    def send(self, chunk: bytes) -> None:
        """Wait until a part is on its way. Raises: ClientGone."""
        putting = self._put(chunk)
        try:
            # A little longer than `_put` waits: a loop that was stopped meanwhile answers nothing.
            asyncio.run_coroutine_threadsafe(putting, self._loop).result(self._patience_s + _GRACE_S)
        except (RuntimeError, TimeoutError, concurrent.futures.CancelledError):
            putting.close()
            raise ClientGone from None

    async def send_async(self, chunk: bytes) -> None:
        """Wait until a part is on its way. Raises: ClientGone."""
        await _on(self._loop, self._put(chunk))

    async def _put(self, chunk: bytes | None) -> None:
        if self._is_gone:
            raise ClientGone
        try:
            async with asyncio.timeout(self._patience_s):
                await self._queue.put(chunk)
        except TimeoutError:
            self.give_up()
            raise ClientGone from None

    async def end(self, *, is_broken: bool) -> None:
        """There is no more; `is_broken` says that there should have been."""
        self.is_broken = is_broken
        with contextlib.suppress(ClientGone):
            await self._put(None)

    async def next(self) -> bytes | None:
        """The next part; None at the end."""
        return None if self._is_gone else await self._queue.get()

    def give_up(self) -> None:
        """The client has gone: whoever sends hears of it."""
        self._is_gone = True
        while not self._queue.empty():
            self._queue.get_nowait()
        with contextlib.suppress(asyncio.QueueFull):
            self._queue.put_nowait(None)


class PartsResponse(Response):
    """An answer that is sent while it is made."""

    def __init__(self, parts: Parts, status: int, body: ArrivingBody | None) -> None:
        super().__init__(None, status)
        self._parts = parts
        self._arriving = body
        # Nobody knows yet how long it will be.
        self.raw_headers = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        watching = None
        if self._arriving is None or self._arriving.is_ended:
            # As long as the request arrives, its reader hears of the client's end.
            watching = asyncio.create_task(self._watch(receive))
        try:
            while (chunk := await self._parts.next()) is not None:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            if not self._parts.is_broken:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            # Otherwise the connection is hung up on, which is all that a client can be told in the middle.
        finally:
            self._parts.give_up()
            if watching is not None:
                watching.cancel()

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._parts.give_up()


async def _on(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine gives on another loop."""
    if asyncio.get_running_loop() is loop:
        return await coroutine
    try:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, loop))
    except RuntimeError as error:
        coroutine.close()
        raise ClientGone from error
