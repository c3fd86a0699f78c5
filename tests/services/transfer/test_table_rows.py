"""Rows of tables: nbconvex.services.transfer.table_rows."""

from __future__ import annotations

from nbconvex.services.transfer.cells import columns_of
from nbconvex.services.transfer.table_rows import table_rows, wishes_of
from nbconvex.storage.arrow_rows import Columns
from nbconvex.values.scalars import Int64
from nbconvex.values.validators import v


def rows(names, batches, validator=None):
    source = table_rows("t", Columns(tuple(names), 3, iter(batches)), columns_of(validator))
    return [(number, row) for each in source.batches for number, row in zip(each.numbers, each.rows, strict=True)]


def test_columns_become_rows_and_null_stays_null() -> None:
    assert rows("ab", [[[1, 2], ["x", None]], [[3], ["z"]]]) == [
        (1, {"a": 1, "b": "x"}), (2, {"a": 2, "b": None}), (3, {"a": 3, "b": "z"}),
    ]  # fmt: skip


def test_missing_cells_are_left_out_where_the_field_may_be_absent() -> None:
    validator = v.object({"a": v.optional(v.number()), "b": v.nullable(v.string())})
    assert rows("ab", [[[1, None], [None, None]]], validator) == [(1, {"a": 1, "b": None}), (2, {"b": None})]


def test_whole_numbers_become_64_bit_integers_where_the_schema_has_them() -> None:
    validator = v.object({"a": v.int64()})
    assert rows("a", [[[1, 2**62, None, 1.5, True, 2**63]]], validator) == [
        (number, {"a": value}) for number, value in enumerate([Int64(1), Int64(2**62), None, 1.5, True, 2**63], 1)
    ]


def test_text_is_unfolded_where_the_field_has_an_inside() -> None:
    validator = v.object({"a": v.array(v.number()), "b": v.string()})
    assert rows("ab", [[["[1, 2]", "[", None], ["[1]", "", ""]]], validator) == [
        (1, {"a": [1, 2], "b": "[1]"}), (2, {"a": "[", "b": ""}), (3, {"a": None, "b": ""}),
    ]  # fmt: skip


def test_wishes_are_by_name() -> None:
    assert wishes_of(columns_of(v.object({"a": v.int64(), "b": v.string()}))) == {"a": "int64", "b": "text"}
