"""One request being answered: a route's handler run as an action.

Owns:  `EndpointCall`: calling the handler, taking its answer, sending a streamed one part by part; `run_endpoint` and
`run_endpoint_async`.
Must not know: sockets; what becomes of the response.
Invariants: an answer that is streamed belongs to the run: an error in the middle is the function's and stands in its
log, `ctx` works until the last part, and a client that stops reading holds the handler back.
Threads: a plain handler runs in the caller's thread, an `async def` handler on the caller's loop.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Protocol

from nbconvex.errors import CallerError, NotAllowedError
from nbconvex.functions.http_message import Request, Response, require_size, response_of
from nbconvex.functions.outcome import Outcome, outcome_of, outcome_of_async
from nbconvex.functions.run import CURRENT

if TYPE_CHECKING:
    from nbconvex.functions.context import ActionCtx
    from nbconvex.functions.http_routes import Route
    from nbconvex.functions.identity import Identity
    from nbconvex.functions.runner import Runner
    from nbconvex.limits import Limits


class ClientGone(Exception):
    """Nobody reads the answer any more."""


class Outlet(Protocol):
    """Where a streamed answer goes. `send` waits while the client is slow.

    Raises:  ClientGone.
    """

    def begin(self, response: Response) -> None:
        """Send status and headers."""

    def send(self, chunk: bytes) -> None:
        """Send a part, from the thread of a plain handler."""

    async def send_async(self, chunk: bytes) -> None:
        """Send a part, from the loop of an `async def` handler."""


class EndpointCall:
    """A call of a route's handler with a request; `response` is what it answered, unless that was sent in parts."""

    def __init__(self, route: Route, request: Request, outlet: Outlet, limits: Limits) -> None:
        self._route = route
        self._request = request
        self._outlet = outlet
        self._limits = limits
        self.response: Response | None = None
        self.is_streamed = False
        self.definition = route.definition

    def handle(self, ctx: ActionCtx) -> None:
        """Call a plain handler, and send what it streams."""
        __tracebackhide__ = True
        response = self._answered(self._route.handler(ctx, self._request))
        if response.stream is None:
            return
        if isinstance(response.stream, AsyncIterator):
            raise NotAllowedError(
                f"{self._route.name} is a plain def and answers an async iterator: there is no loop to run it on.",
                hint="async def handler(ctx, request):",
            )
        self._begin(response)
        size = 0
        try:
            for part in response.stream:
                chunk = self._chunk(part)
                size += len(chunk)
                require_size(size, self._limits, self._route.name)
                if chunk:
                    self._outlet.send(chunk)
        except ClientGone:
            return
        finally:
            _close(response.stream)

    async def handle_async(self, ctx: ActionCtx) -> None:
        """Call an `async def` handler, and send what it streams."""
        __tracebackhide__ = True
        response = self._answered(await self._route.handler(ctx, self._request))
        if response.stream is None:
            return
        self._begin(response)
        size = 0
        try:
            async for part in _aiter(response.stream):
                chunk = self._chunk(part)
                size += len(chunk)
                require_size(size, self._limits, self._route.name)
                if chunk:
                    await self._outlet.send_async(chunk)
        except ClientGone:
            return
        finally:
            if isinstance(response.stream, AsyncIterator):
                if hasattr(response.stream, "aclose"):
                    await response.stream.aclose()
            else:
                _close(response.stream)

    def _answered(self, result: Any) -> Response:
        response = response_of(result, self._route.name)
        if self._request.method == "HEAD" and not isinstance(response.stream, AsyncIterator):
            # Nobody will see the body.
            _close(response.stream)
            response.stream = None
        require_size(len(response.body), self._limits, self._route.name)
        if response.stream is None:
            self.response = response
        return response

    def _begin(self, response: Response) -> None:
        self.is_streamed = True
        self._outlet.begin(response)

    def _chunk(self, part: Any) -> bytes:
        if isinstance(part, str):
            return part.encode("utf-8", "replace")
        if isinstance(part, (bytes, bytearray, memoryview)):
            return bytes(part)
        raise CallerError(
            f"{self._route.name}: a streamed answer has texts and bytes as its parts, got {type(part).__name__}.",
            hint='yield json.dumps(part) + "\\n"',
        )


def _close(stream: Any) -> None:
    close = getattr(stream, "close", None)
    if close is not None:
        close()


async def _aiter(stream: Any) -> AsyncIterator[Any]:
    if isinstance(stream, AsyncIterator):
        async for part in stream:
            yield part
    else:
        for part in stream:
            yield part


def answer(ctx: ActionCtx) -> None:
    """What every plain handler is as an action: the request is with the run."""
    __tracebackhide__ = True
    run = CURRENT.get()
    assert run is not None, "called outside of a run"
    assert run.endpoint is not None, run.path
    run.endpoint.handle(ctx)


async def answer_async(ctx: ActionCtx) -> None:
    """What every `async def` handler is as an action."""
    __tracebackhide__ = True
    run = CURRENT.get()
    assert run is not None, "called outside of a run"
    assert run.endpoint is not None, run.path
    await run.endpoint.handle_async(ctx)


def run_endpoint(runner: Runner, call: EndpointCall, identity: Identity | None) -> Outcome:
    """What came of a call whose handler is a plain `def`, run in this thread."""
    run = runner.new_run(call.definition, identity, is_echoed=False)
    run.endpoint = call
    return outcome_of(runner, run, {}, source="http")


async def run_endpoint_async(runner: Runner, call: EndpointCall, identity: Identity | None) -> Outcome:
    """What came of a call whose handler is an `async def`, run on this loop."""
    run = runner.new_run(call.definition, identity, is_echoed=False)
    run.endpoint = call
    return await outcome_of_async(runner, run, {}, source="http")
