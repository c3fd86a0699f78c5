"""Rows on their way in: nbconvex.services.transfer.rows."""

from __future__ import annotations

from nbconvex.services.transfer.rows import ColumnRows, refused
from nbconvex.values.scalars import UNSET


def test_rows_in_columns_are_read_as_rows() -> None:
    rows = ColumnRows(("a", "b"), [[1, 2], ["x", None]], has_gaps=False)
    assert list(rows) == [{"a": 1, "b": "x"}, {"a": 2, "b": None}]
    assert (len(rows), rows[1]) == (2, {"a": 2, "b": None})
    assert (len(ColumnRows((), [], has_gaps=False)), list(ColumnRows((), [], has_gaps=False))) == (0, [])


def test_gaps_are_no_fields() -> None:
    rows = ColumnRows(("a", "b"), [[1, UNSET], [UNSET, 2]], has_gaps=True)
    assert list(rows) == [{"a": 1}, {"b": 2}]


def test_a_refusal_names_the_source_and_the_place() -> None:
    error = refused("t.csv", "line 3", "it is odd", "Make it even.")
    assert str(error) == "t.csv was not imported; nothing was changed.\nline 3: it is odd\nMake it even."
    assert error.problems == ("line 3: it is odd",)
