"""A wire between a client and the server that swallows what the server says, and that can be cut.

Owns:  `BrokenWire`.
Threads: one event loop in a thread of its own.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Self
from urllib.parse import urlsplit


class BrokenWire:
    """A TCP proxy before a server. While `is_mute`, what the server says is lost; `cut` ends all connections."""

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self.is_mute = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._is_over = asyncio.Event()
        self._is_up = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),), name="wire")

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._is_up.set()
        await self._is_over.wait()
        # A client that was accepted in the last moment has its transport and its task some turns later; asyncio forgets
        # to close one that comes after the server was closed. And a transport is put away a turn after it was closed.
        for each in server.sockets:
            self._loop.remove_reader(each.fileno())
        await self._turns()
        server.close()
        while self._tasks:
            self._close_all()
            await asyncio.wait(self._tasks, timeout=0.01)
        await self._turns()

    @staticmethod
    async def _turns() -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert self._target.hostname is not None
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        task.add_done_callback(lambda _: (self._tasks.discard(task), self._writers.discard(writer)))
        try:
            far_reader, far_writer = await asyncio.open_connection(self._target.hostname, self._target.port)
        except OSError:
            writer.transport.abort()
            return
        self._writers.add(far_writer)
        await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer, is_answer=True))
        self._writers.discard(far_writer)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool = False
    ) -> None:
        try:
            while data := await reader.read(65_536):
                if not (is_answer and self.is_mute):
                    writer.write(data)
                    await writer.drain()
        except OSError:
            pass
        writer.transport.abort()

    def _close_all(self) -> None:
        for writer in tuple(self._writers):
            writer.transport.abort()

    def cut(self) -> None:
        """End every connection, and let the next ones through whole."""
        self.is_mute = False
        self._loop.call_soon_threadsafe(self._close_all)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._is_up.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._is_over.set)
        self._thread.join()
        self._loop.close()
