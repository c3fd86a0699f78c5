"""A backend in memory with a clock of its own, for tests of functions.

Owns:  `convex_test` and `TestBackend`, the driver.
Must not know: the network, Jupyter.
Invariants: it is the engine that a notebook uses, over the memory persistence; only the limits of a transaction are off
unless asked for. Two drivers share nothing. Time moves when `advance` is called.
Threads: as a backend.
Source: semantics 13.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from types import ModuleType, TracebackType
from typing import Any, Self

from nbconvex.backend import Backend
from nbconvex.clock import ManualClock
from nbconvex.errors import CallerError
from nbconvex.functions.definition import Declaration, FunctionDefinition, define
from nbconvex.functions.http_call import EndpointCall, run_endpoint, run_endpoint_async
from nbconvex.functions.http_message import Request, Response
from nbconvex.functions.identity import Identity
from nbconvex.functions.run import Kind
from nbconvex.limits import Limits
from nbconvex.storage.memory import MemoryPersistence
from nbconvex.values.schema import SchemaDefinition

#: What a function given in a test is called. Source: convex-test.
INLINE = "inline"
#: How long a scheduled function may take in real time.
PATIENCE_S = 10.0
#: How many scheduled functions one test runs at once, before that is taken for an endless chain.
SCHEDULED_MAX = 1_000

Modules = ModuleType | Mapping[str, Any] | Sequence[ModuleType]


class TestBackend:
    """A driver: calls functions by reference, by path, or given in place (`t.query(lambda ctx: ...)`)."""

    __test__ = False  # its name begins like that of a test class

    def __init__(self, backend: Backend, clock: ManualClock, identity: Identity | None = None) -> None:
        self.backend = backend
        self.clock = clock
        self._identity = identity
        self._people = itertools.count(1)

    @property
    def api(self) -> Any:
        """References to public functions."""
        return self.backend.api

    @property
    def internal(self) -> Any:
        """References to all functions."""
        return self.backend.internal

    def query(self, target: Any, args: Mapping[str, Any] | None = None, /, **named: Any) -> Any:
        """The value of a query.

        Raises:  as `Backend.run_query`.
        """
        return self._call("query", target, {**(args or {}), **named})

    def mutation(self, target: Any, args: Mapping[str, Any] | None = None, /, **named: Any) -> Any:
        """The value of a mutation.

        Raises:  as `Backend.run_mutation`.
        """
        return self._call("mutation", target, {**(args or {}), **named})

    def action(self, target: Any, args: Mapping[str, Any] | None = None, /, **named: Any) -> Any:
        """The value of an action, sync or async.

        Raises:  as `Backend.run_action`.
        """
        return self._call("action", target, {**(args or {}), **named})

    def _call(self, kind: Kind, target: Any, args: dict[str, Any]) -> Any:
        __tracebackhide__ = True
        definition = self._inline(kind, target)
        if definition is not None:
            return self.backend.run_inline(definition, args, identity=self._identity)
        call = {
            "query": self.backend.run_query,
            "mutation": self.backend.run_mutation,
            "action": self.backend.run_action,
        }
        return call[kind](target, args, identity=self._identity)

    def _inline(self, kind: Kind, target: Any) -> FunctionDefinition | None:
        """The definition of a handler that is in no registry."""
        if isinstance(target, str | Declaration) or hasattr(target, "_parts") or not callable(target):
            return None
        return define(kind, target, INLINE)

    def run(self, handler: Callable[..., Any], args: Mapping[str, Any] | None = None, /, **named: Any) -> Any:
        """The value of a handler with a mutation's ctx and no limits: for setting up and for looking."""
        __tracebackhide__ = True
        definition = define("mutation", handler, INLINE)
        args = {**(args or {}), **named}
        return self.backend.run_inline(definition, args, identity=self._identity, is_unlimited=True)

    def fetch(
        self, path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, body: Any = None
    ) -> Response:
        """What the endpoint at `path` answers, without a network; 404 where there is none.

        `body` is bytes or text, or anything else as JSON. A streamed answer comes whole.
        Raises:  whatever the handler raises.
        """
        backend = self.backend
        place = path.partition("?")[0]
        found = backend.http.routes.table.find(method.upper(), place)
        if found is None:
            return Response({"code": "NotFound", "message": f"no route for {method.upper()} {place}"}, status=404)
        sent = _sent(body)
        request = Request(
            method.upper(), f"https://site.convex.test{path}", place, tuple((headers or {}).items()),
            rest=place.removeprefix(found.path) if found.is_prefix else "",
            body=_Arrived(sent) if found.definition.is_async else sent, is_async=found.definition.is_async,
            limits=backend.limits,
        )  # fmt: skip
        parts = _Parts()
        call = EndpointCall(found, request, parts, backend.limits)
        if found.definition.is_async:
            outcome = backend.runner.engine.run(run_endpoint_async(backend.runner, call, self._identity))
        else:
            outcome = run_endpoint(backend.runner, call, self._identity)
        if outcome.error is not None:
            raise outcome.error
        answered = call.response or parts.head
        assert answered is not None, path
        if call.response is None:
            answered.body = b"".join(parts.chunks)
        return answered

    def with_identity(self, claims: Mapping[str, Any] | None = None, /, **named: Any) -> TestBackend:
        """The same backend, called by somebody. Claims that are not given are made up, differently for each person."""
        number = next(self._people)
        given = {**(claims or {}), **named}
        if "subject" not in given:
            given["subject"] = f"person-{number}"
        if "issuer" not in given:
            given["issuer"] = "https://convex.test"
        other = TestBackend(self.backend, self.clock, Identity(given))
        other._people = self._people
        return other

    def advance(self, amount: float | timedelta) -> None:
        """Move time forward, in seconds: everything that comes due meanwhile runs, in due order and at its own time.

        A job that waits in real time for something is waited for a second, and then left to go on.
        """
        seconds = amount.total_seconds() if isinstance(amount, timedelta) else amount
        until_ns = self.clock.now_ns() + int(seconds * 1e9)
        scheduler = self.backend.scheduler
        scheduler.settle(leaves_given_up=True)
        while (due_ms := scheduler.next_ms()) is not None and due_ms <= until_ns / 1e6:
            self._move_to(_at_or_behind(due_ms))
            scheduler.settle(leaves_given_up=True)
        if seconds < 0:
            self.clock.advance(seconds)
        self._move_to(until_ns)
        scheduler.settle(leaves_given_up=True)
        self.settle()

    def _move_to(self, time_ns: int) -> None:
        while (left_ns := time_ns - self.clock.now_ns()) > 0:
            # Half a nanosecond, so that rounding down to whole ones gives what was meant.
            self.clock.advance((left_ns + 0.5) / 1e9)

    def finish_in_progress(self) -> None:
        """Return when everything that is due has run to its end.

        Raises:  CallerError if a job goes on for ten seconds.
        """
        # What an action did not wait for may still be on its way, and nobody has been told of it.
        self.backend.database.checkpoint()
        if not self.backend.scheduler.settle(PATIENCE_S):
            raise CallerError("a scheduled function did not end within ten seconds; does it wait for ever?")
        self.settle()

    def finish_all_scheduled(self, *, jobs_max: int = SCHEDULED_MAX) -> None:
        """Run everything that is scheduled, and what that schedules, moving time to where each is due. Not crons.

        Raises:  CallerError after `jobs_max` jobs, for functions that schedule themselves for ever; as
                 `finish_in_progress`.
        """
        scheduler = self.backend.scheduler
        for _ in range(jobs_max):
            self.finish_in_progress()
            job = next(scheduler.documents("pending"), None)
            if job is None:
                return
            if scheduler.reason_to_wait(job):
                raise CallerError(f"{job['name']} waits: {scheduler.reason_to_wait(job)}.")
            self._move_to(_at_or_behind(job["scheduledTime"]))
        raise CallerError(
            f"scheduled functions were still waiting after {jobs_max:,} had run: infinitely recursive scheduling? "
            "To run a part only, move time with advance(seconds)."
        )

    def settle(self) -> None:
        """Return when every subscriber has been told of everything that was committed before.

        Raises:  CallerError if that takes longer than ten seconds.
        """
        if not self.backend.live.settle():
            raise CallerError("live queries did not settle within ten seconds; does a query run for ever?")

    def close(self) -> None:
        """Stop the backend. Calling it twice is fine."""
        self.backend.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class _Arrived:
    """The body of a request that is there as a whole."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def chunk(self) -> bytes:
        """All of it, once."""
        body, self._body = self._body, b""
        return body


class _Parts:
    """A streamed answer, kept."""

    def __init__(self) -> None:
        self.head: Response | None = None
        self.chunks: list[bytes] = []

    def begin(self, response: Response) -> None:
        """The head is there."""
        self.head = response

    def send(self, chunk: bytes) -> None:
        """A part is there."""
        self.chunks.append(chunk)

    async def send_async(self, chunk: bytes) -> None:
        """A part is there."""
        self.chunks.append(chunk)


def _sent(body: Any) -> bytes:
    if body is None or isinstance(body, bytes):
        return body or b""
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


def convex_test(
    schema: SchemaDefinition | None = None,
    modules: Modules | None = None,
    *,
    limits: Limits | Mapping[str, int] | None = None,
    clock: ManualClock | None = None,
) -> TestBackend:
    """A driver over an empty store.

    `modules` are modules or a mapping from names to modules or namespaces with declared functions. `limits` are off
    (None), those of a `Limits`, or those named in a mapping, with the others off.
    Raises:  CallerError, SchemaInvalidError.
    """
    clock = clock or ManualClock()
    backend = Backend(MemoryPersistence(), clock=clock, limits=_limits(limits), seed=0)
    # Nothing is served, but what makes addresses of files is to be tested all the same.
    backend.files.serve_at(lambda: "https://files.convex.test")
    try:
        if schema is not None:
            backend.push_schema(schema)
        for name, module in _named_modules(modules):
            backend.add_module(module, name)
    except BaseException:
        backend.close()
        raise
    return TestBackend(backend, clock)


def _at_or_behind(time_ms: float) -> int:
    """The first nanosecond that, in milliseconds, is not before `time_ms`."""
    time_ns = int(time_ms * 1e6)
    while time_ns / 1e6 < time_ms:
        time_ns += 1
    return time_ns


def _limits(given: Limits | Mapping[str, int] | None) -> Limits:
    if isinstance(given, Limits):
        return given
    return replace(Limits.off(), **dict(given or {}))


def _named_modules(modules: Modules | None) -> Iterable[tuple[str | None, Any]]:
    if modules is None:
        return []
    if isinstance(modules, Mapping):
        if any(isinstance(value, Declaration) for value in modules.values()):
            return [(None, modules)]
        return list(modules.items())
    if isinstance(modules, ModuleType):
        return [(None, modules)]
    return [(None, module) for module in modules]
