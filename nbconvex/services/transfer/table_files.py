"""Writing one table: as JSON lines, as Parquet.

Owns:  the lines; which columns a Parquet file has, and what stands in them.
Must not know: where it is written; Arrow, which is `storage.arrow_rows`'.
Threads: the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nbconvex.values.codec import decode_document, json_dumps
from nbconvex.values.scalars import Int64

if TYPE_CHECKING:
    from nbconvex.database.snapshot import Table

_BATCH_ROWS: Final = 4_096
_KINDS: Final = {
    frozenset({str}): "text",
    frozenset({float}): "number",
    frozenset({int}): "number",
    frozenset({int, float}): "number",
    frozenset({Int64}): "int64",
    frozenset({bool}): "boolean",
    frozenset({bytes}): "bytes",
}

Told = Callable[[int], None]


def write_json_lines(table: Table, path: Path, told: Told) -> None:
    """A document a line, the oldest first, in the JSON of the wire: a 64-bit integer is {"$integer": ...}."""
    with path.open("wb") as file:
        for documents in _batches(table):
            file.writelines(json_dumps(document).encode() + b"\n" for document in documents)
            told(len(documents))


def write_parquet(table: Table, path: Path, told: Told) -> None:
    """A row a document, the oldest first. A field of one type is a column of it; else it is text in JSON."""
    from nbconvex.storage.arrow_rows import ParquetWriter

    kinds = _kinds(table)
    writer = ParquetWriter(path, {name: kind or "text" for name, kind in kinds.items()})
    try:
        for documents in _batches(table):
            writer.write([_column(name, kind, documents) for name, kind in kinds.items()])
            told(len(documents))
    finally:
        writer.close()


def _batches(table: Table) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    for _, payloads in table.indexes["by_creation_time"].entries.chunks():
        batch.extend(map(decode_document, payloads))
        if len(batch) >= _BATCH_ROWS:
            yield batch
            batch = []
    if batch:
        yield batch


def _kinds(table: Table) -> dict[str, str]:
    """For each field of the table's documents, what its column is; nothing for one that has to be JSON."""
    types: dict[str, set[type]] = {"_id": {str}, "_creationTime": {float}}
    for documents in _batches(table):
        for document in documents:
            for name, value in document.items():
                if value is not None:
                    types.setdefault(name, set()).add(type(value))
                elif name not in types:
                    types[name] = set()
    # A field that is null everywhere is text as well as anything.
    return {name: _KINDS.get(frozenset(found), "") if found else "text" for name, found in types.items()}


def _column(name: str, kind: str, documents: list[dict[str, Any]]) -> list[Any]:
    cells = [document.get(name) for document in documents]
    if kind == "number":
        return [None if cell is None else float(cell) for cell in cells]
    if kind == "int64":
        return [None if cell is None else cell.value for cell in cells]
    if not kind:
        return [None if cell is None else json_dumps(cell) for cell in cells]
    return cells
