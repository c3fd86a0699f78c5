"""A handler that is run: nbconvex.functions.http_call."""

from __future__ import annotations

import asyncio
import sys

import pytest

from nbconvex import Response
from nbconvex.backend import Backend
from nbconvex.errors import CallerError, LimitExceededError, NotAllowedError, NotAvailableError, UnauthenticatedError
from nbconvex.functions.http_call import ClientGone, EndpointCall, run_endpoint, run_endpoint_async
from nbconvex.functions.http_message import Request
from nbconvex.functions.http_routes import route
from nbconvex.functions.identity import UnknownIdentity
from nbconvex.limits import Limits


class Outlet:
    """Keeps what is sent; its client goes after `goes_after` parts."""

    def __init__(self, goes_after: int = 1_000) -> None:
        self.head: Response | None = None
        self.parts: list[bytes] = []
        self.goes_after = goes_after

    def begin(self, response) -> None:
        self.head = response

    def send(self, chunk) -> None:
        if len(self.parts) >= self.goes_after:
            raise ClientGone
        self.parts.append(chunk)

    async def send_async(self, chunk) -> None:
        self.send(chunk)


@pytest.fixture
def backend():
    with Backend.open(limits=Limits(http_response_bytes=100)) as backend:
        backend.query(name="m:who")(lambda ctx: ctx.auth.get_user_identity())
        yield backend


def run(backend, handler, *, identity=None, outlet=None, method="GET"):
    made = route(handler, method=method, path="/a")
    request = Request(method, "http://x/a", "/a", (), is_async=made.definition.is_async)
    call = EndpointCall(made, request, outlet or Outlet(), backend.limits)
    if made.definition.is_async:
        outcome = asyncio.run(run_endpoint_async(backend.runner, call, identity))
    else:
        outcome = run_endpoint(backend.runner, call, identity)
    return call, outcome


def test_plain_and_async_handlers_answer(backend) -> None:
    call, outcome = run(backend, lambda ctx, request: {"method": request.method})
    assert (call.response.body, outcome.error) == (b'{"method":"GET"}', None)

    async def handler(ctx, request):
        return await ctx.run_query("m:who")

    call, outcome = run(backend, handler, identity=None)
    assert (call.response.status, outcome.error) == (204, None)


def test_ctx_is_that_of_an_action(backend) -> None:
    _, outcome = run(backend, lambda ctx, request: ctx.db)
    assert isinstance(outcome.error, NotAvailableError)
    assert "GET /a is an action" in str(outcome.error)


def test_prints_and_errors_stand_in_the_log_under_the_routes_name(backend) -> None:
    def handler(ctx, request):
        print("hello")
        raise ValueError("boom")

    _, outcome = run(backend, handler)
    record = list(backend.logs)[-1]
    assert (record.path, record.lines, record.error, record.source) == ("GET /a", ("hello",), outcome.error, "http")


def test_exit_in_a_handler_ends_nothing(backend) -> None:
    _, outcome = run(backend, lambda ctx, request: sys.exit())
    assert isinstance(outcome.error, CallerError)


def test_stream_is_sent_part_by_part_while_the_run_lasts(backend) -> None:
    outlet = Outlet()

    def handler(ctx, request):
        def parts():
            yield "a"
            yield ""
            yield b"b"
            print(ctx.run_query("m:who"))

        return Response(parts(), 201)

    call, outcome = run(backend, handler, outlet=outlet)
    assert (outlet.head.status, outlet.parts, call.response, outcome.error) == (201, [b"a", b"b"], None, None)
    assert outcome.log_lines == ("None",)


@pytest.mark.parametrize("is_async_iterator", [True, False])
def test_async_handler_streams_either_kind_of_iterator(backend, is_async_iterator) -> None:
    async def parts():
        yield "a"
        yield "b"

    async def handler(ctx, request):
        return Response(parts() if is_async_iterator else iter("ab"))

    outlet = Outlet()
    _, outcome = run(backend, handler, outlet=outlet)
    assert (outlet.parts, outcome.error) == ([b"a", b"b"], None)


def test_client_that_goes_closes_the_stream_and_is_no_error(backend) -> None:
    closed = []

    def plain(ctx, request):
        def parts():
            try:
                while True:
                    yield "a"
            finally:
                closed.append("plain")

        return Response(parts())

    async def coroutine(ctx, request):
        async def parts():
            try:
                while True:
                    yield "a"
            finally:
                closed.append("async")

        return Response(parts())

    for handler in (plain, coroutine):
        outlet = Outlet(goes_after=3)
        _, outcome = run(backend, handler, outlet=outlet)
        assert (len(outlet.parts), outcome.error) == (3, None)
    assert closed == ["plain", "async"]


def test_wrong_streams_are_taught(backend) -> None:
    async def parts():
        yield "a"

    _, outcome = run(backend, lambda ctx, request: Response(parts()))
    assert isinstance(outcome.error, NotAllowedError)
    assert "async def handler" in str(outcome.error)
    _, outcome = run(backend, lambda ctx, request: Response(iter([5])))
    assert "texts and bytes as its parts, got int" in str(outcome.error)


def test_answers_have_a_limit_whole_or_in_parts(backend) -> None:
    _, outcome = run(backend, lambda ctx, request: "a" * 101)
    assert isinstance(outcome.error, LimitExceededError)
    outlet = Outlet()
    _, outcome = run(backend, lambda ctx, request: Response("a" * 10 for _ in range(11)), outlet=outlet)
    assert isinstance(outcome.error, LimitExceededError)
    assert len(outlet.parts) == 10


def test_head_runs_no_stream(backend) -> None:
    outlet = Outlet()
    made = route(lambda ctx, request: Response(iter(["a"])), method="GET", path="/a")
    call = EndpointCall(made, Request("HEAD", "http://x/a", "/a", ()), outlet, backend.limits)
    assert run_endpoint(backend.runner, call, None).error is None
    assert (outlet.head, outlet.parts, call.response.status) == (None, [], 200)


def test_unknown_identity_is_an_error_only_when_it_is_asked_for(backend) -> None:
    unknown = UnknownIdentity(UnauthenticatedError("BadToken", "The token has expired."))
    call, _ = run(backend, lambda ctx, request: "hi", identity=unknown)
    assert call.response.body == b"hi"
    for asking in (
        lambda ctx, request: ctx.auth.get_user_identity(),
        lambda ctx, request: ctx.run_query("m:who"),
        # A query of nobody's that was cached answers nobody else.
        lambda ctx, request: ctx.run_query("m:who"),
    ):
        run(backend, lambda ctx, request: ctx.run_query("m:who") or "")
        _, outcome = run(backend, asking, identity=unknown)
        assert isinstance(outcome.error, UnauthenticatedError)
        assert "expired" in str(outcome.error)
