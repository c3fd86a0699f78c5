"""The one pass for flat objects gives what the long way gives, or nothing."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbconvex.errors import LimitExceededError, ValueInvalidError
from nbconvex.values.flat_objects import compile_flat
from nbconvex.values.ids import encode_id
from nbconvex.values.normalization import normalize_sized
from nbconvex.values.scalars import UNSET, Int64
from nbconvex.values.validator_check import compile_check
from nbconvex.values.validator_report import ValidationProblem
from nbconvex.values.validators import Validator, v

TABLES = {10_001: "users", 10_002: "messages"}
USER, MESSAGE = encode_id(10_001, bytes(16)), encode_id(10_002, bytes(16))


class Color(StrEnum):
    RED = "red"


class Text(str):
    """A string that is not exactly one."""

    __slots__ = ()


FIELDS: list[Validator] = [
    v.string(), v.number(), v.boolean(), v.null(), v.int64(), v.id("users"), v.literal("red"), v.any(), v.bytes(),
    v.union(v.literal("red"), v.literal("blue")), v.union(v.string(), v.null()), v.array(v.string()),
    v.string().optional(), v.number().optional(), v.id("users").optional(), v.object({"a": v.string()}),
]  # fmt: skip
VALUES = st.sampled_from(
    [
        "", "red", "blue", "grün", "\ud800", USER, MESSAGE, 0, 1, -1.5, 2**53, 2**53 + 1, float("nan"), True, None,
        Int64(7), b"x", [], ["a"], {}, {"a": "b"}, UNSET, Color.RED, Text("red"), object(),
    ]
)  # fmt: skip
NAMES = ("a", "b", "long_name", "é", "$x", "_id", "two words")


def long_way(validator: Validator, value: Any) -> tuple[Any, int] | None:
    try:
        plain, size = normalize_sized(value)
        return compile_check(validator)(plain, TABLES), size
    except (LimitExceededError, ValueInvalidError, ValidationProblem):
        return None


@given(data=st.data())
def test_what_the_pass_gives_is_what_the_long_way_gives(data: st.DataObject) -> None:
    fields = data.draw(st.dictionaries(st.sampled_from(NAMES[:3]), st.sampled_from(FIELDS), min_size=1))
    value = data.draw(st.dictionaries(st.sampled_from([*fields, *fields, *NAMES, Text("a")]), VALUES))
    for name in fields:
        if data.draw(st.integers(0, 9)):
            value[name] = data.draw(VALUES)
    validator = v.object(fields)
    flat = compile_flat(validator)
    assert flat is not None
    found = flat.check(value, lambda: TABLES)
    if found is None:
        return
    expected = long_way(validator, value)
    assert expected is not None
    assert found[1] == expected[1]
    assert list(found[0].items()) == list(expected[0].items())
    assert found[0] is not value
    assert [*map(type, found[0]), *map(type, found[0].values())] == [
        *map(type, expected[0]), *map(type, expected[0].values())
    ]  # fmt: skip


def test_the_usual_object_takes_the_pass() -> None:
    fields = {"text": v.string(), "author": v.id("users"), "likes": v.number(), "note": v.string().optional()}
    flat = compile_flat(v.object(fields))
    assert (flat.fields, flat.name_length) == (4, 6)
    value = {"likes": 1, "text": "hello", "author": USER}
    assert flat.check(value, lambda: TABLES) == (value, normalize_sized(value)[1])
    assert flat.check({**value, "author": MESSAGE}, lambda: TABLES) is None


@pytest.mark.parametrize(
    "validator",
    [None, v.any(), v.object({}), v.object({"a b": v.string()}), v.object({"a": v.string()}, rest=v.any())],
)
def test_what_cannot_be_flat_has_no_pass(validator: Validator | None) -> None:
    assert compile_flat(validator) is None
