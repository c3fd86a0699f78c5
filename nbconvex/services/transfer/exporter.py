"""Exporting: one moment of a store, written while it goes on.

Owns:  `export`; `ExportReport`; what a target's name says.
Must not know: what the formats look like.
Invariant: everything is of one snapshot, which nothing that is written later can change.
Threads: the caller's.
Source: semantics 12.1; wire-protocol 7.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nbconvex.database.system_tables import FIRST_USER_TABLE
from nbconvex.errors import CallerError
from nbconvex.services.transfer.output import whole_file, whole_folder
from nbconvex.services.transfer.snapshot_writer import SnapshotWriter
from nbconvex.services.transfer.table_files import write_json_lines, write_parquet

if TYPE_CHECKING:
    from nbconvex.database.database import Database
    from nbconvex.database.snapshot import Snapshot, Table
    from nbconvex.services.transfer.files_port import Files
    from nbconvex.services.transfer.importer import Progress

_FORMATS: Final = {".zip": "zip", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What an export has written.

    Shapes:  `tables` gives the number of documents by table; `has_files` says whether the store has files, written or
             not. Units: `ts` in nanoseconds, the moment of it.
    """

    path: Path
    tables: Mapping[str, int]
    seconds: float
    ts: int
    size_bytes: int
    files: int = 0
    has_files: bool = False
    is_snapshot: bool = False

    @property
    def documents(self) -> int:
        """Documents in all tables."""
        return sum(self.tables.values())


def export(
    database: Database, files: Files, target: str | os.PathLike[str], table: str | None, *, format: str | None,
    include_files: bool, progress: Progress | None,
) -> ExportReport:  # fmt: skip
    """Write a store, or one table of it.

    Raises:  CallerError, StorageError: then the target is as it was.
    """
    started = time.monotonic()
    path = Path(target).expanduser()
    kind = _format_of(path, format)
    if include_files and kind != "zip":
        raise CallerError("files go into a snapshot.", hint='nbconvex.export_data("backup.zip", include_files=True)')
    # Held before the snapshot is taken: what it names stays until it is written.
    with files.held() if include_files else nullcontext():
        snapshot = database.snapshot
        tables = _tables(snapshot, table, kind)
        counts = {each.name: len(each.documents) for each in tables}
        told = _teller(progress, sum(counts.values()))
        entries = list(files.entries(snapshot)) if kind == "zip" else []
        if kind == "zip":
            _write_snapshot(path, snapshot, tables, entries if include_files else None, files, told)
        else:
            _write_tables(path, tables, kind, told)
    return ExportReport(
        path, counts, time.monotonic() - started, snapshot.ts, _size_of(path, tables, kind),
        files=len(entries) if include_files else 0, has_files=bool(entries), is_snapshot=kind == "zip",
    )  # fmt: skip


def _format_of(path: Path, wanted: str | None) -> str:
    known = ("zip", "jsonl", "parquet", "folder")
    if wanted is not None:
        if wanted not in known:
            raise CallerError(f"there is no format {wanted!r} to export to; there are {', '.join(known)}.")
        return wanted
    found = _FORMATS.get(path.suffix.lower())
    if found is not None:
        return found
    if not path.suffix or path.is_dir():
        return "folder"
    raise CallerError(
        f"{path} has no ending that says what to write: .zip for a snapshot, .jsonl or .parquet for one table; a "
        "folder gets a Parquet file for each table."
    )


def _tables(snapshot: Snapshot, wanted: str | None, kind: str) -> list[Table]:
    """The tables to be written, small ones first."""
    tables = {table.name: table for number, table in snapshot.tables.items() if number >= FIRST_USER_TABLE}
    if wanted is not None:
        if wanted not in tables:
            raise CallerError(f'there is no table "{wanted}". Tables: {", ".join(sorted(tables)) or "none yet"}.')
        return [tables[wanted]]
    if kind in {"jsonl", "parquet"}:
        raise CallerError(
            f"one {kind} file holds one table: say which. Tables: {', '.join(sorted(tables)) or 'none yet'}.",
            hint=f'--table messages   or, from code,   nbconvex.export_data("messages.{kind}", table="messages")',
        )
    return sorted(tables.values(), key=lambda table: (len(table.documents), table.name))


def _teller(progress: Progress | None, total: int) -> Callable[[int], None]:
    done = 0

    def told(count: int) -> None:
        nonlocal done
        done += count
        if progress is not None:
            progress(done, total)

    return told


def _write_snapshot(
    path: Path, snapshot: Snapshot, tables: list[Table], entries: list[Any] | None, files: Files,
    told: Callable[[int], None],
) -> None:  # fmt: skip
    with whole_file(path) as partial, SnapshotWriter(partial, snapshot.ts, told) as writer:
        writer.write_beginning(tables, has_files=entries is not None)
        for table in tables:
            writer.write_table(table)
        if entries is not None:
            writer.write_files(entries, files)


def _write_tables(path: Path, tables: list[Table], kind: str, told: Callable[[int], None]) -> None:
    if kind == "folder":
        with whole_folder(path) as folder:
            for table in tables:
                write_parquet(table, folder / f"{table.name}.parquet", told)
        return
    with whole_file(path) as partial:
        write = write_json_lines if kind == "jsonl" else write_parquet
        write(tables[0], partial, told)


def _size_of(path: Path, tables: list[Table], kind: str) -> int:
    if kind == "folder":
        return sum((path / f"{table.name}.parquet").stat().st_size for table in tables)
    return path.stat().st_size
