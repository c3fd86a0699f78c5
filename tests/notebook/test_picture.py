"""Values as pictures: nbconvex.notebook.picture."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from nbconvex.notebook.picture import Picture, cell_of, cell_text, picture_of


@dataclass(frozen=True)
class Case:
    name: str
    value: Any
    cell: str
    column: str = ""


CELLS = [
    Case("none", None, "z"),
    Case("true_is_no_number", True, "btrue"),
    Case("int_stays_int", 5, "n5"),
    Case("float_stays_float", 5.0, "n5.0"),
    Case("infinity", float("inf"), "ninf"),
    Case("text", "hi", "shi"),
    Case("text_that_looks_like_a_kind", "n5", "sn5"),
    Case("empty_text", "", "s"),
    Case("id_by_column", "abc", "iabc", "_id"),
    Case("id_by_shape", "jd7" + "0" * 29, "ijd7" + "0" * 29),
    Case("creation_time", 1_700_000_000_000.5, "t1700000000000.5", "_creationTime"),
    Case("time_by_name", 1_700_000_000_000, "t1700000000000", "created_at"),
    Case("time_in_camel_case", 1_700_000_000_000.5, "t1700000000000.5", "dueAt"),
    Case("number_of_that_size", 1_700_000_000_000, "n1700000000000", "gdp"),
    Case("name_that_only_ends_so", 1_700_000_000_000, "n1700000000000", "combat"),
    Case("number_that_is_no_time", 1_700, "n1700", "created_at"),
    Case("datetime", datetime(2026, 1, 31, 12, tzinfo=UTC), "t1769860800000.0"),
    Case("datetime_inside", [datetime(2026, 1, 31, 12, tzinfo=UTC)], 'j["2026-01-31 12:00:00+00:00"]'),
    Case("nested", {"a": [1, "ü"]}, 'j{"a": [1, "ü"]}'),
    Case("bytes_short", b"\x00\xff", "y2 bytes: 00 ff"),
    Case("long_text_is_cut", "x" * 500, "s" + "x" * 400 + "… (500 characters)"),
]


@pytest.mark.parametrize("case", CELLS)
def test_cell_says_kind_and_text(case: Case) -> None:
    assert cell_of(case.value, column=case.column) == case.cell


def test_documents_become_a_table_in_the_order_of_the_query() -> None:
    documents = [
        {"_creationTime": 2.0, "_id": "b", "body": "two", "likes": 1},
        {"_creationTime": 1.0, "_id": "a", "mood": None},
    ]
    assert picture_of(documents) == Picture(
        "table",
        columns=("_id", "body", "likes", "mood", "_creationTime"),
        numeric=(False, False, True, False, False),
        keys=("b", "a"),
        rows=(("ib", "stwo", "n1", "u", "t2.0"), ("ia", "u", "u", "z", "t1.0")),
        total=2,
    )


def test_rows_beyond_the_limit_are_counted_not_kept() -> None:
    picture = picture_of([{"_id": str(at)} for at in range(5_432)], rows_max=1_000)
    assert (len(picture.rows), picture.total) == (1_000, 5_432)


def test_rows_without_ids_of_their_own_are_keyed_by_position() -> None:
    assert picture_of([{"_id": "a"}, {"_id": "a"}]).keys == ("0", "1")
    assert picture_of([{"n": 1}, {"n": 1}]).keys == ("0", "1")


def test_columns_beyond_the_limit_are_counted_in_the_note() -> None:
    picture = picture_of([{f"f{at:03}": at for at in range(70)}])
    assert (len(picture.columns), picture.note) == (60, "10 more columns are not shown")


def test_one_page_of_paginate_is_the_table_of_its_documents() -> None:
    picture = picture_of({"page": [{"_id": "a"}], "isDone": False, "continueCursor": "c"})
    assert (picture.columns, picture.note) == (("_id",), "one page of a result, more pages follow")


@pytest.mark.parametrize(
    ("value", "shape"),
    [(None, "value"), (42, "value"), ("text", "value"), ([], "table"), ([1, "a"], "table"), ({}, "table")],
)
def test_every_value_has_a_picture(value: Any, shape: str) -> None:
    assert picture_of(value).shape == shape


def test_json_mode_shows_the_whole_tree() -> None:
    assert picture_of([{"a": 1}], as_json=True).text == '[\n  {\n    "a": 1\n  }\n]'


def test_times_are_readable_without_a_script() -> None:
    assert cell_text("t1700000000000.0") == "2023-11-14 22:13:20 UTC"
    assert cell_text("t1e300") == "1e300"


def test_long_fractions_are_shortened_for_reading() -> None:
    assert cell_text(cell_of(1 / 3)) == "0.33333333"
    assert cell_text(cell_of(2**53)) == "9007199254740992"
