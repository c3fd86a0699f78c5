"""uvicorn, as a guest in somebody's process.

Owns:  `Listener` (one uvicorn server for both sockets, stopped within a stated time), `Connection` (HTTP/1.1 with
patience for slow heads), `Discretion` (what uvicorn has to say goes to the backend's log).
Must not know: what is served.
Mechanism: uvicorn's own stop waits for clients without end and looks ten times a second whether it is wanted; ours is
told by an event, gives what runs a moment, then cancels and hangs up.
Threads: the server's event loop; `stop_soon` from any thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Callable
from typing import Any, Final

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from nbconvex.server.answers import bare_refusal
from nbconvex.server.fragments import FragmentingProtocol
from nbconvex.server.joined_writes import JoinedWrites

#: What one server gives requests that are under way when it is stopped.
GRACE_S: Final = 0.5
#: How often a WebSocket is sent a ping, and how long its client may be silent, pongs too. Source: wire-protocol 3.10.
PING_S: Final = 15.0
SILENT_S: Final = 120.0
#: What is said to a client that does not speak HTTP. Source: RFC 9110 15.5.1.
_BAD_REQUEST: Final = bare_refusal("This is no HTTP request that could be understood.")
_LOGGER: Final = "uvicorn.error"
_POLL_S: Final = 0.01


class Connection(H11Protocol):
    """One connection. A request whose head does not arrive in `head_time_s` is hung up on."""

    head_time_s = 30.0
    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there; the time for its first request begins."""
        super().connection_made(transport)
        self.transport = JoinedWrites(transport, self.loop)  # type: ignore[assignment]
        self._waiting = self.loop.call_later(self.head_time_s, self._give_up)

    def data_received(self, data: bytes) -> None:
        """A part of a request, or several requests."""
        super().data_received(data)
        is_halfway = self.conn.their_state is h11.IDLE and bool(self.conn.trailing_data[0])
        if not is_halfway:
            self._forget()
        elif self._waiting is None:
            self._waiting = self.loop.call_later(self.head_time_s, self._give_up)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """What takes over writes by its own rules."""
        joined = self.transport
        if isinstance(joined, JoinedWrites):
            joined.send()
            self.transport = joined.transport
        super().handle_websocket_upgrade(event)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, where an answer can still be told from what was said before, and hang up."""
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            self.transport.write(_BAD_REQUEST)
            if self.cycle is not None:
                self.cycle.disconnected = True
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        self._forget()
        super().connection_lost(exc)

    def _forget(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _give_up(self) -> None:
        self._waiting = None
        # A socket that became a WebSocket has another protocol by now.
        if self.transport.get_protocol() is self and not self.transport.is_closing():
            self.transport.close()


class Listener(uvicorn.Server):
    """One server over given sockets, in the loop that calls `serve`."""

    def __init__(
        self, config: uvicorn.Config, *, on_started: Callable[[], None], on_second: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._on_started = on_started
        self._on_second = on_second
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wanted_end: asyncio.Event | None = None

    def stop_soon(self) -> None:
        """End `serve`. From any thread."""
        loop, wanted_end = self._loop, self._wanted_end
        if loop is not None and wanted_end is not None:
            with contextlib.suppress(RuntimeError):  # closed meanwhile
                loop.call_soon_threadsafe(wanted_end.set)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept."""
        self._loop = asyncio.get_running_loop()
        self._wanted_end = asyncio.Event()
        await super().startup(sockets)
        self._on_started()

    async def main_loop(self) -> None:
        """Wait for the end; renew the date in the headers, and say that a second has passed."""
        assert self._wanted_end is not None
        while not self._wanted_end.is_set():
            await self.on_tick(0)
            self._on_second()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self._wanted_end.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept nothing more, give what runs a moment, then hang up."""
        await self._accept_no_more()
        for each in sockets or []:
            each.close()
        state = self.server_state
        for connection in list(state.connections):
            with contextlib.suppress(Exception):  # a connection in a strange state is hung up on below
                connection.shutdown()
        until = asyncio.get_running_loop().time() + GRACE_S
        # uvicorn keeps sets, and tells nobody when they are empty.
        while (state.connections or state.tasks) and asyncio.get_running_loop().time() < until:  # noqa: ASYNC110
            await asyncio.sleep(_POLL_S)
        tasks = list(state.tasks)
        for task in tasks:
            task.cancel()
        for connection in list(state.connections):
            if connection.transport is not None:
                connection.transport.abort()
        if tasks:
            await asyncio.wait(tasks, timeout=_POLL_S * 10)
        # One more turn for the transports to be told that they are closed.
        await asyncio.sleep(_POLL_S)

    async def _accept_no_more(self) -> None:
        # asyncio makes the transport of a client a turn after it accepted it, and never closes one that it makes when
        # the server is closed: its client would wait until the garbage is collected.
        loop = asyncio.get_running_loop()
        with contextlib.suppress(NotImplementedError):  # Windows' loop, which does not ask whether there are clients
            for server in self.servers:
                for each in server.sockets:
                    loop.remove_reader(each.fileno())
        for _ in range(3):
            await asyncio.sleep(0)
        for server in self.servers:
            server.close()

    def hang_up(self, loop: asyncio.AbstractEventLoop) -> None:
        """End what is connected still, after `serve`: a client may be accepted in the very moment of the stop."""
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()
        # A transport is put away one turn after it was told to close, and the one of a task that ended just now is told
        # a turn later than that.
        for _ in range(3):
            loop.run_until_complete(asyncio.sleep(0))


def listener_config(app: Any, *, head_time_s: float, socket_bytes_max: int) -> uvicorn.Config:
    """How uvicorn is to behave: quietly, and without asking the environment."""

    class Patient(Connection):
        """A connection with this server's patience."""

    Patient.head_time_s = head_time_s
    return uvicorn.Config(
        app, http=Patient, ws=FragmentingProtocol, loop="asyncio", lifespan="off", interface="asgi3", log_config=None,
        access_log=False, server_header=False, proxy_headers=False, ws_per_message_deflate=False,
        ws_max_size=socket_bytes_max, ws_ping_interval=PING_S, ws_ping_timeout=SILENT_S - PING_S, env_file=None,
        workers=1,
    )  # fmt: skip


class Discretion(logging.Filter):
    """Keeps what uvicorn logs in one thread from the notebook's page; errors go to `report`."""

    def __init__(self, report: Callable[[BaseException], None]) -> None:
        super().__init__()
        self._report = report
        self._thread = threading.get_ident()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record may be seen: another thread's, which is another server's."""
        if record.thread != self._thread:
            return True
        if record.exc_info and isinstance(record.exc_info[1], Exception):
            self._report(record.exc_info[1])
        return False

    def __enter__(self) -> None:
        logging.getLogger(_LOGGER).addFilter(self)

    def __exit__(self, *_: object) -> None:
        logging.getLogger(_LOGGER).removeFilter(self)
