"""From documents to Arrow: columns of values as a table's shape wants them.

Owns:  the Arrow form of a shape; documents as a batch of it; how values look inside JSON.
Must not know: DuckDB; where documents come from, which are in a table.
Invariant: what goes in comes out of SQL exactly, a number, a text or bytes of a typed column with all its bits. In JSON
an Int64 is a whole number, and bytes and numbers that JSON does not have are wrapped as on the wire.
Threads: pure functions.
Source: semantics 3.9.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from nbconvex.storage.tables.columns import CREATION_TIME, ID, Shape, SqlType
from nbconvex.values.codec import to_json
from nbconvex.values.scalars import Int64

if TYPE_CHECKING:
    import pyarrow as pa

Document = dict[str, Any]

_write_json = msgspec.json.Encoder().encode


def batch(documents: Sequence[Document], shape: Shape) -> pa.Table:
    """The documents as rows of `shape`, in their order."""
    import pyarrow as pa

    arrays = [
        pa.array([document[ID] for document in documents], pa.string()),
        pa.array([document[CREATION_TIME] for document in documents], pa.float64()),
    ]
    for column in shape.columns:
        field = column.field
        values = [document.get(field) for document in documents]
        arrays.append(pa.array(_prepared(values, column.type), arrow_type(column.type)))
    if shape.has_nulls:
        nulls = [[name for name, value in document.items() if value is None] for document in documents]
        arrays.append(pa.array(nulls, pa.list_(pa.string())))
    return pa.table(arrays, [name for name, _ in shape.all_columns])


def keys(documents: Sequence[Document]) -> pa.Table:
    """What is needed to find the rows of documents."""
    import pyarrow as pa

    ids = pa.array([document[ID] for document in documents], pa.string())
    times = pa.array([document[CREATION_TIME] for document in documents], pa.float64())
    return pa.table([ids, times], [ID, CREATION_TIME])


def release() -> None:
    """Give Arrow's memory back: its pool keeps what batches took."""
    import pyarrow as pa

    pa.default_memory_pool().release_unused()


@cache
def arrow_type(kind: SqlType) -> Any:
    """The Arrow type of a column."""
    import pyarrow as pa

    if kind.name == "LIST":
        return pa.list_(arrow_type(kind.inside[0]))
    if kind.name == "MAP":
        return pa.map_(pa.string(), arrow_type(kind.inside[0]))
    if kind.name == "STRUCT":
        return pa.struct([(name, arrow_type(each)) for name, each in zip(kind.names, kind.inside, strict=True)])
    return {
        "DOUBLE": pa.float64(),
        "BIGINT": pa.int64(),
        "BOOLEAN": pa.bool_(),
        "BLOB": pa.binary(),
        "TIMESTAMP": pa.timestamp("us"),
    }.get(kind.name, pa.string())


def _prepared(values: list[Any], kind: SqlType) -> list[Any]:
    prepare = _preparation(kind)
    return values if prepare is None else [None if value is None else prepare(value) for value in values]


@cache
def _preparation(kind: SqlType) -> Callable[[Any], Any] | None:
    """What makes of a value what Arrow takes for the type; None where that is the value itself."""
    if kind.name == "BIGINT":
        return int
    if kind.name == "JSON":
        return json_text
    if kind.name == "TIMESTAMP":
        return _microseconds
    inside = [_preparation(each) for each in kind.inside]
    if kind.name == "MAP":
        prepare = inside[0]
        if prepare is None:
            return lambda value: list(value.items())
        return lambda value: [(key, None if item is None else prepare(item)) for key, item in value.items()]
    if not any(inside):
        return None
    if kind.name == "LIST":
        element = inside[0]
        assert element is not None
        return lambda value: [None if item is None else element(item) for item in value]
    parts = list(zip(kind.names, inside, strict=True))

    def struct(value: Any) -> Any:
        return {
            name: item if item is None or prepare is None else prepare(item)
            for name, prepare in parts
            for item in (value.get(name),)
        }

    return struct


def _microseconds(milliseconds: float) -> int | None:
    return round(milliseconds * 1000) if math.isfinite(milliseconds) else None


def json_text(value: Any) -> str:
    """A value as the JSON of a JSON column."""
    return _write_json(_plain(value)).decode()


def _plain(value: Any) -> Any:
    kind = type(value)
    if kind is Int64:
        return value.value
    if kind is dict:
        return {name: _plain(item) for name, item in value.items()}
    if kind is list:
        return [_plain(item) for item in value]
    if kind is bytes or kind is float:
        return to_json(value)
    return value
