"""One socket of the sync protocol: carries bytes to a session, and carries out what the session asks for.

Owns:  `Connection`: its reader, its writer, the calls that are under way for it; keep-alive and back-pressure.
Must not know: protocol rules, which are the session's.
Invariants: a message is acted on in the order in which it came. Results that a slow client has not taken are replaced
by newer ones, never queued; answers are bounded, since no more is read while many wait. Whatever happens, the query set
is closed and no task is left.
Threads: the server's event loop; the query set's callback comes from the live thread and only posts.
Source: wire-protocol 3.9 to 3.11.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from starlette.websockets import WebSocket, WebSocketDisconnect

from nbconvex.errors import CallerError, OverloadedError, ProtocolError
from nbconvex.functions.live_query import LiveAdvance
from nbconvex.functions.outcome import Outcome
from nbconvex.server.caller import NOBODY, Caller, caller_of_token
from nbconvex.server.wire_results import result_of
from nbconvex.sync import session as protocol
from nbconvex.sync.messages import CHUNK_BYTES_MAX, Ping, Transition, read_message, write_chunks, write_message
from nbconvex.sync.session import Effect, Result, Session
from nbconvex.values.codec import from_json

if TYPE_CHECKING:
    from nbconvex.server.service import Service

#: A client that has heard nothing for this long is sent a Ping. npm gives up after 60 s. Source: wire-protocol 3.10.
PING_S: Final = 15.0
#: Answers that wait for a client to take them, from which on nothing more is read from it.
ANSWERS_WAITING_MAX: Final = 256
#: Messages of one client that are acted on before others get their turn.
_MESSAGES_A_TURN: Final = 32
#: npm clients from this version on take transitions in chunks; no other client does. Source: wire-protocol 3.9.
_CHUNKED_SINCE: Final = (1, 28, 0)
_VERSION: Final = re.compile(r"/api/(\d+)\.(\d+)\.(\d+)[^/]*/sync")


async def serve_socket(websocket: WebSocket, service: Service) -> None:
    """Serve one socket to its end."""
    await websocket.accept()
    connection = Connection(websocket, service, takes_chunks=_takes_chunks(websocket))
    try:
        await connection.serve()
    except WebSocketDisconnect:
        return


def _takes_chunks(websocket: WebSocket) -> bool:
    """Only npm clients say their version in the path."""
    found = _VERSION.fullmatch(websocket.scope["path"])
    return found is not None and tuple(map(int, found.groups())) >= _CHUNKED_SINCE


class Connection:
    """One client, for as long as its socket lives."""

    def __init__(self, websocket: WebSocket, service: Service, *, takes_chunks: bool) -> None:
        backend = service.backend
        self._websocket = websocket
        self._service = service
        self._inbox = service.inbox
        self._database = backend.database
        self._clock = backend.clock
        self._production = backend.production
        self._takes_chunks = takes_chunks
        self._session = Session()
        self._session.identity = NOBODY
        self._queries = backend.live.query_set(self._told, None, is_public_only=True)
        self._tasks: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()
        self._closing: protocol.Close | None = None
        self._last_sent_s = self._clock.monotonic_s()
        self._is_quiet = False

    async def serve(self) -> None:
        """Read and write until one side closes."""
        writer = asyncio.create_task(self._write())
        reader = asyncio.create_task(self._read())
        self._service.connections.add(self)
        try:
            await asyncio.wait((reader, writer), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._service.connections.discard(self)
            self._queries.close()
            await _end((reader, writer, *self._tasks))
        for task in (reader, writer):
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error

    # -- reading -----------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        count = 0
        while not self._session.is_closing:
            received = await self._websocket.receive()
            if received["type"] == "websocket.disconnect":
                return
            await self._drained.wait()
            await self._carry_out(self._understood(received))
            count += 1
            if count % _MESSAGES_A_TURN == 0:
                # Thousands of frames may lie in memory already: others get their turn between them.
                await asyncio.sleep(0)
        # The writer says the last words and closes.
        await asyncio.Event().wait()

    def _understood(self, received: Any) -> list[Effect]:
        try:
            text = received.get("text")
            if text is None:
                raise ProtocolError("a message is one JSON object in a text frame")
            message = read_message(text)
        except ProtocolError as error:
            return self._session.broken(error)
        return self._session.receive(message, now_ms=self._clock.now_ns() / 1e6, head_ts=self._database.head)

    async def _carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, protocol.Verify):
                await self._carry_out(await self._verified(effect))
            else:
                self._begin(effect)
        self._wake()

    def _begin(self, effect: Effect) -> None:
        if isinstance(effect, protocol.Ask):
            self._queries.ask(effect.mark)
        elif isinstance(effect, protocol.RunMutation):
            self._start(self._mutate(effect))
        elif isinstance(effect, protocol.RunAction):
            self._start(self._act(effect))
        elif isinstance(effect, protocol.Follow):
            self._follow(effect)
        elif isinstance(effect, protocol.Unfollow):
            self._queries.remove(effect.query_id)
        elif isinstance(effect, protocol.Close):
            self._closing = effect

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # A bug of ours: its client would wait for an answer for ever. It asks again over another socket.
            self._service.backend.runner.log_problem("sync socket", error)
            self._close_with(protocol.INTERNAL_ERROR, "InternalServerError")

    def _close_with(self, code: int, reason: str) -> None:
        self._session.is_closing = True
        self._closing = protocol.Close(code, reason)
        self._wake()

    def _follow(self, effect: protocol.Follow) -> None:
        try:
            args = from_json(effect.args, path="args")
            self._queries.add(effect.query_id, effect.path, args, page_end=effect.journal)
        except CallerError as error:
            self._session.refuse(effect.query_id, self._result(self._service.calls.refused(error)))

    async def _verified(self, effect: protocol.Verify) -> list[Effect]:
        try:
            caller = await caller_of_token(
                effect.token_type, effect.value, self._service.proofs, acting_as=effect.acting_as
            )
        except CallerError as error:
            return self._session.unidentified(error.message)
        self._queries.identify(caller.identity, is_public_only=not caller.is_admin)
        return self._session.identified(caller, expires_s=caller.expires_s)

    # -- calls -------------------------------------------------------------------------------------------------------

    async def _mutate(self, effect: protocol.RunMutation) -> None:
        result = await self._called("mutation", effect, effect.key)
        if effect.key is not None:
            self._service.count_answer()
        self._do(self._session.mutation_done(effect.request_id, result))

    async def _act(self, effect: protocol.RunAction) -> None:
        result = await self._called("action", effect, None)
        self._do(self._session.action_done(effect.request_id, result))

    async def _called(
        self, kind: Any, effect: protocol.RunMutation | protocol.RunAction, key: tuple[str, int] | None
    ) -> Result:
        caller: Caller = effect.identity
        service = self._service
        try:
            return await service.calls.run(
                kind, effect.path, partial(from_json, effect.args, path="args"), identity=caller.identity,
                public=not caller.is_admin, request_key=key, then=self._result,
            )  # fmt: skip
        except OverloadedError as error:
            # The client tries again with a pause, which is what such a reason tells it. Source: wire-protocol 3.11.
            self._close_with(protocol.TRY_AGAIN_LATER, f"TooManyConcurrentRequests: {error}"[:120])
            return self._result(service.calls.refused(error))

    def _result(self, outcome: Outcome) -> Result:
        return result_of(outcome, production=self._production)

    def _do(self, effects: list[Effect]) -> None:
        for effect in effects:
            self._begin(effect)
        self._wake()

    # -- live queries ------------------------------------------------------------------------------------------------

    def _told(self, advance: LiveAdvance) -> None:
        """In the live thread."""
        result_of_update = self._service.results.of
        results = {key: result_of_update(update) for key, update in advance.updates.items()}
        self._inbox.post(self._advanced, advance.ts, advance.mark, results)

    def _advanced(self, ts: int, mark: Any, results: dict[Any, Result]) -> None:
        self._session.advanced(ts, mark, results)
        self._wake()

    # -- writing -----------------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        session = self._session
        if session.answers_waiting > ANSWERS_WAITING_MAX:
            self._drained.clear()
        if self._closing is not None or session.has_news:
            self._news.set()

    async def _write(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            now_ns = self._clock.now_ns()
            for effect in self._session.before_sending(now_ns):
                self._begin(effect)
            for message in self._session.outgoing(now_ns):
                text = write_message(message)
                if self._takes_chunks and isinstance(message, Transition) and len(text) > CHUNK_BYTES_MAX:
                    for chunk in write_chunks(text):
                        await self._send(chunk)
                else:
                    await self._send(text)
            self._drained.set()
            if self._closing is not None:
                await self._websocket.close(self._closing.code, self._closing.reason)
                return
            if self._is_quiet:
                self._is_quiet = False
                await self._send(write_message(Ping()))

    async def _send(self, text: str) -> None:
        await self._websocket.send_text(text)
        self._last_sent_s = self._clock.monotonic_s()

    def look_after(self) -> None:
        """Ping a client that has heard nothing for long. Called every second.

        One look at all clients costs less than a timer for every message of each.
        """
        if self._clock.monotonic_s() - self._last_sent_s >= PING_S:
            self._is_quiet = True
            self._news.set()


async def _end(tasks: tuple[asyncio.Task[None], ...]) -> None:
    for task in tasks:
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*tasks, return_exceptions=True)
