"""Answers to SQL as pictures: nbconvex.notebook.sql_picture."""

from __future__ import annotations

import pytest

import nbconvex
from nbconvex.notebook.picture import COLUMNS_MAX
from nbconvex.notebook.sql_picture import sql_picture


@pytest.fixture
def backend():
    with nbconvex.open(":memory:") as backend:
        yield backend


def test_every_type_has_a_cell_of_its_kind(backend) -> None:
    picture = sql_picture(
        backend.sql(
            "SELECT 1 AS i, 1.5::DOUBLE AS d, 9007199254740993::BIGINT AS big, sum(3) AS huge, "
            "2.50::DECIMAL(5, 2) AS price, "
            "'<b>' AS text, true AS yes, NULL AS nothing, TIMESTAMP '2026-01-01 12:00:00' AS at, "
            "DATE '2026-01-01' AS day, "
            "INTERVAL 90 SECOND AS span, [1, 2] AS list, {'a': 1} AS object, 'ab'::BLOB AS bytes"
        )
    )
    assert dict(zip(picture.columns, picture.rows[0], strict=True)) == {
        "i": "n1", "d": "n1.5", "big": "n9007199254740993", "huge": "n3", "price": "n2.50", "text": "s<b>",
        "yes": "btrue", "nothing": "z", "at": "t1767268800000.0", "day": "s2026-01-01",
        "span": "s0 months 0 days 90 s", "list": "j[1, 2]", "object": 'j{"a": 1}', "bytes": "y2 bytes: 61 62",
    }  # fmt: skip
    assert [name for name, right in zip(picture.columns, picture.numeric, strict=True) if right] == [
        "i", "d", "big", "huge", "price",
    ]  # fmt: skip


def test_first_rows_are_shown_and_all_are_counted(backend) -> None:
    picture = sql_picture(backend.sql("SELECT * FROM range(1_000_000) AS t(n)"))
    assert (len(picture.rows), picture.total) == (100, 1_000_000)


def test_columns_of_one_name_stay_two_columns(backend) -> None:
    assert sql_picture(backend.sql("SELECT 1 AS a, 2 AS a")).columns == ("a", "a")


def test_wide_answers_are_cut_and_it_is_said(backend) -> None:
    columns = ", ".join(f"{at} AS c{at}" for at in range(COLUMNS_MAX + 2))
    picture = sql_picture(backend.sql(f"SELECT {columns}"))
    assert (len(picture.columns), len(picture.rows[0]), picture.note) == (60, 60, "2 more columns are not shown")
