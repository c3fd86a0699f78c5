"""Documents as Arrow columns."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

from nbconvex import Int64, v
from nbconvex.storage.tables import batches
from nbconvex.storage.tables.columns import TIMESTAMP, Column, Shape, declared_shape
from nbconvex.values.validators import Validator


def column(validator: Validator, *values: Any) -> list[Any]:
    shape = declared_shape(v.object({"a": validator}))
    assert shape is not None
    documents = [{"_id": "i", "_creationTime": 1.0, "a": value} for value in values]
    found: list[Any] = batches.batch(documents, shape).column("a").to_pylist()
    return found


def test_typed_values_keep_all_their_bits() -> None:
    assert column(v.int64(), Int64(2**63 - 1), Int64(-(2**63))) == [2**63 - 1, -(2**63)]
    assert column(v.number(), 5, 0.1, math.inf) == [5.0, 0.1, math.inf]
    assert column(v.bytes(), b"\x00\xff") == [b"\x00\xff"]
    assert column(v.array(v.union(v.int64(), v.null())), [Int64(1), None]) == [[1, None]]
    assert column(v.object({"n": v.int64(), "t": v.optional(v.string())}), {"n": Int64(7)}) == [{"n": 7, "t": None}]
    assert column(v.record(v.string(), v.int64()), {"k": Int64(7)}) == [[("k", 7)]]
    assert column(v.record(v.string(), v.number()), {"k": 1}) == [[("k", 1.0)]]


def test_json_wraps_what_json_does_not_have() -> None:
    values = {"n": Int64(2**60), "b": b"a", "x": math.nan, "l": [1, 2.5, None]}
    assert column(v.any(), values) == [
        '{"n":1152921504606846976,"b":{"$bytes":"YQ=="},"x":{"$float":"AAAAAAAA+H8="},"l":[1,2.5,null]}'
    ]


def test_null_and_absent_are_both_null_and_the_last_column_tells_them_apart() -> None:
    shape = declared_shape(v.object({"a": v.optional(v.any()), "b": v.optional(v.any())}))
    assert shape is not None
    documents = [
        {"_id": "i", "_creationTime": 1.0, "a": None},
        {"_id": "j", "_creationTime": 2.0, "a": None, "b": None},
        {"_id": "k", "_creationTime": 3.0},
    ]
    made = batches.batch(documents, shape)
    assert made.column("a").to_pylist() == [None, None, None]
    assert made.column("_nulls").to_pylist() == [["a"], ["a", "b"], []]


def test_milliseconds_become_moments() -> None:
    made = batches.batch(
        [{"_id": "i", "_creationTime": 1.0, "at": 1500.25}, {"_id": "j", "_creationTime": 1.0, "at": math.nan}],
        Shape((Column("at", "at", TIMESTAMP),)),
    )
    assert made.column("at").to_pylist() == [dt.datetime(1970, 1, 1, 0, 0, 1, 500250), None]  # noqa: DTZ001


def test_keys_are_what_rows_are_found_by() -> None:
    assert batches.keys([{"_id": "i", "_creationTime": 2.0, "a": 1}]).to_pylist() == [
        {"_id": "i", "_creationTime": 2.0}
    ]
