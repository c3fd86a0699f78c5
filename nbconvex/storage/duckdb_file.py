"""The one DuckDB file that everything ends up in, and all SQL of the product.

Owns:  the schema `nbconvex` in the file; reading it whole; applying changes in bulk; what DuckDB's errors mean.
Must not know: the journal, threads, when to apply.
Invariant: documents, globals and the number of the last applied frame change in one DuckDB transaction, and are in the
file itself, not in DuckDB's own log, when `apply` returns.
Threads: any, one at a time.

No connection is kept open between two calls: DuckDB's caches would cost tens of megabytes all day for work that takes
moments. Values go in as lists of blobs: measured at 3 µs a row, where Arrow needs 1 µs, but also half a second and
37 MB for its import; bulk commits go that way. They come out as DuckDB's own rows, about a million a second.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbconvex.errors import (
    StorageCorruptError,
    StorageError,
    StorageFailedError,
    StorageLockedError,
    StoragePathError,
    StorageVersionError,
)
from nbconvex.storage.files import FileSystem
from nbconvex.storage.persistence import BulkTable

if TYPE_CHECKING:
    import duckdb

#: Of the tables below.
FORMAT_VERSION = 1

#: DuckDB's share: a quarter of what the container may use, where somebody says how much that is.
MEMORY_BYTES_DEFAULT = 512 * 1024 * 1024
MEMORY_BYTES_MIN = 128 * 1024 * 1024

#: Rows and bytes that go into one statement: the lists are taken over under the interpreter's lock, in about 3 ms.
STATEMENT_ROWS_MAX = 2_048
STATEMENT_BYTES_MAX = 4 * 1024 * 1024

#: Rows fetched at once.
FETCH_ROWS = 4_096

#: Rows of a bulk commit that are an Arrow batch.
BULK_ROWS = 8_192

# Not "nbconvex": DuckDB calls a file's catalog after the file, and in nbconvex.duckdb, the usual name, a schema of the
# same name cannot be told from it.
_CREATE = """
CREATE SCHEMA IF NOT EXISTS nbconvex_log;
CREATE TABLE nbconvex_log.store (
    format_version INTEGER NOT NULL,
    store_id BLOB NOT NULL,
    applied_sequence BIGINT NOT NULL,
    applied_ts BIGINT NOT NULL
);
CREATE TABLE nbconvex_log.globals (key VARCHAR NOT NULL, value BLOB NOT NULL);
-- Ids are random, and DuckDB's dictionaries take six times as long to build as the compression of payloads.
CREATE TABLE nbconvex_log.documents (
    table_number INTEGER NOT NULL,
    id BLOB NOT NULL USING COMPRESSION uncompressed,
    ts BIGINT NOT NULL,
    payload BLOB NOT NULL USING COMPRESSION zstd
);
"""
# The lists are parameters of the inner query: as parameters of the outer one they are taken over several times, at
# three times the cost.
_STAGE = """
INSERT INTO changed
SELECT table_number, unnest(ids), unnest(timestamps)::BIGINT, unnest(payloads)
FROM (
    SELECT $1::INTEGER AS table_number, $2::BLOB[] AS ids, string_split($3, ' ') AS timestamps, $4::BLOB[] AS payloads
)
"""


@dataclass(frozen=True, slots=True)
class DuckdbSettings:
    """What DuckDB may use."""

    memory_bytes: int = MEMORY_BYTES_DEFAULT
    #: The bulk writes are small, and the cores belong to the user's cells.
    threads: int = 1

    @classmethod
    def from_environment(cls) -> DuckdbSettings:
        """The default, or less where MEM_LIMIT says how many bytes the container has, as JupyterHub and Binder do."""
        limit = os.environ.get("MEM_LIMIT", "")
        share = int(limit) // 4 if limit.isdigit() else MEMORY_BYTES_DEFAULT
        return cls(max(MEMORY_BYTES_MIN, min(share, MEMORY_BYTES_DEFAULT)))


@dataclass(frozen=True, slots=True)
class Applied:
    """Up to where a file is complete: the last frame's number, the last commit's timestamp."""

    store_id: bytes
    sequence: int
    ts: int


@dataclass(frozen=True, slots=True)
class Changes:
    """The net effect of some frames.

    Shapes:  `documents` maps table number to id to (timestamp, payload), with None for a document that is gone; `bulk`
    is what a bulk commit adds.
    """

    documents: Mapping[int, Mapping[bytes, tuple[int, bytes | None]]]
    globals: Mapping[str, bytes]
    bulk: Sequence[BulkTable] = ()


class DuckdbFile:
    """A DuckDB file that may not exist yet; `name` is what messages call it."""

    def __init__(self, path: Path, *, name: str, files: FileSystem, settings: DuckdbSettings) -> None:
        self.path = path
        self._name = name
        self._files = files
        self._settings = settings

    @property
    def exists(self) -> bool:
        """Whether there is a file. Every file of ours has had something applied to it."""
        return self.path.exists()

    def size_bytes(self) -> int:
        """Bytes on disk."""
        return self.path.stat().st_size if self.exists else 0

    def read(self) -> Reader:
        """Everything in the file. Close it after use.

        Raises:  StorageVersionError, StorageLockedError, StoragePathError, StorageCorruptError, StorageFailedError.
        """
        try:
            connection = self._connect(self.path)
        except _errors() as error:
            raise explain(self._name, error) from error
        try:
            return Reader(connection, self._name)
        except BaseException:
            connection.close()
            raise

    def apply(self, changes: Changes, *, before: Applied | None, after: Applied) -> None:
        """Bring the file from `before` to `after`; None where the file has nothing of ours yet. Durable on return.

        Raises:  StorageCorruptError if the file is not at `before`; StorageLockedError; StorageFailedError.
        """
        if before is not None and not self.exists:
            raise StorageFailedError(
                f"{self._name} was removed while the database was open. Put it back: the commits since the last "
                "checkpoint are still in its journal."
            )
        # A file appears under its name only when it is complete: a crash while DuckDB makes it leaves no half of one.
        path = self.path if self.exists else self.path.with_name(self.path.name + ".new")
        try:
            if path != self.path:
                self._files.remove(path)
                self._files.remove(path.with_name(path.name + ".wal"))
            with self._connect(path) as connection:
                self._apply(connection, changes, before, after)
                connection.execute("CHECKPOINT")
            if path != self.path:
                self._files.rename(path, self.path)
                self._files.sync_folder(self.path)
        except _errors() as error:
            raise explain(self._name, error) from error
        except OSError as error:
            raise StorageFailedError(f"{self._name}: the file could not be brought up to its journal.") from error

    def _connect(self, path: Path) -> duckdb.DuckDBPyConnection:
        import duckdb

        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": f"{self._settings.memory_bytes // 1024}KiB",
            "threads": str(self._settings.threads),
            # What we need is built in; a notebook must not go looking for more on the network.
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
        connection = duckdb.connect(str(path), config=config)
        with suppress(duckdb.InvalidInputException):
            # Refused in a kernel without ipywidgets, where there is no bar to turn off.
            connection.execute("SET enable_progress_bar = false")
        if connection.execute("SELECT path FROM duckdb_databases() WHERE NOT internal").fetchone() == (None,):
            connection.close()
            raise StoragePathError(f"{self._name}: DuckDB takes this name for a data file's. Name it app.duckdb.")
        # Memory that DuckDB has freed goes back at once: the next bulk write may be a minute away.
        connection.execute("SET allocator_flush_threshold = '1MB'")
        return connection

    def _apply(
        self, connection: duckdb.DuckDBPyConnection, changes: Changes, before: Applied | None, after: Applied
    ) -> None:
        found = _applied(connection, self._name)
        if found != before:
            raise StorageCorruptError(
                f"{self._name} was changed by another program while the database was open: it should hold every commit "
                f"up to {before.ts if before else 0}, and holds those up to {found.ts if found else 0}. The commits "
                "since then are still in its journal. Restore the file, then open it again."
            )
        connection.begin()
        if found is None:
            connection.execute(_CREATE)
            connection.execute("INSERT INTO nbconvex_log.store VALUES (?, ?, 0, 0)", [FORMAT_VERSION, after.store_id])
        _stage(connection, changes)
        connection.execute(
            "DELETE FROM nbconvex_log.documents USING changed "
            "WHERE documents.table_number = changed.table_number AND documents.id = changed.id"
        )
        connection.execute("INSERT INTO nbconvex_log.documents SELECT * FROM changed WHERE payload IS NOT NULL")
        connection.execute("DROP TABLE changed")
        for table in changes.bulk:
            _write_bulk(connection, table, after.ts)
        for key, value in changes.globals.items():
            connection.execute("DELETE FROM nbconvex_log.globals WHERE key = ?", [key])
            connection.execute("INSERT INTO nbconvex_log.globals VALUES (?, ?)", [key, value])
        position = [after.sequence, after.ts]
        connection.execute("UPDATE nbconvex_log.store SET applied_sequence = ?, applied_ts = ?", position)
        connection.commit()


class Reader:
    """An open file, for reading it once."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, name: str) -> None:
        self._connection = connection
        self._name = name
        self.applied = _applied(connection, name)

    def globals(self) -> dict[str, bytes]:
        """Every global."""
        return dict(self._rows("SELECT key, value FROM nbconvex_log.globals"))

    def tables(self) -> list[int]:
        """The numbers of all tables that have documents."""
        rows = self._rows("SELECT DISTINCT table_number FROM nbconvex_log.documents ORDER BY 1")
        return [number for (number,) in rows]

    def documents(self, table: int) -> Iterator[list[tuple[bytes, bytes]]]:
        """Id and payload of every document of one table, some thousands at a time. Not to be begun twice at once."""
        # On a cursor of its own: a connection has one result at a time.
        cursor = self._connection.cursor()
        try:
            cursor.execute("SELECT id, payload FROM nbconvex_log.documents WHERE table_number = ?", [table])
            while rows := cursor.fetchmany(FETCH_ROWS):
                yield rows
        except _errors() as error:
            raise explain(self._name, error) from error
        finally:
            cursor.close()

    def close(self) -> None:
        """Give DuckDB's memory back. Twice is fine."""
        self._connection.close()

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        if self.applied is None:
            return []
        try:
            return self._connection.execute(sql).fetchall()
        except _errors() as error:
            raise explain(self._name, error) from error


def _applied(connection: duckdb.DuckDBPyConnection, name: str) -> Applied | None:
    """Up to where the file is complete; None if it has nothing of ours."""
    import duckdb

    try:
        # Just asked for: to look in DuckDB's catalogue first takes 25 ms, this takes one.
        row = connection.execute("SELECT * FROM nbconvex_log.store").fetchone()
    except duckdb.CatalogException:
        return None
    if row is None:
        raise StorageCorruptError(f"{name} is damaged: nbconvex_log.store has no row. Restore the file from a backup.")
    version, *applied = row
    if version > FORMAT_VERSION:
        raise StorageVersionError(
            f"{name} was written by a newer nbconvex (format {version}, this one reads up to {FORMAT_VERSION}). "
            "Update nbconvex, or open another file. Nothing was changed."
        )
    return Applied(*applied)


def _stage(connection: duckdb.DuckDBPyConnection, changes: Changes) -> None:
    """Put the changed documents into a temporary table, in statements of bounded size."""
    connection.execute("CREATE OR REPLACE TEMP TABLE changed (table_number INTEGER, id BLOB, ts BIGINT, payload BLOB)")
    for table, rows in changes.documents.items():
        ids: list[bytes] = []
        timestamps: list[str] = []
        payloads: list[bytes | None] = []
        size = 0
        for document_id, (ts, payload) in rows.items():
            ids.append(document_id)
            timestamps.append(str(ts))
            payloads.append(payload)
            size += len(payload or b"")
            if len(ids) >= STATEMENT_ROWS_MAX or size >= STATEMENT_BYTES_MAX:
                connection.execute(_STAGE, [table, ids, " ".join(timestamps), payloads])
                ids, timestamps, payloads, size = [], [], [], 0
        if ids:
            connection.execute(_STAGE, [table, ids, " ".join(timestamps), payloads])


def _write_bulk(connection: duckdb.DuckDBPyConnection, bulk: BulkTable, ts: int) -> None:
    """Write many documents of one table, some thousands at a time, through Arrow: a third of the time of `_stage`."""
    import pyarrow as pa

    if bulk.is_whole:
        connection.execute("DELETE FROM nbconvex_log.documents WHERE table_number = ?", [bulk.table])
    columns = pa.schema([("id", pa.binary()), ("payload", pa.binary())])

    def batches() -> Iterator[pa.RecordBatch]:
        rows = iter(bulk.rows)
        while part := list(islice(rows, BULK_ROWS)):
            ids, payloads = zip(*part, strict=True)
            yield pa.record_batch([pa.array(ids, pa.binary()), pa.array(payloads, pa.binary())], schema=columns)

    connection.register("incoming", pa.RecordBatchReader.from_batches(columns, batches()))
    values = "SELECT $1::INTEGER, id, $2::BIGINT, payload FROM incoming"
    connection.execute(f"INSERT INTO nbconvex_log.documents {values}", [bulk.table, ts])
    connection.unregister("incoming")


def _errors() -> type[Exception]:
    import duckdb

    return duckdb.Error


def explain(name: str, error: Exception) -> StorageError:
    """What an error of DuckDB means for the file called `name`. DuckDB has no codes for these: its texts decide."""
    text = str(error)
    if held := re.search(r"[Ll]ock is held in (.+?) \(PID (\d+)\)", text):
        return StorageLockedError(name, holder=f"pid {held[2]}, {Path(held[1]).name}, not through nbconvex")
    if "Could not set lock" in text:
        return StorageLockedError(name, holder="not through nbconvex")
    if "different configuration" in text:
        return StorageLockedError(name, holder="through duckdb.connect()", is_own_process=True)
    if "not a valid DuckDB database" in text:
        return StorageVersionError(f"{name} is not a DuckDB file. It was left as it is; choose another path.")
    if "version number" in text:
        return StorageVersionError(
            f"{name} was written by another version of DuckDB. Update duckdb, then open it again."
        )
    if "Is a directory" in text:
        return StoragePathError(f"{name}: this path is a folder. Name a file in it.")
    if "Permission denied" in text or "Read-only file system" in text:
        return StoragePathError(f"{name}: the file may not be read and written. Change its rights, or choose another.")
    if "orrupt" in text or "checksum" in text:
        return StorageCorruptError(f"{name} is damaged: DuckDB cannot read it. Restore it from a backup.")
    if "No space left" in text:
        return StorageFailedError(f"{name}: the disk is full. Nothing is lost: the commits are in the journal.")
    return StorageFailedError(f"{name}: DuckDB could not do its part. Nothing is lost: the commits are in the journal.")
