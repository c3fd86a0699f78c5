"""Whether columns are fields of documents that all fit: nbconvex.database.columns_fit."""

from __future__ import annotations

import random

import pytest

from nbconvex.database.active_schema import ActiveSchema
from nbconvex.database.columns_fit import fit
from nbconvex.errors import NbconvexError
from nbconvex.limits import Limits
from nbconvex.values.codec import decode_document
from nbconvex.values.scalars import UNSET, Int64
from nbconvex.values.schema import define_schema, table
from nbconvex.values.validators import v
from tests.database.stores import open_database

SCHEMA = define_schema(
    {
        "t": table(
            {
                "text": v.string(),
                "number": v.number(),
                "whole": v.optional(v.int64()),
                "maybe": v.optional(v.union(v.string(), v.null())),
                "link": v.optional(v.id("t")),
                "any": v.optional(v.any()),
                "flag": v.optional(v.boolean()),
                "count": v.optional(v.integer()),
            }
        ),
        "filled": table({"a": v.string(default="x"), "b": v.number()}),
        "two": table(v.union(v.object({"a": v.string()}), v.object({"b": v.string()}))),
        "open": table(v.any()),
    }
)
ACTIVE = ActiveSchema(SCHEMA)


@pytest.mark.parametrize(
    ("columns", "fits"),
    [
        ({"text": ["a", "é"], "number": [1, 2.5]}, True),
        ({"number": [1, 2], "text": ["", ""]}, True),
        ({"text": ["a"], "number": [1], "whole": [Int64(1)], "maybe": [None], "flag": [True], "any": [b"x"]}, True),
        ({"text": ["a", "b"], "number": [1, 2], "maybe": [None, "x"]}, True),
        ({"text": ["a"]}, False),
        ({"text": ["a"], "number": [1], "other": [1]}, False),
        ({"text": ["a"], "number": ["1"]}, False),
        ({"text": ["a"], "number": [True]}, False),
        ({"text": ["a"], "number": [2**53 + 1]}, False),
        ({"text": ["a", "b"], "number": [1.5, -(2**53) - 1]}, False),
        ({"text": ["\ud800"], "number": [1]}, False),
        ({"text": ["a"], "number": [1], "whole": [1]}, False),
        ({"text": ["a"], "number": [1], "link": ["x"]}, False),
        ({"text": ["a"], "number": [1], "any": [[1]]}, False),
        ({"text": ["a"], "number": [1], "count": [1.0]}, False),
        ({"text": ["a"], "number": [1], "maybe": [UNSET]}, False),
        ({"text": ["a"], "number": [1], "_id": ["x"]}, False),
        ({"text": ["x" * 2_000_000], "number": [1]}, False),
        ({}, False),
        ({"text": [], "number": []}, False),
    ],
)
def test_one_look_tells_or_does_not(columns, fits) -> None:
    assert fit(ACTIVE, "t", tuple(columns), list(columns.values()), Limits()) is fits


@pytest.mark.parametrize(
    ("name", "columns", "fits"),
    [
        ("unlisted", {"a": [1, "x"], "b": [None, b"y"]}, True),
        ("unlisted", {"größe": [1]}, False),
        ("unlisted", {"_x": [1]}, False),
        ("unlisted", {"a": [{}]}, False),
        ("filled", {"b": [1]}, False),
        ("filled", {"a": ["x"], "b": [1]}, False),
        ("two", {"a": ["x"]}, False),
        ("open", {"a": ["x"]}, False),
    ],
)
def test_tables_that_are_checked_otherwise_are_looked_at_one_by_one(name, columns, fits) -> None:
    assert fit(ACTIVE, name, tuple(columns), list(columns.values()), Limits()) is fits


def test_without_a_schema_only_the_values_count() -> None:
    assert fit(None, "t", ("a",), [[1, 2.5, "x", None, True, Int64(1), b""]], Limits())
    assert not fit(None, "t", ("a", "b"), [[1], [2]], Limits(object_fields=1))
    assert not fit(None, "t", ("a",), [["x" * 100]], Limits(document_bytes=100))


CELLS = [None, True, 1, 2**60, 0.5, "", "text", "é\x00", "\ud800", b"x", Int64(5), [1], {}, UNSET]


@pytest.mark.parametrize("seed", range(60))
def test_what_is_taken_in_as_columns_is_what_it_would_be_one_by_one(seed) -> None:
    rng = random.Random(seed)
    names = tuple(rng.sample(["text", "number", "whole", "maybe", "any", "flag", "count"], rng.randint(1, 7)))
    kinds = {name: rng.sample(CELLS, rng.choice((1, 1, 2))) for name in names}
    if rng.random() < 0.7:
        kinds |= {"text": ["a", "b"], "number": [1, 2.5]}
        names = tuple(dict.fromkeys((*names, "text", "number")))
    count = rng.choice((1, 5, 600))
    columns = [[rng.choice(kinds[name]) for _ in range(count)] for name in names]
    schema = rng.choice((SCHEMA, None))
    by_columns, one_by_one = (open_database(schema=schema).begin_bulk().open("t", "empty") for _ in range(2))
    was_taken = by_columns.add_columns(names, columns)
    rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    refused = 0
    for row in rows:
        try:
            one_by_one.add(row)
        except NbconvexError:
            refused += 1
    if not was_taken:
        assert len(by_columns) == 0
        return
    assert not refused, "what columns let pass, documents do"

    def contents(load) -> list:
        documents = [decode_document(payload) for payload in load.payloads]
        times = [document.pop("_creationTime") for document in documents]
        return [times, [{name: document[name] for name in document if name != "_id"} for document in documents]]

    assert contents(by_columns) == contents(one_by_one)
    assert len(by_columns.ids) == len(one_by_one.ids) == 16 * count
