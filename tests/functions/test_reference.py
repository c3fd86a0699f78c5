"""`api.messages.send`, called and passed."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from nbconvex.errors import CallerError, FunctionNotFoundError, NotAllowedError
from nbconvex.functions.reference import FunctionReference, reference_to
from nbconvex.testing import TestBackend, convex_test


def define(t: TestBackend) -> None:
    @t.backend.query(name="messages:list")
    def list(ctx, channel: str = "general"):
        """The messages of a channel."""
        return [channel]

    @t.backend.action(name="messages:refresh")
    async def refresh(ctx, times: int):
        await asyncio.sleep(0)
        return times * len(await ctx.run_query("messages:list"))


def test_calling_a_reference_runs_it_and_gives_plain_values() -> None:
    with convex_test() as t:
        define(t)
        assert t.api.messages.list(channel="a") == ["a"]
        assert t.api.messages.list({"channel": "b"}) == ["b"]
        assert t.api.messages.list() == ["general"]
        assert t.api.messages.refresh(times=3) == 3


def test_async_handler_gives_its_value_while_a_loop_runs_in_this_thread() -> None:
    with convex_test() as t:
        define(t)

        async def cell() -> int:
            return t.api.messages.refresh(times=2)

        assert asyncio.run(cell()) == 2


def test_function_may_be_called_anything() -> None:
    with convex_test() as t:
        for name in ("path", "list", "call", "get", "host", "parts"):
            t.backend.query(name=f"m:{name}")(lambda ctx, name=name: name)
        assert [getattr(t.api.m, name)() for name in ("path", "list", "call", "get", "host", "parts")] == [
            "path", "list", "call", "get", "host", "parts"
        ]  # fmt: skip


@pytest.mark.case("functions/function_reference_from_string")
def test_reference_from_text_is_the_same_function() -> None:
    with convex_test() as t:
        t.backend.query(name="dir/mod:fn")(lambda ctx: "it")
        made = reference_to("dir/mod:fn", lambda: t.backend)
        assert made == t.api.dir.mod.fn
        assert hash(made) == hash(t.api.dir.mod.fn)
        by_text, by_api, by_made = t.query(
            lambda ctx: [ctx.run_query("dir/mod:fn"), ctx.run_query(t.api.dir.mod.fn), ctx.run_query(made)]
        )
        assert by_text == by_api == by_made == "it"


@pytest.mark.case("functions/api_reference_too_short")
def test_module_alone_names_no_function() -> None:
    with convex_test() as t:
        define(t)
        with pytest.raises(CallerError, match=r"a path needs a module and a function.* It has list, refresh"):
            t.api.messages()
        with pytest.raises(CallerError, match="needs a module and a function"):
            t.api()


def test_unknown_function_is_answered_with_the_nearest() -> None:
    with convex_test() as t:
        define(t)
        with pytest.raises(FunctionNotFoundError, match='Did you mean "messages:list"'):
            t.api.messages.lst()


def test_arguments_come_by_name_or_as_one_dict() -> None:
    with convex_test() as t:
        define(t)
        with pytest.raises(CallerError, match="takes its arguments by name") as caught:
            t.api.messages.list("general")
        assert caught.value.hint == "api.messages.list(channel=...)"


def test_reference_called_inside_a_function_teaches() -> None:
    with convex_test() as t:
        define(t)
        with pytest.raises(NotAllowedError) as caught:
            t.query(lambda ctx: t.api.messages.list(channel="a"))
        assert "ctx.run_query(api.messages.list, name=value)" in str(caught.value)
        with pytest.raises(NotAllowedError) as caught:
            t.mutation(lambda ctx: t.api.messages.refresh(times=1))
        assert "ctx.scheduler.run_after(0, internal.messages.refresh" in str(caught.value)

        async def waits(ctx):
            return t.api.messages.list()

        with pytest.raises(NotAllowedError, match=r"await ctx\.run_query\(api\.messages\.list"):
            t.action(waits)


@pytest.mark.case("functions/direct_call_of_registered_function_warns")
def test_registered_function_called_with_ctx_works_and_warns(capsys: pytest.CaptureFixture[str]) -> None:
    with convex_test() as t:

        @t.backend.query
        def inner(ctx, n: int = 1):
            return n

        @t.backend.query
        def outer(ctx):
            return inner(ctx, n=2) + t.api.main.inner(ctx, n=3)

        assert outer() == 5
        [record] = [each for each in t.backend.logs if each.path == "main:outer"]
        assert len(record.lines) == 2
        assert "calls api.main.inner(ctx, ...) directly" in record.lines[0]
        assert "plain helper function" in record.lines[0]


def test_reference_shows_and_completes_what_it_stands_for() -> None:
    with convex_test() as t:
        define(t)
        reference = t.api.messages.list
        assert repr(reference) == "<query api.messages.list>"
        assert repr(t.api.nothing) == "<reference api.nothing>"
        assert reference.__doc__ == "The messages of a channel."
        assert str(inspect.signature(reference)) == "(*, channel: 'str' = 'general')"
        assert dir(t.api) == ["messages"]
        assert dir(t.api.messages) == ["list", "refresh"]
        assert dir(t.internal) == ["messages"]
        with pytest.raises(AttributeError):
            reference._repr_html_


def test_second_look_at_a_reference_is_a_plain_attribute() -> None:
    with convex_test() as t:
        assert t.api.messages.list is t.api.messages.list
        assert isinstance(t.api.messages, FunctionReference)
