"""Tables of other programs, as columns of plain Python values: Arrow, data frames, Parquet, and whatever DuckDB reads.

Owns:  opening them, reading them a batch at a time, what the types of Arrow become; writing Parquet.
Must not know: documents, schemas, tables of ours.
Invariant: columns come out as lists of what `values.normalization` takes; a missing cell is None.
Threads: a reader belongs to one thread.
Source: the Arrow C stream interface (PyCapsule), which pandas, Polars, DuckDB's relations and pyarrow all have.
"""

from __future__ import annotations

import datetime as dt
import decimal
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nbconvex.errors import CallerError

#: Rows that are read at once.
BATCH_ROWS: Final = 8_192
_INDEX: Final = re.compile(r"__index_level_\d+__")
_MS_PER_DAY: Final = 86_400_000.0

#: What becomes of a column: "text" or "number" for a date or a decimal, "int64" for whole numbers. By its name.
Wishes = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Columns:
    """A table that is read a batch at a time.

    Shapes:  each batch is one list a column, all of the same length. `total` is the number of rows, where it is known.
    """

    names: tuple[str, ...]
    total: int | None
    batches: Iterator[list[list[Any]]]


def is_columnar(source: Any) -> bool:
    """Whether the object gives its rows as Arrow does."""
    return hasattr(source, "__arrow_c_stream__") or _is_pandas(source)


def _is_pandas(source: Any) -> bool:
    return type(source).__module__.partition(".")[0] == "pandas" and type(source).__name__ == "DataFrame"


def columns_of(source: Any, wishes: Wishes) -> Columns:
    """The columns of an Arrow table or reader, a data frame, a relation of DuckDB.

    Raises:  CallerError for a type of column that has no counterpart, and for columns that hold several types.
    """
    import pyarrow as pa

    total = None
    if isinstance(source, pa.Table | pa.RecordBatch) or _is_pandas(source):
        total = len(source)
    elif isinstance(getattr(source, "height", None), int):  # Polars
        total = source.height
    try:
        if hasattr(source, "__arrow_c_stream__"):
            reader = pa.RecordBatchReader.from_stream(source)
        else:  # pandas before 2.2
            reader = pa.Table.from_pandas(source).to_reader()
    except (pa.ArrowException, ValueError, TypeError) as error:
        # Of pandas' columns of any objects, Arrow wants one type a column; of others, that they are columns.
        said = ". ".join(str(part) for part in error.args) or type(error).__name__
        raise CallerError(
            f"the {type(source).__name__} cannot be read as columns of one type each: {said.splitlines()[0]}.",
            hint='frame["column"].astype(str) makes it text; frame.to_dict("records") keeps all values as they are',
        ) from error
    return _columns(reader.schema, reader, total, wishes)


def columns_of_file(path: Path, wishes: Wishes) -> Columns:
    """The columns of a Parquet file.

    Raises:  CallerError, now or while it is read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, ValueError, OSError) as error:
        raise CallerError(f"{path} is no Parquet file that can be read: {str(error).splitlines()[0]}") from error

    def batches() -> Iterator[pa.RecordBatch]:
        with file:
            try:
                yield from file.iter_batches(batch_size=BATCH_ROWS)
            except (pa.ArrowException, ValueError, OSError) as error:
                raise CallerError(f"{path} is damaged: {str(error).splitlines()[0]}") from error

    return _columns(file.schema_arrow, batches(), file.metadata.num_rows, wishes)


def _columns(schema: Any, source: Any, total: int | None, wishes: Wishes) -> Columns:
    kept = [place for place, name in enumerate(schema.names) if not _INDEX.fullmatch(name)]
    names = tuple(schema.names[place] for place in kept)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise CallerError(f'two columns have the name "{twice}"; a document has one field of a name.')
    readers = [
        _reader_of(schema.field(place).type, wishes.get(schema.names[place], ""), schema.names[place]) for place in kept
    ]

    def batches() -> Iterator[list[list[Any]]]:
        for whole in source:
            for start in range(0, whole.num_rows, BATCH_ROWS):
                part = whole.slice(start, BATCH_ROWS)
                yield [read(part.column(place)) for place, read in zip(kept, readers, strict=True)]

    return Columns(names, total, batches())


def _reader_of(kind: Any, wish: str, name: str) -> Callable[[Any], list[Any]]:
    """How a column of this type becomes a list."""
    import pyarrow as pa
    import pyarrow.compute as pc

    types = pa.types
    if types.is_dictionary(kind):
        inner = _reader_of(kind.value_type, wish, name)
        return lambda column: inner(column.dictionary_decode())
    if types.is_timestamp(kind) or types.is_duration(kind):
        per_ms = {"s": 1e-3, "ms": 1.0, "us": 1e3, "ns": 1e6}[kind.unit]
        return lambda column: _listed(pc.divide(column.cast(pa.int64()).cast(pa.float64(), safe=False), per_ms))
    if types.is_date(kind):
        if wish == "number":
            return lambda column: [
                None if day is None else day * _MS_PER_DAY
                for day in column.cast(pa.date32()).cast(pa.int32()).to_pylist()
            ]
        return lambda column: [None if day is None else day.isoformat() for day in column.to_pylist()]
    if types.is_decimal(kind):
        if wish == "text":
            return lambda column: [None if number is None else str(number) for number in column.to_pylist()]
        if kind.scale == 0:
            return lambda column: [None if number is None else int(number) for number in column.to_pylist()]
        return lambda column: [None if number is None else float(number) for number in column.to_pylist()]
    if types.is_nested(kind) or types.is_time(kind):
        return lambda column: [plain(cell) for cell in column.to_pylist(maps_as_pydicts="strict")]
    if types.is_null(kind) or types.is_integer(kind) or types.is_floating(kind) or _is_plain(kind):
        return _listed
    if isinstance(kind, pa.BaseExtensionType):
        inner = _reader_of(kind.storage_type, wish, name)
        is_uuid = kind.extension_name == "arrow.uuid"
        return (
            (lambda column: [plain(cell) for cell in column.to_pylist()])
            if is_uuid
            else lambda column: inner(column.storage)
        )
    raise CallerError(
        f'the column "{name}" is of the type {kind}, which no value stands for. Convert it first, to text or numbers.'
    )


def _listed(column: Any) -> list[Any]:
    cells: list[Any] = column.to_pylist()
    return cells


def _is_plain(kind: Any) -> bool:
    from pyarrow import types

    return bool(
        types.is_boolean(kind) or types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
        or types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind)
        or types.is_fixed_size_binary(kind)
    )  # fmt: skip


def plain(cell: Any) -> Any:
    """A cell with what lies inside it: times as milliseconds, dates and the rest as text."""
    if cell is None or isinstance(cell, str | int | float | bytes):
        return cell
    if isinstance(cell, dict):
        return {str(name): plain(item) for name, item in cell.items()}
    if isinstance(cell, list | tuple):
        return [plain(item) for item in cell]
    if isinstance(cell, dt.datetime):
        aware = cell if cell.tzinfo is not None else cell.replace(tzinfo=dt.UTC)
        return aware.timestamp() * 1e3
    if isinstance(cell, dt.date | dt.time):
        return cell.isoformat()
    if isinstance(cell, dt.timedelta):
        return cell.total_seconds() * 1e3
    if isinstance(cell, decimal.Decimal):
        return float(cell)
    return str(cell)


# -- writing ----------------------------------------------------------------------------------------------------------


class ParquetWriter:
    """A Parquet file that documents are written to, some thousands at a time.

    The columns are those of `fields`, a sample; a field that holds several types becomes text in JSON.
    """

    def __init__(self, path: Path, fields: Mapping[str, str]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        types = {
            "text": pa.string(),
            "number": pa.float64(),
            "int64": pa.int64(),
            "boolean": pa.bool_(),
            "bytes": pa.binary(),
        }
        self._names = tuple(fields)
        self._schema = pa.schema([(name, types[kind]) for name, kind in fields.items()])
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")

    def write(self, columns: Sequence[Sequence[Any]]) -> None:
        """Add rows, a list a column."""
        import pyarrow as pa

        arrays = [pa.array(column, kind) for column, kind in zip(columns, self._schema.types, strict=True)]
        self._writer.write_batch(pa.record_batch(arrays, schema=self._schema))

    def close(self) -> None:
        """Write the end of the file."""
        self._writer.close()
