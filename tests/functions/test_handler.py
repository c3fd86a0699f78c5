"""Arguments in, and the call itself."""

from __future__ import annotations

import asyncio
import math
import re
from dataclasses import dataclass
from typing import Any

import pytest

from nbconvex import UNSET, Int64, args, v
from nbconvex.errors import (
    ArgumentsInvalidError,
    CallerError,
    LimitExceededError,
    NbconvexError,
    NotAllowedError,
)
from nbconvex.testing import convex_test


def taking(validator: Any) -> Any:
    return args(validator)(lambda ctx, **given: given)


@dataclass
class Point:
    x: float
    label: str | None = None


ARRAY = v.array(v.object({"b": v.string()}))
BAD_ARGS: list[tuple[str, Any, Any, list[str]]] = [
    (
        "args-validation/args_validation_extra_field",
        {"a": v.string()},
        {"a": "x", "b": 1},
        ['"b"', "not in the validator"],
    ),
    ("args-validation/empty_args_reject_extra", {}, {"b": 1}, ['field "b"']),
    ("args-validation/wrong_type", {"a": v.string()}, {"a": 1}, ["Path: .a", "Value: 1", "Validator: v.string()"]),
    ("args-validation/args_validation_nested_path", {"a": ARRAY}, {"a": [{"b": "x"}, {"b": 2}]}, ["Path: .a[1].b"]),
    ("args-validation/record_value_path", {"m": v.record(v.string(), v.number())}, {"m": {"k": "x"}}, [".m.values()"]),
    ("args-validation/record_key_path", {"m": v.record(v.id("users"), v.number())}, {"m": {"nope": 1}}, [".m.keys()"]),
    ("args-validation/optional_null_refused", {"a": v.optional(v.string())}, {"a": None}, ["does not match"]),
    ("args-validation/nullable_absent_refused", {"a": v.nullable(v.string())}, {}, ['field "a"', "missing"]),
    (
        "args-validation/union_none",
        {"a": v.union(v.string(), v.number())},
        {"a": True},
        ["v.union(v.string(), v.float64())"],
    ),
    ("args-validation/literal_mismatch", {"a": v.literal("x")}, {"a": "y"}, ["y", 'v.literal("x")']),
    ("args-validation/id_garbage", {"a": v.id("users")}, {"a": "hello"}, ["does not match", "Path: .a"]),
    ("args-validation/int64_for_number_refused", {"a": v.number()}, {"a": Int64(1)}, ["does not match"]),
    ("args-validation/number_for_int64_refused", {"a": v.int64()}, {"a": 1.5}, ["does not match"]),
    ("args-validation/missing_before_extra", {"a": v.string()}, {"b": 1}, ['field "a"']),
    (
        "args-validation/validator_printing",
        {"a": v.optional(v.union(v.string(), v.int64()))},
        {"a": None},
        ["v.union(v.string(), v.int64())"],
    ),
    ("args-validation/dollar_key_refused", {"a": v.any()}, {"a": {"$x": 1}}, ['starts with "$"', "reserved"]),
]


@pytest.mark.case(*[case[0] for case in BAD_ARGS])
@pytest.mark.parametrize(
    ("validator", "given", "words"), [case[1:] for case in BAD_ARGS], ids=[case[0] for case in BAD_ARGS]
)
def test_bad_arguments_are_reported(validator: Any, given: Any, words: list[str]) -> None:
    with convex_test() as t, pytest.raises(ArgumentsInvalidError) as caught:
        t.query(taking(validator), given)
    sentence = str(caught.value)
    assert sentence.startswith("ArgumentValidationError in inline: ")
    for word in words:
        assert word in sentence


def test_none_for_an_optional_argument_is_told_how_to_leave_it_out() -> None:
    def annotated(ctx, name: str = "Ada"): ...

    with convex_test() as t, pytest.raises(ArgumentsInvalidError, match=r"let its annotation say  \| None"):
        t.query(annotated, name=None)


@pytest.mark.case("args-validation/missing_before_extra")
def test_misspelled_argument_is_named_beside_the_missing_one() -> None:
    def annotated(ctx, name: str, size: int = 0): ...

    def bare(ctx, name, size=0): ...

    declared = args({"name": v.string(), "size": v.optional(v.number())})(lambda ctx, **given: given)
    for function, advice in (
        (annotated, "Give the parameter a default"),
        (bare, "Give the parameter a default"),
        (declared, "wrap its validator in v.optional(...)"),
    ):
        with convex_test() as t:
            with pytest.raises(
                ArgumentsInvalidError, match=r'required.*Did you mean "name" where it has "nme"'
            ) as caught:
                t.query(function, nme="x")
            assert advice in str(caught.value)
            assert ("v.optional(...)" in str(caught.value)) == (function is declared)
            with pytest.raises(ArgumentsInvalidError, match=r'extra.*"siz".*Did you mean "size"') as caught:
                t.query(function, name="x", siz=1)
            with pytest.raises(ArgumentsInvalidError) as caught:
                t.query(function, other="x")
            assert "Did you mean" not in str(caught.value)


def test_dataclass_instance_is_taken_where_the_handler_takes_one() -> None:
    def xs(ctx, point: Point, more: list[Point]) -> list[float]:
        assert all(type(each) is Point for each in (point, *more))
        return [each.x for each in (point, *more)]

    with convex_test() as t:
        t.backend.query(name="m:xs")(xs)
        assert t.query(xs, point=Point(1), more=[Point(2), {"x": 3.5}]) == [1, 2, 3.5]
        assert t.action(lambda ctx: ctx.run_query("m:xs", point=Point(1), more=())) == [1]
        with pytest.raises(ArgumentsInvalidError, match=r"Path: \.point\.x"):
            t.query(xs, point=Point("one"), more=[])  # type: ignore[arg-type]
        with pytest.raises(ArgumentsInvalidError, match="Point"):
            t.query(lambda ctx, point: point, point=Point(1))


GOOD_ARGS: list[tuple[str, Any, Any]] = [
    ("args-validation/optional_absent", {"a": v.optional(v.string())}, {}),
    ("args-validation/union_each_member", {"a": v.union(v.string(), v.number())}, {"a": "x"}),
    ("args-validation/union_each_member", {"a": v.union(v.string(), v.number())}, {"a": 1}),
    ("args-validation/infinity_ok_for_number", {"a": v.number()}, {"a": math.inf}),
    ("args-validation/infinity_ok_for_number", {"a": v.number()}, {"a": -0.0}),
    ("args-validation/bytes_ok", {"a": v.bytes()}, {"a": b"12345678"}),
    ("args-validation/any_accepts_null", {"a": v.any()}, {"a": None}),
]


@pytest.mark.case(*[case[0] for case in GOOD_ARGS])
@pytest.mark.parametrize(("validator", "given"), [case[1:] for case in GOOD_ARGS])
def test_good_arguments_arrive(validator: Any, given: Any) -> None:
    with convex_test() as t:
        assert t.query(taking(validator), given) == given
        assert math.isnan(t.query(taking({"a": v.number()}), a=math.nan)["a"])


@pytest.mark.case("args-validation/undefined_field_in_args_is_absent")
def test_unset_argument_is_absent() -> None:
    with convex_test() as t:
        assert t.query(taking({"a": v.optional(v.string())}), a=UNSET) == {}


@pytest.mark.case("args-validation/args_not_object")
def test_arguments_are_one_object() -> None:
    with convex_test() as t:
        t.backend.query(name="m:f")(taking({"a": v.string()}))
        with pytest.raises(
            ArgumentsInvalidError, match=r"an object .* is expected as the function's argument, got list"
        ):
            t.backend.run("m:f", ["x"])


@pytest.mark.case("args-validation/id_wrong_table", "args-validation/id_of_deleted_ok")
def test_id_of_the_table_is_enough_and_of_another_is_not() -> None:
    with convex_test() as t:
        user = t.run(lambda ctx: ctx.db.insert("users", {}))
        post = t.run(lambda ctx: ctx.db.insert("posts", {}))
        t.run(lambda ctx: ctx.db.delete(user))
        get = args({"a": v.id("users")})(lambda ctx, a: ctx.db.get(a))
        assert t.query(get, a=user) is None
        with pytest.raises(ArgumentsInvalidError) as caught:
            t.query(get, a=post)
        for word in (post, "posts", 'v.id("users")'):
            assert word in str(caught.value)


@pytest.mark.case("args-validation/nested_call_validated")
def test_nested_call_is_validated_like_an_outside_one() -> None:
    with convex_test() as t:
        t.backend.query(name="m:f")(taking({"a": v.string()}))

        def work(ctx: Any) -> str:
            with pytest.raises(ArgumentsInvalidError, match=r"in m:f:.*\n.*Path: \.a"):
                ctx.run_query("m:f", a=1)
            return "caught"

        assert [t.query(work), t.mutation(work), t.action(work)] == ["caught"] * 3


@pytest.mark.case("args-validation/handler_not_run_on_bad_args")
def test_handler_does_not_run_on_bad_arguments() -> None:
    with convex_test() as t:

        @t.backend.mutation(args={"a": v.string()})
        def add(ctx, a):
            print("ran")
            ctx.db.insert("t", {})

        with pytest.raises(ArgumentsInvalidError):
            add(a=1)
        assert list(t.backend.logs)[-1].lines == ()
        assert t.query(lambda ctx: ctx.db.query("t").count()) == 0


def test_arguments_have_a_size_limit() -> None:
    with (
        convex_test(limits={"arguments_bytes": 1_000}) as t,
        pytest.raises(
            LimitExceededError, match=r"the arguments of inline have 1,\d+ bytes \(limit arguments_bytes: 1,000"
        ),
    ):
        t.query(lambda ctx, **given: None, a="x" * 1_000)


async def a_helper(ctx: Any) -> int:
    return 7


@pytest.mark.case("functions/sync_handler_allowed")
def test_sync_and_async_handlers_are_alike() -> None:
    async def asynchronous(ctx: Any) -> int:
        return await a_helper(ctx)

    with convex_test() as t:
        for call in (t.query, t.mutation, t.action):
            assert call(asynchronous) == call(lambda ctx: 7) == 7


async def waits_for_a_task(ctx: Any) -> None:
    await asyncio.sleep(0.01)


async def waits_for_a_future(ctx: Any) -> None:
    await asyncio.get_running_loop().create_future()


@pytest.mark.parametrize("handler", [waits_for_a_task, waits_for_a_future])
def test_transaction_that_truly_waits_is_pointed_to_actions(handler: Any) -> None:
    with convex_test() as t:
        t.backend.mutation(name="m:f")(handler)

        async def inside_a_loop() -> None:
            with pytest.raises(NotAllowedError, match=r"m:f waits for something outside of ctx.*only actions may"):
                t.backend.run("m:f")

        asyncio.run(inside_a_loop())
        with pytest.raises(NbconvexError, match="waits for something outside of ctx"):
            t.backend.run("m:f")


def test_error_of_the_user_keeps_its_class_and_its_line() -> None:
    class MyError(Exception):
        pass

    def boom(ctx: Any) -> None:
        raise MyError("here")

    with convex_test() as t, pytest.raises(MyError, match="here") as caught:
        t.query(boom)
    assert re.search(r"boom", str(caught.traceback[-1]))
    assert not isinstance(caught.value, CallerError)
