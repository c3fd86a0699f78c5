"""WebSocket servers that do nothing but send: what the network and Python cost before anything is stored or computed.

Each serves in one thread with a loop; a call from another thread has it send one text to everybody.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

from benchmarks.audience import Audience, allow_sockets
from benchmarks.peers.contract import Peer, PeerMissingError
from benchmarks.peers.nbconvex_functions import now, text_of
from benchmarks.spread import summary_of


class _Bare(Peer):
    durable = False
    package: ClassVar[str] = ""

    def __init__(self) -> None:
        self.open_sockets: set[Any] = set()
        self._audience: Audience | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._turn = 0

    def version(self) -> str:
        return version(self.package)

    def count(self) -> int:
        return 0

    def open(self, folder: Path) -> None:
        ready = threading.Event()

        async def main() -> None:
            self._loop = asyncio.get_running_loop()
            self._ended = asyncio.Event()
            self._port = await self.listen()
            ready.set()
            await self._ended.wait()
            await self.stop()

        self._thread = threading.Thread(target=asyncio.run, args=(main(),))
        self._thread.start()
        if not ready.wait(20):
            raise PeerMissingError("did not start")

    async def listen(self) -> int:
        """Serve at a free port, which is returned."""
        raise NotImplementedError

    async def stop(self) -> None:
        """Stop serving."""

    async def send_all(self, sockets: Iterable[Any], text: str) -> None:
        raise NotImplementedError

    def gather_audience(self, sockets: int) -> None:
        allow_sockets(sockets)
        self._audience = Audience()
        self._audience.connect(self._port, sockets)
        self._sockets = sockets

    def broadcast_until_all_have(self, calls: int) -> dict[str, float]:
        assert self._audience is not None
        assert self._loop is not None
        samples = []
        for _ in range(calls):
            self._turn += 1
            text = text_of(self._turn)
            self._audience.expect(text)
            started = now()
            asyncio.run_coroutine_threadsafe(self.send_all(tuple(self.open_sockets), text), self._loop)
            samples.append(self._audience.arrived()["last_ns"] - started)
        return summary_of(samples)

    def close(self) -> None:
        if self._audience is not None:
            self._audience.close()
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._ended.set)
            self._thread.join(20)


class WebsocketsSend(_Bare):
    """`websockets`, one `send` after the other."""

    name = "websockets, send"
    package = "websockets"

    async def listen(self) -> int:
        from websockets.asyncio.server import serve

        async def handler(connection: Any) -> None:
            self.open_sockets.add(connection)
            await connection.wait_closed()
            self.open_sockets.discard(connection)

        self._server = await serve(handler, "127.0.0.1", 0, compression=None, backlog=2048)
        return int(next(iter(self._server.sockets)).getsockname()[1])

    async def stop(self) -> None:
        self._server.close()

    async def send_all(self, sockets: Iterable[Any], text: str) -> None:
        for each in sockets:
            await each.send(text)


class WebsocketsBroadcast(WebsocketsSend):
    """`websockets`, its own `broadcast`, which waits for nobody."""

    name = "websockets, broadcast"

    async def send_all(self, sockets: Iterable[Any], text: str) -> None:
        from websockets.asyncio.server import broadcast

        broadcast(sockets, text)


class StarletteSend(_Bare):
    """Starlette on uvicorn, with the same WebSocket implementation that nbconvex uses."""

    name = "Starlette on uvicorn"
    package = "starlette"

    async def listen(self) -> int:
        import uvicorn
        from starlette.applications import Starlette
        from starlette.routing import WebSocketRoute
        from starlette.websockets import WebSocket, WebSocketDisconnect

        async def endpoint(websocket: WebSocket) -> None:
            await websocket.accept()
            self.open_sockets.add(websocket)
            try:
                await websocket.receive_text()
            except WebSocketDisconnect:
                self.open_sockets.discard(websocket)

        bound = socket.create_server(("127.0.0.1", 0), backlog=2048)
        self._server = uvicorn.Server(
            uvicorn.Config(
                Starlette(routes=[WebSocketRoute("/", endpoint)]), ws="websockets-sansio", loop="asyncio",
                log_config=None, access_log=False, ws_per_message_deflate=False, lifespan="off",
                timeout_graceful_shutdown=1,
            )
        )  # fmt: skip
        # Not `serve`, which wants the main thread for its signals.
        self._task = asyncio.create_task(self._server._serve([bound]))
        while not self._server.started:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
        return int(bound.getsockname()[1])

    async def stop(self) -> None:
        self._server.should_exit = True
        await self._task

    async def send_all(self, sockets: Iterable[Any], text: str) -> None:
        for each in sockets:
            await each.send_text(text)
