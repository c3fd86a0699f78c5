"""The typed tables in the store's own file: `main.<table>`, for whoever opens the closed file with another tool.

Owns:  `write_tables`; `nbconvex_log.projections`, which says of each table up to which commit it is complete, and the
view `nbconvex_log.typed_tables`, which says whether that is all there is.
Must not know: the journal; when the file is written.
Invariants: all of it can be dropped at any time. A table of somebody else's in `main` is left alone, whatever its name.
Everything here changes in one DuckDB transaction, after that of the documents: a crash leaves older tables, and marks
that say so, and the next writing brings them up.
Threads: the caller has the file for itself.

A table with a declared shape is brought up by what was written since its mark, found by the commit that each document
carries; one of which nobody said what it looks like is written anew if anything in it has changed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from nbconvex.storage.tables import batches
from nbconvex.storage.tables.columns import Shape, declared_shape, quoted
from nbconvex.storage.tables.projection import BATCH_ROWS, STAGED, TableVersion, brought
from nbconvex.values.codec import decode_document

if TYPE_CHECKING:
    import duckdb

#: DuckDB's share while tables are written.
_MEMORY = "512MiB"

_CREATE = """
CREATE TABLE IF NOT EXISTS nbconvex_log.projections (
    name VARCHAR NOT NULL, table_number INTEGER NOT NULL, ts BIGINT NOT NULL, documents BIGINT NOT NULL,
    definition VARCHAR NOT NULL
);
CREATE OR REPLACE VIEW nbconvex_log.typed_tables AS
SELECT
    name, table_number, ts, documents, definition,
    coalesce(newest <= ts AND there = documents, documents = 0) AS is_current
FROM nbconvex_log.projections LEFT JOIN (
    SELECT table_number, max(ts) AS newest, count(*) AS there FROM nbconvex_log.documents GROUP BY table_number
) USING (table_number);
"""

_log = logging.getLogger(__name__)


class StoredTable(TableVersion, Protocol):
    """A table as the file's documents have it."""

    @property
    def number(self) -> int:
        """The table's number in the log."""

    def payload(self, document_id: bytes) -> bytes | None:
        """The document with this internal id (16 bytes), encoded, or None."""

    def has(self, document_id: str) -> bool:
        """Whether there is a document with this id."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """What stands in the file of one table."""

    number: int
    ts: int
    definition: str
    is_current: bool


def write_tables(path: Path, tables: Sequence[tuple[str, StoredTable]], ts: int) -> None:
    """Bring the typed tables in the file up to `ts`, the commit (nanoseconds) that its documents are complete up to.

    Shapes:  `tables` are all user tables, each with its name in SQL.
    Raises:  duckdb.Error, OSError; nothing was changed then.
    """
    import duckdb

    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": _MEMORY,
        "threads": "1",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    with duckdb.connect(str(path), config=config) as connection:
        with suppress(duckdb.InvalidInputException):
            # Refused in a kernel without ipywidgets, where there is no bar to turn off.
            connection.execute("SET enable_progress_bar = false")
        connection.begin()
        connection.execute(_CREATE)
        marks = _marks(connection)
        present = {name for (name,) in connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main' AND database_name = current_database()"
        ).fetchall()}  # fmt: skip
        present |= {name for (name,) in connection.execute(
            "SELECT view_name FROM duckdb_views() WHERE schema_name = 'main' AND NOT internal"
        ).fetchall()}  # fmt: skip
        foreign = {name.lower() for name in present if name not in marks}
        changed = _dropped(connection, marks.keys() - {name for name, _ in tables}, present)
        for name, table in tables:
            if name.lower() in foreign:
                _log.warning("%s: main.%s is somebody else's table, and was left alone", path, name)
            else:
                changed |= _written(connection, name, table, marks.get(name), ts, is_there=name in present)
        connection.commit()
        if changed:
            connection.execute("CHECKPOINT")


def _marks(connection: duckdb.DuckDBPyConnection) -> dict[str, _Mark]:
    rows = connection.execute(
        "SELECT name, table_number, ts, definition, is_current FROM nbconvex_log.typed_tables"
    ).fetchall()
    return {name: _Mark(*mark) for name, *mark in rows}


def _dropped(connection: duckdb.DuckDBPyConnection, names: Iterable[str], present: set[str]) -> bool:
    dropped = sorted(names)
    for name in dropped:
        if name in present:
            connection.execute(f"DROP TABLE {quoted(name)}")
        connection.execute("DELETE FROM nbconvex_log.projections WHERE name = ?", [name])
    return bool(dropped)


def _written(
    connection: duckdb.DuckDBPyConnection, name: str, table: StoredTable, mark: _Mark | None, ts: int, *, is_there: bool
) -> bool:
    """Bring one table up; whether anything had to be done."""
    shape = declared_shape(table.validator)
    is_whole = (
        mark is not None
        and is_there
        and mark.number == table.number
        and (shape is None or shape.definition == mark.definition)
        and _definition(connection, name) == _bare(mark.definition)
    )
    if is_whole and mark is not None and mark.is_current and _count(connection, name) == len(table):
        return False
    if mark is None or not is_whole or shape is None or not _brought_up(connection, name, table, mark, shape):
        shape = brought(connection, None, table, name).shape
    connection.execute("DELETE FROM nbconvex_log.projections WHERE name = ?", [name])
    connection.execute(
        "INSERT INTO nbconvex_log.projections VALUES (?, ?, ?, ?, ?)",
        [name, table.number, ts, len(table), shape.definition],
    )
    return True


def _brought_up(
    connection: duckdb.DuckDBPyConnection, name: str, table: StoredTable, mark: _Mark, shape: Shape
) -> bool:
    """Apply what was written since `mark`; False if that does not give as many rows as there are documents."""
    written = connection.execute(
        "SELECT id FROM nbconvex_log.documents WHERE table_number = ? AND ts > ?", [table.number, mark.ts]
    ).fetchall()
    if len(written) > max(BATCH_ROWS, len(table) // 4):
        return False
    payloads = (table.payload(document_id) for (document_id,) in written)
    documents = [decode_document(payload) for payload in payloads if payload is not None]
    _delete_ids(connection, name, [document["_id"] for document in documents])
    for some in _in_batches(documents):
        connection.register(STAGED, batches.batch(some, shape))
        connection.execute(f"INSERT INTO {quoted(name)} SELECT * FROM {quoted(STAGED)}")
        connection.unregister(STAGED)
    if _count(connection, name) > len(table):
        # Documents were deleted, which leaves no trace in the log: they are what is here and not there.
        ids = connection.execute(f"SELECT _id FROM {quoted(name)}").fetchall()
        _delete_ids(connection, name, [document_id for (document_id,) in ids if not table.has(document_id)])
    return _count(connection, name) == len(table)


def _in_batches(documents: Sequence[batches.Document]) -> Iterator[list[batches.Document]]:
    iterator = iter(documents)
    while some := list(islice(iterator, BATCH_ROWS)):
        yield some


def _delete_ids(connection: duckdb.DuckDBPyConnection, name: str, ids: list[str]) -> None:
    if ids:
        connection.execute(f"DELETE FROM {quoted(name)} WHERE _id IN (SELECT unnest($1::VARCHAR[]))", [ids])


def _count(connection: duckdb.DuckDBPyConnection, name: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {quoted(name)}").fetchone()
    return int(row[0]) if row else 0


def _definition(connection: duckdb.DuckDBPyConnection, name: str) -> str:
    """The table's columns as they are, in a form that can be compared."""
    cursor = connection.execute(f"SELECT * FROM {quoted(name)} LIMIT 0")
    return _bare(", ".join(f"{column[0]} {column[1]}" for column in cursor.description or ()))


def _bare(definition: str) -> str:
    return definition.replace('"', "")
