"""Function calls that come from the network.

Owns:  `Calls`: in which thread a function runs, and how many calls there may be at once.
Must not know: HTTP, the sync protocol.
Invariants: what fails in or before a function is an outcome with an error; only overload is raised. Queries and
mutations never wait for actions: each have threads and a limit of their own.
Threads: `run` on the server's event loop; queries, mutations and plain `def` actions run in `Workers`, `async def`
actions on the engine's loop, where they hold no thread.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, overload

from nbconvex.errors import CallerError, OverloadedError, RequestRefusedError
from nbconvex.functions.http_call import EndpointCall, run_endpoint, run_endpoint_async
from nbconvex.functions.mailbox import Mailbox, mailbox_of
from nbconvex.functions.outcome import Outcome
from nbconvex.server.workers import Workers

if TYPE_CHECKING:
    from nbconvex.backend import Backend
    from nbconvex.database.snapshot import Snapshot
    from nbconvex.functions.identity import Identity
    from nbconvex.functions.run import Kind

Result = TypeVar("Result")


class Calls:
    """The calls of one server."""

    def __init__(self, backend: Backend) -> None:
        limits = backend.limits
        self._backend = backend
        self._in_flight_max = limits.calls_in_flight
        self._async_in_flight = 0
        self._counting = threading.Lock()
        self._mailbox: Mailbox | None = None
        self._transactions = Workers(
            "nbconvex-call", threads_max=limits.call_threads, in_flight_max=limits.calls_in_flight,
            wait_s=limits.call_wait_s,
        )  # fmt: skip
        self._actions = Workers(
            "nbconvex-action", threads_max=limits.action_threads, in_flight_max=limits.calls_in_flight,
            wait_s=limits.action_time_s,
        )  # fmt: skip

    @property
    def in_flight(self) -> int:
        """Calls that wait or run."""
        return self._transactions.in_flight + self._actions.in_flight + self._async_in_flight

    @overload
    async def run(
        self, kind: Kind | None, path: str, args: Any, *, identity: Identity | None = None, public: bool = True,
        request_key: tuple[str, int] | None = None, snapshot: Snapshot | None = None,
    ) -> Outcome: ...  # fmt: skip
    @overload
    async def run(
        self, kind: Kind | None, path: str, args: Any, *, identity: Identity | None = None, public: bool = True,
        request_key: tuple[str, int] | None = None, snapshot: Snapshot | None = None, then: Callable[[Outcome], Result],
    ) -> Result: ...  # fmt: skip
    async def run(
        self, kind: Kind | None, path: str, args: Any, *, identity: Identity | None = None, public: bool = True,
        request_key: tuple[str, int] | None = None, snapshot: Snapshot | None = None,
        then: Callable[[Outcome], Any] | None = None,
    ) -> Any:  # fmt: skip
        """The outcome of a call, or what `then` makes of it in the thread in which the function ran.

        Shapes:  `kind` is None where any will do; `args` may be a callable that gives them, called in that thread;
        `snapshot` is an older one for a query to read; `request_key` lets a mutation be applied once.
        Raises:  OverloadedError, at once or after call_wait_s.
        """
        backend = self._backend
        if backend.is_closed:
            raise OverloadedError("the backend is closed")
        paused = self._refused_while_paused()
        if paused is not None:
            return paused if then is None else then(paused)
        try:
            definition = backend.find(kind, path, public=public)
        except CallerError as error:
            outcome = self.refused(error)
            return outcome if then is None else then(outcome)
        if definition.kind == "action" and definition.is_async:
            return await self._run_async(path, args, identity, then, public=public)
        job = partial(
            self._outcome, kind, path, args, identity, then, public=public, snapshot=snapshot, request_key=request_key
        )
        return await (self._actions if definition.kind == "action" else self._transactions).run(job)

    def begin_endpoint(self, call: EndpointCall, identity: Identity | None) -> asyncio.Future[Outcome]:
        """What comes of the call of an endpoint's handler, an action like any other. Cancelling it cancels no call.

        Raises:  OverloadedError, at once.
        """
        backend = self._backend
        if backend.is_closed:
            raise OverloadedError("the backend is closed")
        paused = self._refused_while_paused()
        if paused is not None:
            future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
            future.set_result(paused)
            return future
        if call.definition.is_async:
            return self._on_engine(self._endpoint_async(call, identity))
        return self._actions.begin(partial(run_endpoint, backend.runner, call, identity))

    async def offload(self, job: Callable[[], Result]) -> Result:
        """What `job` gives, worked out in a thread that calls run in: for what would hold the loop up.

        Raises:  OverloadedError, at once or after call_wait_s.
        """
        return await self._transactions.run(job)

    def refused(self, error: Exception) -> Outcome:
        """The outcome of a call that came to no run."""
        return Outcome(None, self._backend.database.head, (), self._backend.runner.new_request_id(), 0.0, error)

    def _refused_while_paused(self) -> Outcome | None:
        reason = self._backend.scheduler.paused
        if not reason:
            return None
        return self.refused(RequestRefusedError(503, "BackendPaused", f"The backend is paused: {reason}"))

    def stop(self, wait_s: float) -> bool:
        """Refuse further calls and drop those that wait; whether all that ran had ended after `wait_s`."""
        until = time.monotonic() + wait_s
        # Both are told before either is waited for.
        self._actions.stop(0.0)
        ended = self._transactions.stop(wait_s)
        return self._actions.stop(max(0.0, until - time.monotonic())) and ended

    def _outcome(
        self, kind: Kind | None, path: str, args: Any, identity: Identity | None,
        then: Callable[[Outcome], Any] | None, *, public: bool, snapshot: Snapshot | None,
        request_key: tuple[str, int] | None,
    ) -> Any:  # fmt: skip
        try:
            ready = args() if callable(args) else args
            outcome = self._backend.run_outcome(
                path, ready, identity=identity, public=public, kind=kind, snapshot=snapshot, request_key=request_key
            )
        except CallerError as error:
            outcome = self.refused(error)
        return outcome if then is None else then(outcome)

    async def _run_async(
        self, path: str, args: Any, identity: Identity | None, then: Callable[[Outcome], Any] | None, *, public: bool
    ) -> Any:
        outcome = await self._on_engine(self._outcome_async(path, args, identity, public=public))
        return outcome if then is None else await self.offload(partial(then, outcome))

    def _on_engine(self, coroutine: Coroutine[Any, Any, Outcome]) -> asyncio.Future[Outcome]:
        """What a coroutine gives on the engine's loop, where it goes on when its client has gone."""
        if self._async_in_flight >= self._in_flight_max:
            coroutine.close()
            raise OverloadedError(
                f"{self._async_in_flight:,} actions are under way, which is the limit calls_in_flight"
            )
        with self._counting:
            self._async_in_flight += 1
        loop = asyncio.get_running_loop()
        mailbox = self._mailbox = mailbox_of(loop, self._mailbox)
        future: asyncio.Future[Outcome] = loop.create_future()
        engine = self._backend.runner.engine
        engine.begin(coroutine, partial(self._ended, mailbox, future))
        mailbox.once_a_turn(engine.wake)
        return future

    def _ended(self, mailbox: Mailbox, future: asyncio.Future[Outcome], task: asyncio.Task[Outcome] | None) -> None:
        """Tell the loop that asked; in the engine's thread."""
        with self._counting:
            self._async_in_flight -= 1
        if task is None or task.cancelled():
            mailbox.post(future, OverloadedError("the backend was closed while the action ran"))
        else:
            mailbox.post(future, task.exception() or task.result())

    async def _outcome_async(self, path: str, args: Any, identity: Identity | None, *, public: bool) -> Outcome:
        try:
            ready = args() if callable(args) else args
            return await self._backend.run_outcome_async(path, ready, identity=identity, public=public, kind="action")
        except CallerError as error:
            return self.refused(error)
        except KeyboardInterrupt:
            # Raised by the action itself: the engine's loop would end with it.
            return self.refused(CallerError(f"{path} raised KeyboardInterrupt."))

    async def _endpoint_async(self, call: EndpointCall, identity: Identity | None) -> Outcome:
        try:
            return await run_endpoint_async(self._backend.runner, call, identity)
        except KeyboardInterrupt:
            return self.refused(CallerError(f"{call.definition.name} raised KeyboardInterrupt."))
