"""What an action calls, and in which order it begins."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from nbconvex.errors import ConvexError, NotAllowedError
from nbconvex.testing import TestBackend, convex_test


def define(t: TestBackend) -> None:
    backend = t.backend
    backend.query(name="m:count")(lambda ctx: ctx.db.query("t").count())
    backend.query(name="m:bodies")(lambda ctx: [row["body"] for row in ctx.db.query("t")])
    backend.mutation(name="m:add")(lambda ctx, body="": ctx.db.insert("t", {"body": body}))

    @backend.mutation(name="m:fail")
    def fail(ctx):
        ctx.db.insert("t", {"body": "no"})
        raise ConvexError({"code": 7})


async def gathered(ctx: Any) -> list[str]:
    return await asyncio.gather(*[ctx.run_mutation("m:add", body=body) for body in "ABC"])


@pytest.mark.case("functions/action_parallel_mutations_in_start_order")
def test_mutations_started_together_apply_in_start_order() -> None:
    with convex_test() as t:
        define(t)
        made = t.action(gathered)
        assert t.query("m:bodies") == ["A", "B", "C"]
        assert len(set(made)) == 3


@pytest.mark.case("functions/action_calls_mutation", "functions/action_calls_helper")
def test_write_of_an_action_is_there_when_it_returns() -> None:
    def shared(ctx: Any) -> int:
        ctx.run_mutation("m:add")
        return ctx.run_query("m:count")

    async def awaiting(ctx: Any) -> int:
        await ctx.run_mutation("m:add")
        return await ctx.run_query("m:count")

    with convex_test() as t:
        define(t)
        assert t.action(lambda ctx: shared(ctx)) == 1
        assert t.action(awaiting) == 2
        assert t.query("m:count") == 2


@pytest.mark.case("functions/action_calls_action")
def test_actions_call_actions_whatever_their_form() -> None:
    with convex_test() as t:
        define(t)

        @t.backend.action(name="m:plain")
        def plain(ctx, n):
            return ctx.run_action("m:asynchronous", n=n - 1) + 1 if n else 0

        @t.backend.action(name="m:asynchronous")
        async def asynchronous(ctx, n):
            await asyncio.sleep(0)
            return await ctx.run_action("m:plain", n=n - 1) + 1 if n else 0

        assert t.action("m:plain", n=1) == 1
        assert t.action("m:asynchronous", n=1) == 1


@pytest.mark.case("functions/action_two_queries_two_snapshots")
def test_each_query_of_an_action_has_a_snapshot_of_its_own() -> None:
    with convex_test() as t:
        define(t)
        counts = []

        def work(ctx: Any) -> None:
            counts.append(ctx.run_query("m:count"))
            other = threading.Thread(target=t.mutation, args=("m:add",))
            other.start()
            other.join()
            counts.append(ctx.run_query("m:count"))

        t.action(work)
        assert counts == [0, 1]


@pytest.mark.case("errors/convexerror_via_runquery")
def test_error_data_survives_every_way_of_calling() -> None:
    with convex_test() as t:
        define(t)

        def failing(ctx: Any) -> None:
            raise ConvexError({"code": 7})

        t.backend.query(name="m:q")(failing)
        t.backend.action(name="m:a")(failing)

        def caught(ctx: Any) -> list[Any]:
            found = []
            for call, path in ((ctx.run_query, "m:q"), (ctx.run_mutation, "m:fail"), (ctx.run_action, "m:a")):
                try:
                    call(path)
                except ConvexError as error:
                    found.append(error.data)
            return found

        async def caught_async(ctx: Any) -> list[Any]:
            calls = [ctx.run_query("m:q"), ctx.run_mutation("m:fail"), ctx.run_action("m:a")]
            return [error.data for error in await asyncio.gather(*calls, return_exceptions=True)]

        assert t.action(caught) == t.action(caught_async) == [{"code": 7}] * 3
        assert t.query("m:count") == 0


async def uses_length(ctx: Any) -> int:
    return len(ctx.run_query("m:bodies"))


async def iterates(ctx: Any) -> list[Any]:
    return list(ctx.run_query("m:bodies"))


async def subscripts(ctx: Any) -> Any:
    return ctx.run_query("m:bodies")[0]


async def takes_attribute(ctx: Any) -> Any:
    return ctx.run_query("m:bodies").append(1)


async def returns_it(ctx: Any) -> Any:
    return ctx.run_query("m:bodies")


@pytest.mark.parametrize("handler", [uses_length, iterates, subscripts, takes_attribute, returns_it])
def test_missing_await_is_named(handler: Any) -> None:
    with convex_test() as t:
        define(t)
        with pytest.raises(NotAllowedError, match=r"Write instead:  await ctx\.run_query\(m:bodies, \.\.\.\)"):
            t.action(handler)


def test_call_that_was_never_awaited_is_finished_and_told() -> None:
    async def forgetful(ctx: Any) -> str:
        ctx.run_mutation("m:add", body="kept")
        ctx.run_mutation("m:fail")
        ctx.run_action("m:slow")
        return "done"

    with convex_test() as t:
        define(t)

        @t.backend.action(name="m:slow")
        async def slow(ctx):
            await asyncio.sleep(60)

        assert t.action(forgetful) == "done"
        assert t.query("m:bodies") == ["kept"]
        [record] = [each for each in t.backend.logs if each.path == "inline"]
        assert [line.partition(" did not await ")[2].split(", which ")[1].split(".")[0] for line in record.lines] == [
            "has finished", 'failed: {"code": 7}', "was stopped"
        ]  # fmt: skip


def test_thread_of_an_async_action_gets_values() -> None:
    async def threaded(ctx: Any) -> int:
        return await asyncio.to_thread(lambda: ctx.run_query("m:count") + 1)

    with convex_test() as t:
        define(t)
        assert t.action(threaded) == 1


def test_awaiting_with_a_timeout_gives_up_the_called_action() -> None:
    stopped = []

    with convex_test() as t:

        @t.backend.action(name="m:slow")
        async def slow(ctx):
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                stopped.append(True)
                raise

        async def impatient(ctx: Any) -> str:
            try:
                await asyncio.wait_for(ctx.run_action("m:slow"), 0.01)
            except TimeoutError:
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                return "gave up"
            return "waited"

        assert t.action(impatient) == "gave up"
        assert stopped == [True]
