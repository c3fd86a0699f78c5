"""Calls from the network: nbconvex.server.calls."""

from __future__ import annotations

import asyncio
import sys
import threading
from dataclasses import replace

import pytest

from nbconvex.backend import Backend
from nbconvex.errors import FunctionNotFoundError, NotAllowedError, OverloadedError, RequestRefusedError
from nbconvex.functions.http_call import EndpointCall
from nbconvex.functions.http_message import Request
from nbconvex.functions.http_routes import route
from nbconvex.functions.identity import Identity
from nbconvex.limits import Limits
from nbconvex.server.calls import Calls


def run(backend: Backend, main) -> None:
    calls = Calls(backend)
    try:
        asyncio.run(main(calls))
    finally:
        assert calls.stop(5.0)


def test_each_kind_runs_where_it_belongs(backend) -> None:
    @backend.query
    def query(ctx):
        return threading.current_thread().name

    @backend.action
    def plain(ctx):
        return threading.current_thread().name

    @backend.action
    async def waiting(ctx):
        return threading.current_thread().name

    async def main(calls: Calls) -> None:
        names = [(await calls.run(None, path, {})).value for path in ("main:query", "main:plain", "main:waiting")]
        assert names == ["nbconvex-call-1", "nbconvex-action-1", "nbconvex-actions"]

    run(backend, main)


def test_what_fails_is_an_outcome_with_its_error(backend) -> None:
    backend.query(name="m:q")(lambda ctx: 1 // 0)
    backend.query(name="m:hidden", internal=True)(lambda ctx: "hidden")

    async def main(calls: Calls) -> None:
        failed = await calls.run("query", "m:q", {})
        assert isinstance(failed.error, ZeroDivisionError)
        assert isinstance((await calls.run("query", "m:none", {})).error, FunctionNotFoundError)
        assert isinstance((await calls.run("action", "m:q", {})).error, NotAllowedError)
        assert isinstance((await calls.run(None, "m:hidden", {})).error, FunctionNotFoundError)
        assert (await calls.run(None, "m:hidden", {}, public=False)).value == "hidden"
        assert await calls.run("query", "m:none", {}, then=lambda outcome: type(outcome.error).__name__) == (
            "FunctionNotFoundError"
        )

    run(backend, main)


@pytest.mark.case("tooling/run_as_identity")
def test_identity_key_and_snapshot_reach_the_function(backend) -> None:
    backend.query(name="m:who")(lambda ctx: ctx.auth.get_user_identity().name)
    backend.mutation(name="m:add")(lambda ctx: ctx.db.insert("t", {}))
    backend.query(name="m:count")(lambda ctx: len(ctx.db.query("t").collect()))

    async def main(calls: Calls) -> None:
        assert (await calls.run(None, "m:who", {}, identity=Identity({"subject": "1", "name": "Ada"}))).value == "Ada"
        before = backend.database.snapshot
        first = await calls.run("mutation", "m:add", {}, request_key=("session", 1))
        again = await calls.run("mutation", "m:add", {}, request_key=("session", 1))
        assert (first.value, first.ts) == (again.value, again.ts)
        assert (await calls.run("query", "m:count", {}, snapshot=before)).value == 0
        assert (await calls.run("query", "m:count", {})).value == 1

    run(backend, main)


@pytest.mark.parametrize("is_async", [False, True])
def test_actions_beyond_the_limit_are_refused_while_queries_still_run(is_async) -> None:
    gate = threading.Event()

    def plain(ctx):
        return gate.wait(10)

    async def waiting(ctx):
        while not gate.is_set():  # noqa: ASYNC110 - an event of threads
            await asyncio.sleep(0.001)
        return True

    limits = replace(Limits(), calls_in_flight=2)
    with Backend.open(limits=limits) as backend:
        backend.action(name="m:a")(waiting if is_async else plain)
        backend.query(name="m:q")(lambda ctx: "quick")

        async def main(calls: Calls) -> None:
            actions = [asyncio.ensure_future(calls.run("action", "m:a", {})) for _ in range(2)]
            await asyncio.sleep(0)
            with pytest.raises(OverloadedError):
                await calls.run("action", "m:a", {})
            assert calls.in_flight == 2
            assert (await calls.run("query", "m:q", {})).value == "quick"
            gate.set()
            assert [each.value for each in await asyncio.gather(*actions)] == [True, True]
            while calls.in_flight:  # noqa: ASYNC110 - counted down by a thread
                await asyncio.sleep(0.001)

        run(backend, main)


def test_function_that_exits_or_interrupts_ends_nothing_but_itself(backend) -> None:
    async def interrupt(ctx):
        raise KeyboardInterrupt

    async def leave(ctx):
        raise SystemExit

    backend.action(name="m:interrupt")(interrupt)
    backend.action(name="m:leave")(leave)
    backend.mutation(name="m:exit")(lambda ctx: sys.exit())

    async def main(calls: Calls) -> None:
        assert "KeyboardInterrupt" in str((await calls.run(None, "m:interrupt", {})).error)
        assert "called exit()" in str((await calls.run(None, "m:leave", {})).error)
        assert "called exit()" in str((await calls.run(None, "m:exit", {})).error)

    run(backend, main)


def test_closed_backend_refuses_and_starts_nothing(backend) -> None:
    async def main(calls: Calls) -> None:
        backend.close()
        with pytest.raises(OverloadedError, match="closed"):
            await calls.run(None, "m:f", {})

    run(backend, main)


@pytest.mark.parametrize("is_async", [False, True])
def test_paused_backend_runs_neither_functions_nor_endpoints(backend, is_async) -> None:
    ran = []

    async def slowly(ctx, request):
        ran.append("async")

    backend.query(name="m:q")(lambda ctx: ran.append("query"))
    made = route(slowly if is_async else lambda ctx, request: ran.append("plain"), method="GET", path="/hello")
    endpoint = EndpointCall(made, Request("GET", "http://here.example/hello", "/hello", ()), None, backend.limits)

    async def main(calls: Calls) -> None:
        backend.scheduler.pause("the disk is full")
        for outcome in (await calls.run(None, "m:q", {}), await calls.begin_endpoint(endpoint, None)):
            assert isinstance(outcome.error, RequestRefusedError)
            assert (outcome.error.status, outcome.error.reason) == (503, "BackendPaused")
            assert "the disk is full" in str(outcome.error)
        assert not ran
        backend.scheduler.resume()
        assert (await calls.begin_endpoint(endpoint, None)).error is None
        assert ran == ["async" if is_async else "plain"]

    run(backend, main)


def test_action_that_a_closing_backend_cancels_is_told_so(backend) -> None:
    started = threading.Event()

    async def endless(ctx):
        started.set()
        await asyncio.sleep(60)

    backend.action(name="m:endless")(endless)

    async def main(calls: Calls) -> None:
        call = asyncio.ensure_future(calls.run(None, "m:endless", {}))
        await asyncio.to_thread(started.wait)
        await asyncio.to_thread(backend.close)
        with pytest.raises(OverloadedError, match="closed while the action ran"):
            await call

    run(backend, main)
