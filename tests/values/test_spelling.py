"""Values as people write them: nbconvex.values.spelling."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbconvex.errors import ValueInvalidError
from nbconvex.values.scalars import INT64_MAX, INT64_MIN, UNSET, Int64
from nbconvex.values.spelling import as_meant, read_spelled, spelled
from nbconvex.values.validators import v


@dataclass(frozen=True)
class Case:
    name: str
    value: Any
    text: str


NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
SPELLED = [
    Case("word", "general", "general"),
    Case("several_lines", "a\nb", "a\nb"),
    Case("markup", "<b>", "<b>"),
    Case("apostrophe", "it's", "it's"),
    Case("digits_that_are_a_text", "5", '"5"'),
    Case("null_that_is_a_text", "null", '"null"'),
    Case("empty_text", "", '""'),
    Case("space_in_front", " a", '" a"'),
    Case("brace_that_is_a_text", "{x", '"{x"'),
    Case("none", None, "null"),
    Case("true", True, "true"),
    Case("int", 5, "5"),
    Case("float", 5.0, "5.0"),
    Case("negative", -1.5, "-1.5"),
    Case("infinity", math.inf, "Infinity"),
    Case("negative_infinity", -math.inf, "-Infinity"),
    Case("int64", Int64(5), "Int64(5)"),
    Case("lowest_int64", Int64(INT64_MIN), f"Int64({INT64_MIN})"),
    Case("bytes", b"\x00a", 'b"\\x00a"'),
    Case("bytes_with_quotes", b"\"'", "b'\"\\''"),
    Case("time", NOON, 'datetime("2026-01-31T12:00:00Z")'),
    Case("time_to_the_millisecond", NOON.replace(microsecond=5_000), 'datetime("2026-01-31T12:00:00.005Z")'),
    Case("nested", {"a": [1, Int64(2), b"x"], "ü": None}, '{"a": [1, Int64(2), b"x"], "ü": null}'),
    Case("absent", UNSET, "UNSET"),
]


@pytest.mark.parametrize("case", SPELLED)
def test_what_is_written_is_read_back(case: Case) -> None:
    assert spelled(case.value) == case.text
    read = read_spelled(case.text)
    assert read == case.value
    assert type(read) is type(case.value)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text()
    | st.binary(max_size=20) | st.integers(INT64_MIN, INT64_MAX).map(Int64),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=5), inner, max_size=3),
    max_leaves=10,
)  # fmt: skip


def has_dollar(value: Any) -> bool:
    if isinstance(value, dict):
        return any(name.startswith("$") or has_dollar(each) for name, each in value.items())
    return isinstance(value, list) and any(map(has_dollar, value))


@given(VALUES.filter(lambda value: not has_dollar(value)), st.sampled_from([None, 2]))
def test_every_value_is_read_back_as_it_was(value: Any, indent: int | None) -> None:
    assert repr(read_spelled(spelled(value, indent=indent))) == repr(value)


def test_not_a_number_is_read_back() -> None:
    assert math.isnan(read_spelled(spelled(math.nan)))


def test_a_document_stands_in_lines_and_what_is_short_in_one() -> None:
    assert spelled({"a": [1, 2], "b": {"c": "x" * 60}, "d": {}}, indent=2) == (
        '{\n  "a": [1, 2],\n  "b": {\n    "c": "' + "x" * 60 + '"\n  },\n  "d": {}\n}'
    )


READ = [
    ("digits_for_a_string", "5", v.string(), "5"),
    ("quotes_for_a_string", '"5"', v.string(), "5"),
    ("nothing_for_a_string", "", v.string(), ""),
    ("null_for_a_nullable_string", "null", v.nullable(v.string()), None),
    ("digits_for_a_nullable_string", "5", v.nullable(v.string()), "5"),
    ("whole_number_for_an_int64", "5", v.int64(), Int64(5)),
    ("whole_number_for_int64_or_null", "5", v.nullable(v.int64()), Int64(5)),
    ("whole_number_for_a_number", "5", v.number(), 5),
    ("number_for_either", "5", v.union(v.number(), v.int64()), 5),
    ("day_for_a_time", "2026-01-31", v.datetime(), datetime(2026, 1, 31, tzinfo=UTC)),
    ("time_with_a_zone", "2026-01-31T13:00:00+01:00", v.datetime(), NOON),
    ("one_of_several_texts", "open", v.literals("open", "closed"), "open"),
    ("python_spelling", "{'a': None, 'b': (True, -2)}", None, {"a": None, "b": [True, -2]}),
    ("as_clients_write_it", '{"$integer": "AQAAAAAAAAA="}', None, Int64(1)),
    ("surrogates_as_json_has_them", '"\\ud83d\\ude00"', None, "😀"),
]


@pytest.mark.parametrize(("text", "validator", "value"), [each[1:] for each in READ], ids=[each[0] for each in READ])
def test_a_text_is_read_as_the_schema_means_it(text: str, validator: Any, value: Any) -> None:
    read = read_spelled(text, validator)
    assert read == value
    assert type(read) is type(value)


def test_what_is_meant_is_looked_up_at_the_field() -> None:
    fields = v.object({"zip": v.string(), "n": v.optional(v.int64()), "in": v.object({"at": v.datetime()})})
    assert read_spelled("01234", fields, "zip") == "01234"
    assert read_spelled("5", fields, "n") == Int64(5)
    assert read_spelled("2026-01-31T12:00:00Z", fields, "in.at") == NOON
    assert read_spelled("5", fields, "unknown") == 5
    assert as_meant(5, fields, "n") == Int64(5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{a: 1}", "a is no value (line 1, column 2)"),
        ('{"a": 1, "a": 2}', 'the field "a" is given twice'),
        ("{'a': 1, 'a': 2}", 'the field "a" is given twice'),
        ("{1: 2}", "names of fields are texts"),
        ("[1,", "was never closed (line 1"),
        ("Int64(1.5)", "Int64 takes a whole number of 64 bits, got 1.5"),
        (f"Int64({INT64_MAX + 1})", "Int64 takes a whole number of 64 bits"),
        ('datetime("tomorrow")', '"tomorrow" is no time'),
        ("[__import__('os').system('true')]", "is no value"),
        ('{"a": f"{1}"}', "is no value"),
        ("[" * 5_000, "nested"),
        ('{"$integer": 5}', "$integer"),
    ],
)
def test_what_is_no_value_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(ValueInvalidError, match="cannot be read") as refused:
        read_spelled(text)
    assert said in str(refused.value)


def test_a_text_that_is_no_time_is_refused_where_a_time_is_meant() -> None:
    with pytest.raises(ValueInvalidError, match="is no time"):
        read_spelled("soon", v.datetime())
