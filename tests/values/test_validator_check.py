"""Validators at work. Whole reports are in test_validator_report."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbconvex.values.codec import normalize
from nbconvex.values.ids import encode_id
from nbconvex.values.scalars import UNSET, Int64
from nbconvex.values.validator_check import compile_check
from nbconvex.values.validator_report import ValidationProblem
from nbconvex.values.validators import v
from tests.values.strategies import matching, validators, values

TABLES = {10001: "users", 10002: "posts", 12: "_storage"}
USER = encode_id(10001, bytes(16))
POST = encode_id(10002, bytes(16))

MATCHES = [
    (v.null(), [None]),
    pytest.param(
        v.number(),
        [1, 1.5, -0.0, math.inf, -math.inf, math.nan],
        marks=pytest.mark.case("args-validation/infinity_ok_for_number"),
    ),
    (v.integer(), [1, -(2**53)]),
    (v.int64(), [Int64(1)]),
    (v.boolean(), [True, False]),
    (v.string(), ["", "x"]),
    pytest.param(v.bytes(), [b"12345678"], marks=pytest.mark.case("args-validation/bytes_ok")),
    pytest.param(v.any(), [None, 1, [], {}, "x", Int64(1)], marks=pytest.mark.case("args-validation/any_accepts_null")),
    pytest.param(
        v.id("users"),
        [USER],
    ),
    (v.literal("x"), ["x"]),
    (v.literal(5), [5, 5.0]),
    (v.literal(True), [True]),
    (v.literal(Int64(5)), [Int64(5)]),
    (v.array(v.string()), [[], ["x", "y"]]),
    (v.object({"a": v.string(), "b": v.optional(v.null())}), [{"a": "x"}, {"a": "x", "b": None}]),
    (v.object({}, rest=v.string()), [{}, {"_a": "x", "": "y"}]),
    (v.record(v.string(), v.number()), [{}, {"a": 1, "b": 2.5}]),
    (v.record(v.union(v.id("users"), v.id("posts")), v.any()), [{USER: 1, POST: None}]),
    pytest.param(
        v.union(v.string(), v.number()), ["x", 1], marks=pytest.mark.case("args-validation/union_each_member")
    ),
    (v.union(v.union(v.string(), v.null()), v.array(v.any())), ["x", None, []]),
    (v.union(v.object({"k": v.literal("a")}), v.object({"k": v.literal("b")})), [{"k": "a"}, {"k": "b"}]),
    (v.nullable(v.string()), ["x", None]),
]


@pytest.mark.parametrize(("validator", "good"), MATCHES)
def test_matching_values_are_returned_themselves(validator, good):
    assert [validator.check(value, TABLES) is value for value in good] == [True] * len(good)


FAILS = [
    (v.null(), [0, False, "", {}]),
    pytest.param(
        v.number(), [True, "1", None, Int64(1)], marks=pytest.mark.case("args-validation/int64_for_number_refused")
    ),
    (v.integer(), [1.5, True, Int64(1), math.nan, math.inf, 1e300]),
    pytest.param(v.int64(), [1.5, 1.0, True, "1"], marks=pytest.mark.case("args-validation/number_for_int64_refused")),
    (v.boolean(), [0, 1, None]),
    (v.string(), [1, b"x", None]),
    (v.bytes(), ["x", [1]]),
    pytest.param(
        v.id("users"),
        ["hello", 5, None, POST, USER.upper()],
        marks=pytest.mark.case("args-validation/id_garbage", "args-validation/id_wrong_table"),
    ),
    (v.literal("x"), ["y", "", None, 5]),
    (v.literal(5), [6, "5", True, Int64(5)]),
    (v.literal(1), [True]),
    (v.literal(0), [False, -0.0]),
    (v.literal(True), [1, False]),
    (v.literal(Int64(5)), [5.0, 6, Int64(6)]),
    (v.array(v.string()), [{}, "x", ["x", 1]]),
    pytest.param(
        v.object({"a": v.string()}),
        [[], "x", {}, {"a": "x", "b": 1}],
        marks=pytest.mark.case("args-validation/args_not_object"),
    ),
    pytest.param(v.object({}), [{"b": 1}], marks=pytest.mark.case("args-validation/empty_args_reject_extra")),
    (v.object({"a": v.any()}), [{}]),
    (v.object({"a": v.string()}, rest=v.number()), [{"b": 1}, {"a": "x", "b": "y"}]),
    (v.record(v.string(), v.number()), [[], {"a": "x"}, {"": 1}, {"_a": 1}]),
    (v.record(v.id("users"), v.any()), [{"nope": 1}, {POST: 1}]),
    pytest.param(
        v.union(v.string(), v.number()), [True, None, Int64(1)], marks=pytest.mark.case("args-validation/union_none")
    ),
    (v.union(), [None, 1, "x"]),
]


@pytest.mark.parametrize(("validator", "bad"), FAILS)
def test_other_values_are_refused(validator, bad):
    for value in bad:
        with pytest.raises(ValidationProblem):
            validator.check(value, TABLES)


def check_args(fields, given):
    return v.object(fields).check(normalize(given), TABLES)


@pytest.mark.case(
    "args-validation/optional_absent",
    "args-validation/undefined_field_in_args_is_absent",
)
def test_optional_fields_may_be_absent():
    assert check_args({"a": v.optional(v.string())}, {}) == {}
    assert check_args({"a": v.optional(v.string())}, {"a": UNSET}) == {}


@pytest.mark.case("args-validation/optional_null_refused", "args-validation/nullable_absent_refused")
def test_null_and_absent_are_not_the_same():
    with pytest.raises(ValidationProblem, match=r"does not match[^$]*Path: \.a"):
        check_args({"a": v.optional(v.string())}, {"a": None})
    with pytest.raises(ValidationProblem, match='missing the required field "a"'):
        check_args({"a": v.nullable(v.string())}, {})


CONVERSIONS = [
    (v.int64(), 5, Int64(5)),
    (v.optional(v.int64()), 5, Int64(5)),
    (v.nullable(v.int64()), 5, Int64(5)),
    (v.union(v.string(), v.union(v.int64(), v.null())), 5, Int64(5)),
    (v.union(v.int64(), v.number()), 5, 5),
    (v.union(v.int64(), v.any()), 5, 5),
    (v.union(v.int64(), v.integer()), 5, 5),
    (v.union(v.int64(), v.literal(5)), 5, 5),
    (v.literal(Int64(5)), 5, Int64(5)),
    (v.integer(), 5.0, 5),
    (v.union(v.integer(), v.string()), 5.0, 5),
    (v.union(v.integer(), v.number()), 5.0, 5.0),
    (v.array(v.int64()), [1, Int64(2)], [Int64(1), Int64(2)]),
    (v.object({"a": v.int64(), "b": v.string()}), {"a": 1, "b": "x"}, {"a": Int64(1), "b": "x"}),
    (v.object({"b": v.string()}, rest=v.int64()), {"a": 1, "b": "x"}, {"a": Int64(1), "b": "x"}),
    (v.record(v.string(), v.int64()), {"a": 1, "b": Int64(2)}, {"a": Int64(1), "b": Int64(2)}),
    (v.object({"o": v.array(v.object({"a": v.int64()}))}), {"o": [{"a": 1}]}, {"o": [{"a": Int64(1)}]}),
    (
        v.union(v.object({"a": v.int64(), "k": v.literal("x")}), v.object({"a": v.number(), "k": v.string()})),
        {"a": 1, "k": "y"},
        {"a": 1, "k": "y"},
    ),
]


@pytest.mark.parametrize(("validator", "given_", "expected"), CONVERSIONS)
def test_plain_ints_become_int64_where_that_is_asked_for(validator, given_, expected):
    before = repr(given_)
    assert repr(validator.check(given_)) == repr(expected)
    assert repr(given_) == before, "a check never changes the value that it was given"


def test_without_tables_ids_are_only_decoded():
    assert v.id("users").check(POST) == POST
    with pytest.raises(ValidationProblem):
        v.id("users").check("hello")


def test_a_validator_is_compiled_once():
    validator = v.object({"a": v.string()})
    assert compile_check(validator) is compile_check(validator)
    assert compile_check(validator)({"a": "x"}) == {"a": "x"}


@given(st.data())
def test_stored_values_pass_their_own_validator_unchanged(data):
    validator = data.draw(validators)
    value = data.draw(matching(validator))
    checked = validator.check(value)
    assert repr(validator.check(checked)) == repr(checked)


@given(validators, values)
def test_every_value_passes_or_gets_a_report(validator, value):
    try:
        validator.check(value, TABLES)
    except ValidationProblem as problem:
        raised = problem
    else:
        return
    lines = raised.report.split("\n")
    assert lines[-1].startswith("Validator: v.")
    assert lines[-2].startswith(("Value: ", "Object: "))
    assert (f"Path: {raised.path}" in lines) == bool(raised.path)
