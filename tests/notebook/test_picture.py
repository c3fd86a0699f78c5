"""Values as pictures: nbconvex.notebook.picture."""

from __future__ import annotations

from typing import Any

import pytest

from nbconvex.notebook.picture import Picture, picture_of


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
