"""Vectors and filter values from stored bytes: the quick way and the long one agree."""

from __future__ import annotations

from typing import Any

import pytest

from nbconvex.database.vector_reader import VectorReader
from nbconvex.values.codec import encode_value
from nbconvex.values.scalars import Int64
from tests.database.vectors import payload


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"v": [1.0, 2.5], "genre": "drama"}, ([1.0, 2.5], "drama")),
        ({"genre": Int64(7), "other": {"deep": [1]}, "v": [1, 2]}, ([1, 2], Int64(7))),
        ({"v": None, "genre": None}, (None, None)),
        ({"genre": {"a": 1}}, (None, {"a": 1})),
    ],
)
def test_parts_come_out_as_they_are_stored(fields: dict[str, Any], expected: tuple[Any, Any]) -> None:
    parts = VectorReader("v", ["genre"]).read(payload(1, **fields))
    assert parts == [b"" if "v" not in fields else encode_value(expected[0]), encode_value(expected[1])]


def test_absent_fields_are_empty() -> None:
    assert VectorReader("v", ["genre", "language"]).read(payload(1, genre="noir")) == [b"", encode_value("noir"), b""]


def test_fields_may_have_any_name_and_lie_deep() -> None:
    stored = payload(1, **{"class": [1.0, 2.0], "part0": "x", "meta": {"vector": [3.0], "tags": {"genre": "noir"}}})
    assert VectorReader("class", ["part0"]).read(stored) == [encode_value([1.0, 2.0]), encode_value("x")]
    deep = VectorReader("meta.vector", ["meta.tags.genre", "class.none", "part0"])
    assert deep.read(stored) == [encode_value([3.0]), encode_value("noir"), b"", encode_value("x")]
