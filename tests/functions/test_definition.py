"""What makes a function, and what cannot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from nbconvex import args, mutation, query, returns, v
from nbconvex.errors import ArgumentsInvalidError, CallerError, NbconvexError
from nbconvex.functions.definition import Declaration, define
from nbconvex.testing import convex_test


def test_annotations_are_the_validators() -> None:
    def send(ctx, channel: str, mood: str | None = None) -> bool:
        return True

    definition = define("mutation", send, "messages:send")
    assert str(
        definition.args
    ) == "v.object({channel: v.string(), mood: v.optional(v.union(v.string(), v.null()))})" or (
        "channel" in str(definition.args)
    )
    assert str(definition.returns) == "v.boolean()"
    assert definition.parameters == {"channel", "mood"}
    assert definition.required == {"channel"}
    assert (definition.kind, definition.visibility, definition.name) == ("mutation", "public", "messages:send")


def test_declared_validators_overrule_annotations() -> None:
    @args({"n": v.int64()})
    @returns(v.any())
    def f(ctx, n: str) -> str:
        return n

    definition = define("query", f, "m:f")
    assert str(definition.args) == str(v.object({"n": v.int64()}))
    assert definition.check_returns is None


@pytest.mark.case("functions/bare_function_form", "args-validation/no_validator_accepts_extra")
def test_handler_without_validators_gets_whatever_comes() -> None:
    with convex_test() as t:
        assert t.query(lambda ctx, **given: given, {"a": 1, "b": [True]}) == {"a": 1, "b": [True]}
        assert t.query(lambda ctx: "ran", b=1) == "ran"
        assert t.query(lambda ctx, args: args, {"a": 1}) == {"a": 1}


def test_unannotated_parameters_take_anything_but_must_be_named_right() -> None:
    with convex_test() as t:
        assert t.query(lambda ctx, channel, n=5: [channel, n], channel={"a": 1}) == [{"a": 1}, 5]
        with pytest.raises(ArgumentsInvalidError, match=r'extra argument "chanel".*it takes channel'):
            t.query(lambda ctx, channel=None: channel, chanel="x")
        with pytest.raises(ArgumentsInvalidError, match='missing the required argument "channel"'):
            t.query(lambda ctx, channel: channel)


def test_dataclass_parameters_arrive_as_instances_and_leave_as_objects() -> None:
    @dataclass
    class Point:
        x: float
        y: float = 0.0

    def shift(ctx, point: Point) -> Point:
        assert isinstance(point, Point)
        return Point(point.x + 1, point.y)

    shift.__annotations__ = {"point": Point, "return": Point}
    with convex_test() as t:
        assert t.query(shift, point={"x": 1.0}) == {"x": 2.0, "y": 0.0}


def no_ctx() -> None: ...


def keyword_ctx(*, ctx: Any) -> None: ...


def generator(ctx: Any) -> Any:
    yield 1


def positional(ctx: Any, n: int, /) -> None: ...


def good(ctx: Any, n: Any) -> None: ...


@pytest.mark.parametrize(
    ("handler", "options", "words"),
    [
        (no_ctx, {}, "ctx"),
        (keyword_ctx, {}, "ctx"),
        (generator, {}, "uses yield"),
        (positional, {}, "positional-only"),
        (good, {"args": v.string()}, "must be an object or any, got v.string()"),
        (good, {"args": 5}, "args must be a validator"),
        (good, {"returns": 5}, "returns must be a validator"),
        (good, {"args": {"m": v.string()}}, "has a field m, but the handler has no such parameter"),
        (good, {"args": {}}, "the handler needs n"),
        (good, {"args": {"n": v.optional(v.string())}}, "needs a default"),
        ("text", {}, "must be a function, got str"),
    ],
    ids=lambda each: getattr(each, "__name__", None),
)
def test_what_cannot_be_a_function_is_refused_when_it_is_defined(
    handler: Callable[..., Any], options: dict[str, Any], words: str
) -> None:
    with pytest.raises(NbconvexError) as caught:
        define("query", handler, "m:f", **options)
    assert words in str(caught.value)


def test_decorators_work_bare_and_with_options() -> None:
    @query
    def plain(ctx):
        """What it says."""

    @mutation(internal=True, name="mail:send", args={"to": v.string()})
    def optioned(ctx, to): ...

    assert isinstance(plain, Declaration)
    assert (plain.kind, plain.is_internal, plain.name) == ("query", False, None)
    assert (plain.__name__, plain.__doc__) == ("plain", "What it says.")
    assert (optioned.kind, optioned.is_internal, optioned.name) == ("mutation", True, "mail:send")
    definition = optioned.define("mail:send", "test")
    assert definition.visibility == "internal"
    assert str(definition.args) == str(v.object({"to": v.string()}))


def test_args_and_returns_may_stand_above_or_below_the_kind() -> None:
    @args({"n": v.number()})
    @query
    @returns(v.number())
    def f(ctx, n): ...

    definition = f.define("m:f", "test")
    assert (str(definition.args), str(definition.returns)) == (str(v.object({"n": v.number()})), str(v.number()))


def test_function_has_one_kind() -> None:
    with pytest.raises(CallerError, match="already has its kind"):
        mutation(query(lambda ctx: None))


def test_declaration_without_a_backend_says_so() -> None:
    with pytest.raises(CallerError, match="no backend has it yet"):
        query(lambda ctx: None)()


def test_declared_helper_can_be_called_inside_a_function() -> None:
    unregistered = query(lambda ctx: ctx.db.query("t").count())
    with convex_test() as t:
        assert t.query(lambda ctx: unregistered(ctx)) == 0


def test_an_argument_with_a_default_in_its_validator_need_not_be_given() -> None:
    @mutation
    @args({"name": v.string(), "mood": v.string(default="fine"), "tags": v.array(v.string(), default=list)})
    def add(ctx: Any, name: str, mood: str, tags: Any) -> Any:
        tags.append("seen")
        return [name, mood, tags]

    definition = add.define("m:add", "")
    assert str(definition.args).count("v.optional(") == 2
    with convex_test(modules={"m": {"add": add}}) as t:
        for _ in range(2):
            assert t.mutation("m:add", name="a") == ["a", "fine", ["seen"]]
        assert t.mutation("m:add", name="a", mood="bad", tags=["x"]) == ["a", "bad", ["x", "seen"]]
        with pytest.raises(ArgumentsInvalidError):
            t.mutation("m:add", mood="bad")
