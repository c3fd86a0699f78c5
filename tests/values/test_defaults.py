"""Defaults of fields: what may be one, how it is kept, what it fills."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbconvex.errors import CallerError, SchemaInvalidError, ValueInvalidError
from nbconvex.values.annotations import validator_from_annotation
from nbconvex.values.defaults import Default, default_of
from nbconvex.values.flat_objects import compile_flat
from nbconvex.values.ids import encode_id
from nbconvex.values.scalars import UNSET, Int64
from nbconvex.values.schema import table
from nbconvex.values.schema_diff import is_superset
from nbconvex.values.validator_check import compile_check, compile_filling, for_callers, has_defaults
from nbconvex.values.validator_json import validator_from_json
from nbconvex.values.validator_report import ValidationProblem
from nbconvex.values.validators import Validator, v


def token() -> str:
    return "made"


# -- what may be one ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("validator", "source"),
    [
        (v.string(default="x"), 'v.string(default="x")'),
        (v.optional(v.string(default="")), 'v.optional(v.string(default=""))'),
        (v.number(default=0), "v.number(default=0)"),
        (v.integer(default=5), "v.integer(default=5)"),
        (v.int64(default=5), "v.int64(default=Int64(5))"),
        (v.boolean(default=False), "v.boolean(default=False)"),
        (v.null(default=None), "v.null(default=None)"),
        (v.bytes(default=b"x"), "v.bytes(default=b'x')"),
        (v.any(default={"a": [1]}), "v.any(default={'a': [1]})"),
        (v.nullable(v.string(), default=None), "v.union(v.string(), v.null(), default=None)"),
        (v.literals("a", "b", default="a"), 'v.union(v.literal("a"), v.literal("b"), default="a")'),
        (v.literal("a", default="a"), 'v.literal("a", default="a")'),
        (v.array(v.string(), default=list), "v.array(v.string(), default=[])"),
        (v.record(v.string(), v.number(), default=dict), "v.record(v.string(), v.number(), default={})"),
        (v.object({"n": v.number()}, default={"n": 1}), "v.object({\"n\": v.number()}, default={'n': 1})"),
        (v.string(default=token), "v.string(default=token)"),
    ],
)
def test_each_kind_takes_one_prints_it_and_keeps_it(validator: Validator, source: str) -> None:
    assert str(validator).replace("float64", "number") == source
    kept = validator_from_json(validator.to_json())
    assert kept == validator
    assert hash(kept) == hash(validator)
    assert validator.default is not None
    bare = v.object({"a": validator}).omit("a")
    assert bare == v.object({})


def test_validators_that_differ_in_their_default_differ() -> None:
    assert v.string() != v.string(default="x") != v.string(default="y")
    assert v.number(default=5) == v.number(default=5.0)
    assert v.string(default=token) == v.string(default=token)
    assert is_superset(v.string(default="x"), v.string())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: v.string(default=5), "v.string() does not match its own default: "),
        (lambda: v.number(default="x"), "does not match its own default"),
        (lambda: v.id("users", default="x"), "does not match its own default"),
        (lambda: v.any(default={1, 2}), "its default cannot be stored: "),
        (lambda: v.any(default=UNSET), "its default cannot be stored: "),
        (lambda: v.string(default=len), "a default is a value or a function without arguments"),
        (lambda: v.array(v.string(default="x")), "the element of v.array cannot have a default"),
        (lambda: v.union(v.string(default="x")), "a member of v.union cannot have a default"),
        (
            lambda: v.nullable(v.string(default="x")),
            'only a field of an object may be absent\n  Write instead:  v.nullable(v.string(), default="x")',
        ),
        (lambda: v.record(v.string(), v.string(default="x")), "the value of v.record cannot have a default"),
        (lambda: table(v.object({}, default={})), "have no default as a whole"),
    ],
)
def test_what_can_be_none_is_refused_where_it_stands(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(SchemaInvalidError) as raised:
        make()
    assert words in str(raised.value)


def test_an_annotation_spells_it_with_a_validator() -> None:
    assert validator_from_annotation(Annotated[str, v.string(default="x")]) == v.string(default="x")


# -- values ------------------------------------------------------------------------------------------------------------


def test_a_constant_is_copied_for_each_use() -> None:
    default = default_of([{"a": []}], place="")
    first = default.value()
    first[0]["a"].append(1)
    assert default.value() == [{"a": []}]


def test_a_function_is_asked_anew_each_time_and_its_result_becomes_a_value() -> None:
    numbers = itertools.count()
    default = default_of(lambda: (next(numbers), "x"), place="")
    assert [default.value(), default.value()] == [[0, "x"], [1, "x"]]
    with pytest.raises(ValueInvalidError, match=r"result of .*lambda"):
        default_of(lambda: {1}, place="").value()


def test_a_time_may_be_one_and_is_kept_as_a_number() -> None:
    noon = datetime(2026, 1, 31, 12, tzinfo=UTC)
    validator = v.datetime(default=noon)
    assert validator.default is not None
    assert validator.default.value() == 1_769_860_800_000.0
    assert validator_from_json(validator.to_json()) == validator
    assert default_of(lambda: [noon], place="").value() == [1_769_860_800_000.0]


def test_a_function_that_is_only_known_by_name_says_where_it_comes_from() -> None:
    kept = Default.from_json(default_of(token, place="").to_json())
    with pytest.raises(CallerError, match=r"made by the function token, .*: run the %%schema cell again"):
        kept.value()


@given(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.floats(), st.text(), st.binary(), st.lists(st.text()))
)
def test_constants_survive_json(value: Any) -> None:
    default = default_of(value, place="")
    again = Default.from_json(default.to_json())
    assert again == default
    if not (isinstance(value, float) and math.isnan(value)):
        assert again.value() == value


# -- filling -----------------------------------------------------------------------------------------------------------

NESTED = v.object({
    "name": v.string(),
    "mood": v.string(default="fine"),
    "tags": v.array(v.object({"kind": v.literals("a", "b", default="a")}), default=list),
    "meta": v.optional(v.object({"n": v.int64(default=1)})),
})  # fmt: skip


def test_absent_fields_are_filled_at_every_depth_and_given_ones_left() -> None:
    fill = compile_filling(NESTED)
    given = {"name": "x", "tags": [{}, {"kind": "b"}], "meta": {}}
    before = repr(given)
    assert fill(given, None) == {
        "name": "x", "mood": "fine", "tags": [{"kind": "a"}, {"kind": "b"}], "meta": {"n": Int64(1)},
    }  # fmt: skip
    assert repr(given) == before
    assert fill({"name": "x", "mood": "bad"}, None) == {"name": "x", "mood": "bad", "tags": []}


def test_a_filled_value_is_checked_and_what_is_missing_otherwise_is_said() -> None:
    with pytest.raises(ValidationProblem, match='missing the required field "name"'):
        compile_filling(NESTED)({}, None)
    wrong = v.object({"n": v.number(default=token)})
    with pytest.raises(ValidationProblem, match="does not match validator"):
        compile_filling(wrong)({}, None)


def test_a_plain_check_fills_nothing_and_says_what_the_default_is_for() -> None:
    with pytest.raises(ValidationProblem, match="Its default is for documents that are written from now on"):
        compile_check(NESTED)({"name": "x", "tags": []}, None)


def test_a_union_fills_the_member_that_fits() -> None:
    union = v.union(
        v.object({"kind": v.literal("circle"), "radius": v.number(default=1)}),
        v.object({"kind": v.literal("square"), "side": v.number(default=2)}),
    )
    fill = compile_filling(union)
    assert fill({"kind": "square"}, None) == {"kind": "square", "side": 2}
    assert fill({"kind": "circle", "radius": 5}, None) == {"kind": "circle", "radius": 5}


def test_without_defaults_filling_is_checking() -> None:
    plain = v.object({"a": v.array(v.union(v.string(), v.null()))}, rest=v.record(v.string(), v.any()))
    assert not has_defaults(plain)
    assert compile_filling(plain) is compile_check(plain)
    assert for_callers(plain) == plain
    assert not has_defaults(None)


def test_who_gives_a_value_need_not_give_what_has_a_default() -> None:
    seen = for_callers(v.array(v.union(v.record(v.string(), NESTED), v.object({}, rest=NESTED))))
    assert str(seen).count('"mood": v.optional(v.string(default="fine"))') == 2
    assert str(seen).count('"name": v.string()') == 2


def tables() -> dict[int, str]:
    return {10_001: "users"}


def test_the_quick_pass_fills_constants_and_leaves_functions_to_the_long_way() -> None:
    flat = compile_flat(v.object({"a": v.string(), "b": v.string(default="xy"), "c": v.optional(v.number())}))
    assert flat is not None
    given = {"a": "1"}
    assert flat.check(given, tables) == ({"a": "1", "b": "xy"}, flat.check({"a": "1", "b": "xy"}, tables)[1])  # type: ignore[index]
    assert given == {"a": "1"}
    assert compile_flat(v.object({"a": v.string(default=token)})) is None
    # A list is not flat, so that nobody else gets the constant itself.
    with_list = compile_flat(v.object({"a": v.array(v.string(), default=list)}))
    assert with_list is not None
    assert with_list.check({}, tables) is None


def test_an_id_may_be_a_default() -> None:
    user = encode_id(10_001, bytes(16))
    assert compile_filling(v.object({"by": v.id("users", default=user)}))({}, tables()) == {"by": user}
