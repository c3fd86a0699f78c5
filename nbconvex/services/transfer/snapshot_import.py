"""Importing a snapshot: tables, files, ids and times as they were.

Owns:  from a snapshot's entries to one commit; the numbers of tables; ids of files that have another number here.
Must not know: what is harmful in a ZIP file; that is `snapshot_reader`.
Invariant: nothing is changed unless everything fits. Bytes of files are kept before, and dropped if nothing comes of
it.
Threads: the caller's.
Source: wire-protocol 7.
"""

from __future__ import annotations

import base64
import binascii
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nbconvex.database.system_tables import FIRST_USER_TABLE, STORAGE_TABLE
from nbconvex.errors import CallerError, DataRefusedError, LimitExceededError, ValueInvalidError
from nbconvex.services.transfer.files_port import FileEntry
from nbconvex.services.transfer.importer import ImportReport, Progress, empty_others, mode_of, take
from nbconvex.services.transfer.json_rows import json_line_rows
from nbconvex.services.transfer.misfits import Misfits
from nbconvex.services.transfer.rows import Batch, refused
from nbconvex.services.transfer.snapshot_reader import SnapshotReader
from nbconvex.values.export_json import from_export_json, from_plain_json
from nbconvex.values.ids import decode_id, encode_id
from nbconvex.values.scalars import Int64

if TYPE_CHECKING:
    from nbconvex.database.bulk import Bulk
    from nbconvex.database.database import Database
    from nbconvex.database.table_load import TableLoad
    from nbconvex.database.transaction import Transaction
    from nbconvex.services.transfer.files_port import Files

_PIECE_BYTES: Final = 1024 * 1024
_DIGEST_BYTES: Final = 32


def import_snapshot(
    database: Database, files: Files, path: Path, mode: str | None, progress: Progress | None
) -> ImportReport:
    """Import everything that is in a snapshot.

    Raises:  DataRefusedError, CallerError, LimitExceededError, ConflictError: nothing was changed. StorageError.
    """
    started = time.monotonic()
    with closing(SnapshotReader(path, database.limits)) as reader:
        run = _Run(database, files, reader, mode, progress)
        try:
            with files.held():
                return run.imported(started)
        except BaseException:
            files.drop_unneeded(run.kept)
            raise


class _Run:
    """One import under way."""

    def __init__(
        self, database: Database, files: Files, reader: SnapshotReader, mode: str | None, progress: Progress | None
    ) -> None:
        self.kept: list[bytes] = []
        self._database = database
        self._files = files
        self._reader = reader
        self._mode = mode
        self._progress = progress
        self._contents = reader.contents
        self._total = sum(
            entry.file_size for entry in (*self._contents.documents.values(), *self._contents.files.values())
        )
        self._done = 0
        #: Ids of files in the snapshot, and what they are here, where that is something else.
        self._renamed: dict[str, str] = {}

    def imported(self, started: float) -> ImportReport:
        database, contents = self._database, self._contents
        bulk = database.begin_bulk()
        known = self._file_lines()
        if known or contents.files:
            self._require_no_files(bulk)
        loads = bulk.open_all(self._numbers(), mode_of(self._mode))
        self._load_documents(loads)
        counts = {name: len(load) for name, load in loads.items()}
        emptied = empty_others(bulk) if self._mode == "replace_all" else ()
        entries = self._keep_files(known, bulk)
        if mode_of(self._mode) == "append":
            self._require_same_files(entries, bulk)
        replaces = self._mode == "replace_all" or (self._mode == "replace" and contents.storage is not None)

        def put_files(transaction: Transaction) -> None:
            if entries or replaces:
                self._files.put_entries(transaction, entries, replaces=replaces)

        ts = database.commit_bulk(bulk, put_files)
        return ImportReport(counts, time.monotonic() - started, ts, len(entries), emptied, tuple(contents.skipped))

    # -- tables ------------------------------------------------------------------------------------------------------

    def _numbers(self) -> dict[str, int | None]:
        """The number of each table's ids: what the list of tables says, or the first id."""
        listed = self._listed()
        numbers: dict[str, int | None] = {}
        for table, entry in self._contents.documents.items():
            numbers[table] = listed[table] if table in listed else self._first_number(entry)
        # A table without documents is one all the same.
        return numbers | {table: number for table, number in listed.items() if table not in numbers}

    def _listed(self) -> dict[str, int]:
        entry = self._contents.listing
        if entry is None:
            return {}
        listed: dict[str, int] = {}
        for number, row in self._lines(entry, from_plain_json):
            where = f'entry "{entry.filename}", line {number:,}'
            name, given = (row.get("name"), row.get("id")) if isinstance(row, dict) else (None, None)
            if not isinstance(name, str) or not isinstance(given, float) or not given.is_integer():
                raise refused(self._reader.name, where, 'it should be {"name": "...", "id": NUMBER}')
            if name.startswith("_"):
                continue
            if name in listed or int(given) in listed.values():
                raise refused(self._reader.name, where, "a table is there twice, or two have one number")
            if int(given) < FIRST_USER_TABLE:
                raise refused(
                    self._reader.name, where, f"{int(given):,} is no number of a user's table: those begin with "
                    f"{FIRST_USER_TABLE:,}",
                )  # fmt: skip
            listed[name] = int(given)
        return listed

    def _first_number(self, entry: zipfile.ZipInfo) -> int | None:
        for _, row in self._lines(entry, from_plain_json):
            try:
                return decode_id(row["_id"])[0]
            except (ValueInvalidError, KeyError, TypeError):
                return None  # what is wrong with it is said when it is loaded
        return None

    def _load_documents(self, loads: dict[str, TableLoad]) -> None:
        problems: list[str] = []
        for table, entry in self._contents.documents.items():
            read = from_export_json if self._reader.keeps_types(table) else from_plain_json
            misfits = Misfits(self._reader.name, "line")
            for batch in self._batches(entry, read):
                take(loads[table], batch, misfits)
                if misfits.is_full:
                    break
            try:
                misfits.raise_if_any()
            except DataRefusedError as error:
                problems += [f'entry "{entry.filename}", {problem}' for problem in error.problems]
        if problems:
            raise DataRefusedError(self._reader.name, problems)

    def _lines(self, entry: zipfile.ZipInfo, read: Callable[[Any], Any]) -> Iterator[tuple[int, Any]]:
        """The lines of an entry and their numbers; a line that holds no value is an error."""
        for batch in self._raw_batches(entry, read):
            for number, row in zip(batch.numbers, batch.rows, strict=True):
                if isinstance(row, Exception):
                    raise refused(self._reader.name, f'entry "{entry.filename}", line {number:,}', str(row))
                yield number, row

    def _batches(self, entry: zipfile.ZipInfo, read: Callable[[Any], Any]) -> Iterator[Batch]:
        before = self._done
        for batch in self._raw_batches(entry, read):
            yield batch._replace(rows=[self._as_here(row) for row in batch.rows])
            self._tell(before + batch.done)
        self._done = before + entry.file_size

    def _raw_batches(self, entry: zipfile.ZipInfo, read: Callable[[Any], Any]) -> Iterator[Batch]:
        with self._reader.open(entry) as file:
            name = f"{self._reader.name}, entry {entry.filename}"
            yield from json_line_rows(file, name, entry.file_size, self._database.limits, read=read).batches

    def _as_here(self, row: Any) -> Any:
        if isinstance(row, dict):
            created = row.get("_creationTime")
            if type(created) is Int64:  # written without its point
                row["_creationTime"] = float(created.value)
            if self._renamed:
                return _renamed(row, self._renamed)
        return row

    def _tell(self, done: int) -> None:
        if self._progress is not None:
            self._progress(done, self._total)

    # -- files -------------------------------------------------------------------------------------------------------

    def _require_no_files(self, bulk: Bulk) -> None:
        count = sum(1 for _ in self._files.entries(bulk.base))
        if count and mode_of(self._mode) == "empty":
            raise CallerError(
                f"the store has {count:,} files already. Say what is to become of them: "
                'mode="append" (--append) keeps them, mode="replace" (--replace) deletes them.'
            )

    def _require_same_files(self, entries: list[FileEntry], bulk: Bulk) -> None:
        """Refuse files that would take the places of others, which stay."""
        present = {each.internal: each.digest for each in self._files.entries(bulk.base)}
        for entry in entries:
            if present.get(entry.internal, entry.digest) != entry.digest:
                raise CallerError(
                    f"the file {encode_id(STORAGE_TABLE, entry.internal)} of the snapshot is in the store already, "
                    'with other bytes. Use mode="replace" (--replace) to have those of the snapshot.'
                )

    def _file_lines(self) -> dict[str, dict[str, Any]]:
        """What the snapshot says of its files, by their ids; notes what the ids are here."""
        entry, known = self._contents.storage, dict[str, dict[str, Any]]()
        if entry is not None:
            for number, row in self._lines(entry, from_plain_json):
                where = f'entry "{entry.filename}", line {number:,}'
                file_id = row.get("_id") if isinstance(row, dict) else None
                if not isinstance(file_id, str) or file_id in known:
                    raise refused(self._reader.name, where, "it has no _id, or the _id of another line")
                if file_id not in self._contents.files:
                    raise refused(self._reader.name, where, f"the file {file_id:.60} itself is not in the snapshot")
                known[file_id] = row
        numbers = set()
        for file_id in self._contents.files:
            try:
                number, internal = decode_id(file_id)
            except ValueInvalidError as error:
                place = f'entry "{self._contents.files[file_id].filename:.100}"'
                raise refused(self._reader.name, place, error.problem) from None
            numbers.add(number)
            if number != STORAGE_TABLE:
                self._renamed[file_id] = encode_id(STORAGE_TABLE, internal)
        if len(numbers) > 1:
            raise refused(self._reader.name, "the files", f"their ids are of several tables: {sorted(numbers)}")
        return known

    def _keep_files(self, known: dict[str, dict[str, Any]], bulk: Bulk) -> list[FileEntry]:
        entries = []
        for file_id, entry in self._contents.files.items():
            line = known.get(file_id, {})
            where = f'entry "{entry.filename:.100}"'
            if entry.file_size > self._database.limits.file_bytes:
                raise LimitExceededError(
                    "file_bytes", f"{self._reader.name} was not imported: its {where} has {entry.file_size:,} bytes",
                    maximum=self._database.limits.file_bytes, actual=entry.file_size,
                )  # fmt: skip
            digest, size = self._keep(entry, _expected(line, self._reader.name, where))
            stated = line.get("size")
            if stated is not None and stated != size:
                raise refused(self._reader.name, where, f"it has {size:,} bytes, and its line says {stated!r:.40}")
            content_type = line.get("contentType")
            if content_type is not None and not isinstance(content_type, str):
                raise refused(self._reader.name, where, "its contentType is no text")
            created = line.get("_creationTime")
            try:
                created_ms = bulk.next_creation_ms() if created is None else bulk.own_creation_ms(created)
            except ValueInvalidError as error:
                raise refused(self._reader.name, where, error.problem) from None
            entries.append(FileEntry(decode_id(file_id)[1], digest, size, content_type, created_ms, ""))
        return entries

    def _keep(self, entry: zipfile.ZipInfo, expected: bytes | None) -> tuple[bytes, int]:
        writer = self._files.begin_bytes()
        try:
            with self._reader.open(entry) as file:
                while piece := file.read(_PIECE_BYTES):
                    writer.write(piece)
                    self._done += len(piece)
                    self._tell(self._done)
            digest, size = writer.digest, writer.size
            if expected is not None and digest != expected:
                raise refused(
                    self._reader.name, f'entry "{entry.filename:.100}"', "its sha256 is not the one that its line says"
                )
            writer.keep()
            self.kept.append(digest)
        finally:
            writer.abort()
        return digest, size


def _expected(line: dict[str, Any], name: str, where: str) -> bytes | None:
    given = line.get("sha256")
    if given is None:
        return None
    try:
        digest = base64.b64decode(given, validate=True)
    except (binascii.Error, TypeError, ValueError):
        digest = b""
    if len(digest) != _DIGEST_BYTES:
        raise refused(name, where, "the sha256 in its line is not the base64 of 32 bytes")
    return digest


def _renamed(value: Any, names: dict[str, str]) -> Any:
    kind = type(value)
    if kind is str:
        return names.get(value, value)
    if kind is dict:
        return {name: _renamed(item, names) for name, item in value.items()}
    if kind is list:
        return [_renamed(item, names) for item in value]
    return value
