"""Handlers read as validators."""
# ruff: noqa: F821 - Id["users"] names a table, not a type

import dataclasses
from typing import Any, Literal, NotRequired, Optional, TypedDict

import pytest

from nbconvex.errors import SchemaInvalidError
from nbconvex.values.scalars import UNSET, Id, Int64
from nbconvex.values.signature import instance_converter, plain_instances, validators_from_signature
from nbconvex.values.validators import v


@dataclasses.dataclass
class Point:
    x: float
    y: float = 0.0


@dataclasses.dataclass
class Line:
    start: Point
    more: list[Point] | None = None
    by_name: "dict[str, Point]" = dataclasses.field(default_factory=dict)


class Row(TypedDict):
    at: Point
    note: NotRequired[str]


POINT = v.object({"x": v.number(), "y": v.optional(v.number())})


def test_annotations_become_the_validators_of_arguments_and_result():
    def send(
        ctx,
        channel: Id["channels"],
        body: str,
        mood: str | None = None,
        size: Int64 = UNSET,
        kind: Literal["a", "b"] = "a",
        other: Optional[int] = None,  # noqa: UP045 - people write it
        *,
        extra: dict[str, float],
        anything: Any,
        unsaid=None,
    ) -> Id["messages"]: ...

    signature = validators_from_signature(send)
    assert signature.args == v.object(
        {
            "channel": v.id("channels"),
            "body": v.string(),
            "mood": v.optional(v.nullable(v.string())),
            "size": v.optional(v.int64()),
            "kind": v.optional(v.literals("a", "b")),
            "other": v.optional(v.nullable(v.integer())),
            "extra": v.record(v.string(), v.number()),
            "anything": v.any(),
            "unsaid": v.optional(v.any()),
        }
    )
    assert signature.returns == v.id("messages")
    assert (signature.convert_args, signature.convert_result) == (None, None)


@pytest.mark.case("args-validation/no_validator_accepts_extra", "returns-validation/no_validator")
def test_without_annotations_anything_goes():
    def send(ctx, a, b=1): ...

    signature = validators_from_signature(send)
    assert (signature.args, signature.returns) == (None, None)


def test_a_handler_without_parameters_is_not_checked_unless_it_says_so():
    def alone(ctx): ...

    assert validators_from_signature(alone).args is None


def test_async_handlers_and_results_of_nothing():
    async def send(ctx, a: str) -> None: ...

    signature = validators_from_signature(send)
    assert (signature.args, signature.returns) == (v.object({"a": v.string()}), v.null())


def test_further_keyword_arguments_are_let_through():
    def loose(ctx, a: str, *rest, **more): ...

    def typed(ctx, **more: float): ...

    assert validators_from_signature(loose).args == v.object({"a": v.string()}, rest=v.any())
    assert validators_from_signature(typed).args == v.object({}, rest=v.number())


def test_text_annotations_are_resolved_against_the_functions_globals():
    scope = {"Id": Id, "__name__": "a cell"}
    exec(
        "from __future__ import annotations\n"
        "class Shape:\n    side: float\n"
        "def send(ctx, user: Id['users'], shape: Shape, late: Later) -> list[Shape]: ...\n"
        "class Later:\n    a: Shape | None\n",
        scope,
    )
    shape = v.object({"side": v.number()})
    signature = validators_from_signature(scope["send"])
    assert signature.args == v.object(
        {"user": v.id("users"), "shape": shape, "late": v.object({"a": v.nullable(shape)})}
    )
    assert signature.returns == v.array(shape)


def test_names_that_are_not_defined_are_named_with_function_and_parameter():
    def send(ctx, a: "Missing"): ...

    def get(ctx) -> "list[Missing]": ...

    with pytest.raises(SchemaInvalidError, match='main:send: parameter "a": the annotation Missing names "Missing"'):
        validators_from_signature(send, name="main:send")
    with pytest.raises(SchemaInvalidError, match=r"get: the result: the annotation .* Run the cell that defines it"):
        validators_from_signature(get)
    assert validators_from_signature(send, localns={"Missing": str}).args == v.object({"a": v.string()})


def test_handlers_that_cannot_be_called_are_refused():
    def no_context(): ...

    def only_names(*, ctx): ...

    def by_place(ctx, a, /): ...

    for handler, words in [
        (no_context, "the first parameter of a function is ctx"),
        (only_names, "the first parameter of a function is ctx"),
        (by_place, 'parameter "a" is positional-only'),
    ]:
        with pytest.raises(SchemaInvalidError, match=words):
            validators_from_signature(handler)

    def starred(*args): ...

    assert validators_from_signature(starred).args is None


def test_dataclasses_come_in_as_instances_and_go_out_as_objects():
    def move(ctx, line: Line, rows: list[Row], name: str, at: Point | None = None) -> list[Point]: ...

    signature = validators_from_signature(move)
    args = {
        "line": {"start": {"x": 1.0}, "more": [{"x": 2, "y": 3}], "by_name": {"p": {"x": 0}}},
        "rows": [{"at": {"x": 1}, "note": "n"}],
        "name": "n",
        "at": None,
    }
    assert signature.convert_args(signature.args.check(args)) == {
        "line": Line(Point(1.0), [Point(2, 3)], {"p": Point(0)}),
        "rows": [{"at": Point(1), "note": "n"}],
        "name": "n",
        "at": None,
    }
    assert signature.convert_args({"name": "n"}) == {"name": "n"}
    result = signature.convert_result([Point(1.0), Point(2.0, 3.0)])
    assert signature.returns.check(result) == [{"x": 1.0, "y": 0.0}, {"x": 2.0, "y": 3.0}]


def test_the_first_member_of_a_union_that_matches_decides():
    convert = instance_converter(str | Line | Point)
    assert convert("x") == "x"
    assert convert({"x": 1}) == Point(1)
    assert convert({"start": {"x": 1}}) == Line(Point(1))
    assert convert(5) == 5
    assert instance_converter(str | None) is None
    assert instance_converter(dict[str, int]) is None
    assert instance_converter(dict[str, Point])({"a": {"x": 1}}) == {"a": Point(1)}


def test_results_lose_their_instances_wherever_they_are():
    assert plain_instances({"a": (Line(Point(1), by_name=UNSET), 5)}) == {
        "a": [{"start": {"x": 1, "y": 0.0}, "more": None}, 5]
    }
    assert plain_instances(Point) is Point
