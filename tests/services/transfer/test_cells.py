"""What a cell becomes: nbconvex.services.transfer.cells."""

from __future__ import annotations

import math

import pytest

from nbconvex.services.transfer.cells import Column, columns_of, number_or_text
from nbconvex.values.scalars import UNSET, Int64
from nbconvex.values.validators import v

FIELDS = v.object(
    {
        "text": v.string(),
        "maybe": v.optional(v.string()),
        "nullable": v.nullable(v.string()),
        "number": v.number(),
        "count": v.optional(v.int64()),
        "flag": v.boolean(),
        "either": v.union(v.string(), v.number()),
        "level": v.union(v.literal("low"), v.literal(3)),
        "tags": v.array(v.string()),
        "any": v.any(),
        "link": v.optional(v.id("t")),
        "at": v.optional(v.datetime()),
        "seen": v.union(v.datetime(), v.string()),
    }
)


def read(name: str, text: str):
    return columns_of(FIELDS)[name].reader()(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5.0), ("-1.5e3", -1500.0), (".5", 0.5), ("5.", 5.0), ("+7", 7.0), ("007", 7.0), ("inf", math.inf),
        ("-Infinity", -math.inf), ("", ""), (" 5", " 5"), ("5 ", "5 "), ("1_000", "1_000"), ("0x10", "0x10"),
        ("1,5", "1,5"), ("true", "true"), ("١", "١"), ("e5", "e5"), (".", "."),
    ],
)  # fmt: skip
def test_without_a_schema_a_text_is_a_number_if_it_reads_as_one(text, value) -> None:
    found = number_or_text(text)
    assert found == value
    assert type(found) is type(value)
    assert Column().reader()(text) == value


def test_nan_is_a_number_too() -> None:
    assert math.isnan(number_or_text("NaN"))


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("text", "007", "007"),
        ("text", "", ""),
        ("maybe", "", UNSET),
        ("nullable", "", None),
        ("number", "1e3", 1000.0),
        ("number", "abc", "abc"),
        ("number", "", ""),
        ("count", "9007199254740993", Int64(2**53 + 1)),
        ("count", "9223372036854775808", "9223372036854775808"),
        ("count", "1.5", "1.5"),
        ("count", "", UNSET),
        ("flag", "TRUE", True),
        ("flag", "false", False),
        ("flag", "1", "1"),
        ("either", "5", 5.0),
        ("either", "five", "five"),
        ("level", "low", "low"),
        ("level", "3", 3.0),
        ("tags", '["a", "b"]', ["a", "b"]),
        ("tags", "[a", "[a"),
        ("any", "5", 5.0),
        ("link", "", UNSET),
        ("at", "1767232800000", 1767232800000.0),
        ("at", "2026-01-01T02:00:00Z", 1767232800000.0),
        ("at", "2026-01-01T04:00:00+02:00", 1767232800000.0),
        ("at", "2026-01-01 02:00:00", 1767232800000.0),
        ("at", "2026-01-01", 1767225600000.0),
        ("at", "1.1.2026", "1.1.2026"),
        ("at", "", UNSET),
        ("seen", "2026-01-01", "2026-01-01"),
        ("seen", "1767232800000", 1767232800000.0),
    ],
)
def test_with_a_schema_a_text_becomes_what_its_field_takes(name, text, value) -> None:
    found = read(name, text)
    assert found == value
    assert type(found) is type(value)


def test_a_missing_cell_is_no_field_where_it_may_be_absent_else_null() -> None:
    columns = columns_of(FIELDS)
    assert columns["maybe"].missing is UNSET
    assert columns["nullable"].missing is None
    assert columns["text"].missing is None
    assert Column().missing is None


def test_wishes_tell_dates_and_integers_apart() -> None:
    columns = columns_of(FIELDS)
    assert [columns[name].wish for name in ("text", "number", "count", "either", "flag", "any", "at")] == [
        "text", "number", "int64", "number", "", "", "number",
    ]  # fmt: skip


def test_a_union_of_objects_takes_what_any_of_them_takes() -> None:
    columns = columns_of(v.union(v.object({"a": v.string()}), v.object({"a": v.number(), "b": v.string()})))
    assert columns["a"] == Column(frozenset({"string", "float64"}), is_optional=False)
    assert columns["b"].is_optional
    assert columns_of(v.any()) == {}
    assert columns_of(v.union(v.object({"a": v.string()}), v.any())) == {}
    assert columns_of(None) == {}
