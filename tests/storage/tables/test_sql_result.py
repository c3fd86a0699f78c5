"""Answers of SQL in plain code."""

from __future__ import annotations

import decimal
import sys

import pyarrow as pa
import pytest

from nbconvex.errors import CallerError
from nbconvex.storage.tables.sql_result import SqlResult


def result() -> SqlResult:
    table = pa.table(
        {
            "name": ["ada", "a very long text " * 5],
            "big": pa.array([2**60 + 1, None], pa.int64()),
            "total": pa.array([decimal.Decimal(3), None], pa.decimal128(38, 0)),
        }
    )
    return SqlResult(table, ["VARCHAR", "BIGINT", "HUGEINT"])


def test_a_result_has_rows_columns_and_types() -> None:
    answer = result()
    assert (len(answer), answer.columns, answer.types) == (
        2, ["name", "big", "total"], ["VARCHAR", "BIGINT", "HUGEINT"],
    )  # fmt: skip
    assert answer.fetchone() == ("ada", 2**60 + 1, 3)
    assert list(answer)[1][1:] == (None, None)
    assert answer.arrow().column("big").to_pylist() == [2**60 + 1, None]


def test_no_rows_are_a_result_too() -> None:
    empty = SqlResult(result().arrow().slice(0, 0), ["VARCHAR", "BIGINT", "HUGEINT"])
    assert (len(empty), empty.fetchall(), empty.fetchone(), len(empty.df())) == (0, [], None, 0)


@pytest.mark.case("sql/sql_int64_exact")
def test_a_frame_keeps_whole_numbers_exact_beside_nulls() -> None:
    frame = result().df()
    assert list(frame.columns) == ["name", "big", "total"]
    assert frame["big"][0] == 2**60 + 1
    assert frame["total"][0] == 3.0


def test_it_is_a_data_frame_to_whoever_speaks_arrows_protocol() -> None:
    table = pa.table(result())
    assert table.column("big").to_pylist() == [2**60 + 1, None]
    assert table.column("total").to_pylist() == [3.0, None]


def test_it_shows_the_first_rows_and_how_many_there_are() -> None:
    shown = repr(result())
    assert shown.splitlines()[0].split() == ["name", "big", "total"]
    assert "NULL" in shown
    assert "…" in shown
    assert shown.endswith("[2 rows]")
    many = SqlResult(pa.table({"n": list(range(11))}), ["BIGINT"])
    assert repr(many).endswith("[11 rows, the first 10 shown]")


def test_what_is_not_installed_is_taught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(CallerError, match="polars is not installed") as raised:
        result().pl()
    assert raised.value.hint == "%pip install polars"
