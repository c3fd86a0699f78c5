"""One socket of the sync protocol: carries bytes to a session, and carries out what the session asks for.

Owns:  `Connection`: its reader, the calls that are under way for it; keep-alive and back-pressure.
Must not know: protocol rules, which are the session's.
Invariants: a message is acted on in the order in which it came. Results that a slow client has not taken are replaced
by newer ones, never queued; answers are bounded, since no more is read while many wait. Whatever happens, the query set
is closed and no task is left.
Mechanism: no task writes. Whatever has something to tell asks for `_write` in the inbox, once until it is called: a
commit that concerns a thousand clients is a thousand calls in the loop, not as many wake-ups of tasks.
Threads: the server's event loop; the query set's callback comes from the live thread and only posts.
Source: wire-protocol 3.9 to 3.11.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Coroutine, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from starlette.websockets import WebSocket, WebSocketDisconnect

from nbconvex.errors import CallerError, OverloadedError, ProtocolError
from nbconvex.functions.answered_requests import is_answered
from nbconvex.functions.live_query import LiveAdvance
from nbconvex.functions.outcome import Outcome
from nbconvex.server.bodies import no_collection
from nbconvex.server.caller import NOBODY, Caller, caller_of_token
from nbconvex.server.fragments import WIRE, FragmentingProtocol
from nbconvex.server.wire_results import result_of
from nbconvex.sync import session as protocol
from nbconvex.sync.messages import (
    CHUNK_BYTES_MAX,
    Ping,
    ServerMessage,
    Transition,
    read_message,
    write_chunks,
    write_message,
)
from nbconvex.sync.session import Effect, Result, Session
from nbconvex.values.codec import from_json

if TYPE_CHECKING:
    from starlette.types import Receive

    from nbconvex.server.service import Service

#: A client that has heard nothing for this long is sent a Ping. npm gives up after 60 s. Source: wire-protocol 3.10.
PING_S: Final = 15.0
#: Answers that wait for a client to take them, from which on nothing more is read from it.
ANSWERS_WAITING_MAX: Final = 256
#: Messages of one client that are acted on before others get their turn.
_MESSAGES_A_TURN: Final = 32
#: Messages up to this length are acted on in the loop altogether: handing them to a thread would cost more.
_ON_LOOP_CHARACTERS: Final = 64 * 1024
#: npm clients from this version on take transitions in chunks; no other client does. Source: wire-protocol 3.9.
_CHUNKED_SINCE: Final = (1, 28, 0)
_VERSION: Final = re.compile(r"/api/(\d{1,9})\.(\d{1,9})\.(\d{1,9})[^/]*/sync", re.ASCII)


async def serve_socket(websocket: WebSocket, receive: Receive, service: Service) -> None:
    """Serve one socket to its end."""
    await websocket.accept()
    await Connection(websocket, receive, service, takes_chunks=_takes_chunks(websocket)).serve()


def _takes_chunks(websocket: WebSocket) -> bool:
    """Only npm clients say their version in the path."""
    found = _VERSION.fullmatch(websocket.scope["path"])
    return found is not None and tuple(map(int, found.groups())) >= _CHUNKED_SINCE


class Connection:
    """One client, for as long as its socket lives."""

    def __init__(self, websocket: WebSocket, receive: Receive, service: Service, *, takes_chunks: bool) -> None:
        backend = service.backend
        self._websocket = websocket
        self._receive = receive
        self._wire: FragmentingProtocol = websocket.scope["extensions"][WIRE]
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
        # Held while the effects of one message are carried out: who asks in between would be told of half of them.
        self._order = asyncio.Lock()
        self._reader: asyncio.Task[Any] | None = None
        self._room: asyncio.Future[None] | None = None
        self._closing: protocol.Close | None = None
        self._is_hanging_up = False
        self._problem: Exception | None = None
        self._is_due = False
        self._is_quiet = False
        self._last_sent_s = self._clock.monotonic_s()

    async def serve(self) -> None:
        """Read and write until one side closes."""
        self._reader = asyncio.current_task()
        self._wire.on_writable = self._wake
        self._service.connections.add(self)
        try:
            await self._read()
        except asyncio.CancelledError:
            if self._problem is None:
                raise
            raise self._problem from None
        finally:
            self._service.connections.discard(self)
            self._wire.on_writable = None
            self._queries.close()
            await _end(tuple(self._tasks))

    # -- reading -----------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        count = 0
        session = self._session
        while True:
            received = await self._receive()
            if received["type"] == "websocket.disconnect":
                return
            if session.is_closing:
                # The last words are on their way; what the client still says is heard by nobody.
                continue
            if session.answers_waiting > ANSWERS_WAITING_MAX:
                self._room = asyncio.get_running_loop().create_future()
                self._wake()
                await self._room
            async with self._order:
                await self._carry_out(
                    self._understood(received), is_large=len(received.get("text") or "") > _ON_LOOP_CHARACTERS
                )
            count += 1
            if count % _MESSAGES_A_TURN == 0:
                # Thousands of frames may lie in memory already: others get their turn between them.
                await asyncio.sleep(0)

    def _understood(self, received: Any) -> list[Effect]:
        try:
            text = received.get("text")
            if text is None:
                raise ProtocolError("a message is one JSON object in a text frame")
            if len(text) <= _ON_LOOP_CHARACTERS:
                message = read_message(text)
            else:
                with no_collection():
                    message = read_message(text)
        except ProtocolError as error:
            return self._session.broken(error)
        return self._session.receive(message, now_ms=self._clock.now_ns() / 1e6, head_ts=self._database.head)

    async def _carry_out(self, effects: list[Effect], *, is_large: bool = False) -> None:
        for effect in effects:
            if isinstance(effect, protocol.Verify):
                await self._carry_out(await self._verified(effect))
            elif is_large and isinstance(effect, protocol.Follow):
                await self._follow_large(effect)
            else:
                self._begin(effect)
        self._wake_for_news()

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
            self._service.backend.runner.log_problem("a call of a socket", error)
            self._close_with(protocol.INTERNAL_ERROR, "InternalServerError")

    def _close_with(self, code: int, reason: str) -> None:
        self._session.is_closing = True
        self._closing = protocol.Close(code, reason)
        self._wake()

    def _follow(self, effect: protocol.Follow) -> None:
        try:
            self._added(effect)
        except CallerError as error:
            self._session.refuse(effect.query_id, self._result(self._service.calls.refused(error)))

    async def _follow_large(self, effect: protocol.Follow) -> None:
        """The same where the arguments may be so large that others would wait for them."""
        try:
            await self._service.calls.offload(partial(self._added, effect))
        except CallerError as error:
            self._session.refuse(effect.query_id, self._result(self._service.calls.refused(error)))

    def _added(self, effect: protocol.Follow) -> None:
        args = from_json(effect.args, path="args")
        self._queries.add(effect.query_id, effect.path, args, page_end=effect.journal)

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
        async with self._order:
            self._do(self._session.mutation_done(effect.request_id, result))

    async def _act(self, effect: protocol.RunAction) -> None:
        result = await self._called("action", effect, None)
        async with self._order:
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
        self._wake_for_news()

    # -- live queries ------------------------------------------------------------------------------------------------

    def _told(self, advance: LiveAdvance) -> None:
        """In the live thread."""
        self._inbox.post(self._advanced, advance.ts, advance.mark, self._service.results.of_all(advance.updates))

    def _advanced(self, ts: int, mark: Any, results: Mapping[Any, Result]) -> None:
        key = self._session.key_under_way
        # The live thread and the mutation's thread hear of its commit at the same moment: either may be here first.
        is_before_answer = key is not None and is_answered(self._database.snapshot, key)
        self._session.advanced(ts, mark, results, is_before_answer=is_before_answer)
        if self._session.has_news:
            self._wake()

    # -- writing -----------------------------------------------------------------------------------------------------

    def _wake_for_news(self) -> None:
        if self._session.has_news or self._closing is not None:
            self._wake()

    def _wake(self) -> None:
        """Have what there is written when everything that has arrived was taken in: it becomes one transition."""
        if not self._is_due:
            self._is_due = True
            self._inbox.post_here(self._write)

    def _write(self) -> None:
        self._is_due = False
        try:
            self._write_news()
        except Exception as error:
            # Nobody waits for this call; the task that reads raises it.
            self._problem = error
            if self._reader is not None:
                self._reader.cancel()

    def _write_news(self) -> None:
        wire, session = self._wire, self._session
        takes_more = wire.is_writable
        if takes_more:
            now_ns = self._clock.now_ns()
            for effect in session.before_sending(now_ns):
                self._begin(effect)
            if session.has_news:
                for message in session.outgoing(now_ns):
                    takes_more = self._send(message)
                    if not takes_more:
                        break  # what is left goes when it has taken this, in the state of then
            elif self._is_quiet:
                takes_more = self._send(Ping())
            self._is_quiet = False
        if self._room is not None and (session.answers_waiting <= ANSWERS_WAITING_MAX or not wire.is_open):
            room, self._room = self._room, None
            if not room.done():
                room.set_result(None)
        if self._closing is not None and takes_more and not self._is_hanging_up:
            self._is_hanging_up = True
            self._start(self._hang_up(self._closing))

    async def _hang_up(self, closing: protocol.Close) -> None:
        with contextlib.suppress(WebSocketDisconnect):
            await self._websocket.close(closing.code, closing.reason)

    def _send(self, message: ServerMessage) -> bool:
        """Whether the client takes more."""
        self._last_sent_s = self._clock.monotonic_s()
        text = write_message(message)
        if self._takes_chunks and len(text) > CHUNK_BYTES_MAX and isinstance(message, Transition):
            return [self._wire.write_text(chunk) for chunk in write_chunks(text)][-1]
        return self._wire.write_text(text)

    def look_after(self) -> None:
        """Ping a client that has heard nothing for long. Called every second.

        One look at all clients costs less than a timer for every message of each.
        """
        if self._clock.monotonic_s() - self._last_sent_s >= PING_S:
            self._is_quiet = True
            self._wake()


async def _end(tasks: tuple[asyncio.Task[None], ...]) -> None:
    for task in tasks:
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*tasks, return_exceptions=True)
