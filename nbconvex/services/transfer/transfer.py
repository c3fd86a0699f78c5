"""Data in, data out, for one backend.

Owns:  `Transfer`, what `backend.import_data` and `backend.export_data` do.
Must not know: Jupyter; where files' bytes lie, which whoever wires it says.
Threads: any.
"""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbconvex.errors import CallerError
from nbconvex.services.transfer.cells import columns_of
from nbconvex.services.transfer.exporter import ExportReport, export
from nbconvex.services.transfer.importer import ImportReport, Progress, import_rows, mode_of
from nbconvex.services.transfer.snapshot_import import import_snapshot
from nbconvex.services.transfer.sources import format_of, opened, path_of, rows_of

if TYPE_CHECKING:
    from nbconvex.database.database import Database
    from nbconvex.services.transfer.files_port import Files


class Transfer:
    """Imports into one store, and exports of it."""

    def __init__(self, database: Database, files: Files) -> None:
        self._database = database
        self._files = files

    def import_data(
        self, source: Any, table: str | None = None, *, mode: str | None = None, format: str | None = None,
        progress: Progress | None = None,
    ) -> ImportReport:  # fmt: skip
        """Import a file, a table or a list of dicts, all of it or nothing.

        Raises:  CallerError, DataRefusedError, LimitExceededError, ConflictError: nothing was changed. StorageError.
        """
        mode_of(mode)
        path = path_of(source)
        kind = None if path is None else format_of(path, format)
        if path is None and format is not None:
            raise CallerError("format=... says what is in a file; this source is none.")
        if path is not None and kind == "zip":
            if table is not None:
                raise CallerError(f"{path} is a snapshot, which names its tables itself; leave table out.")
            return import_snapshot(self._database, self._files, path, mode, progress)
        if table is None:
            raise CallerError(
                "into which table? A snapshot (.zip) says it itself, nothing else does.",
                hint=f'nbconvex.import_data({_shown(source, path)}, table="{_table_like(path)}")',
            )
        schema = self._database.snapshot.schema
        definition = None if schema is None else schema.definition.tables.get(table)
        columns = columns_of(None if definition is None else definition.validator)
        with opened(source, path, kind) as given:
            rows = rows_of(given, path, kind, columns, self._database.limits)
            # Closed with the file: a reader may have changed what is the process's.
            with closing(rows.batches):
                return import_rows(self._database, rows, table, mode, progress)

    def export_data(
        self, target: str | os.PathLike[str], table: str | None = None, *, format: str | None = None,
        include_files: bool = False, progress: Progress | None = None,
    ) -> ExportReport:  # fmt: skip
        """Write the store, or one table of it, as of one moment.

        Raises:  CallerError, StorageError: then the target is as it was.
        """
        return export(
            self._database, self._files, target, table, format=format, include_files=include_files, progress=progress
        )


def _shown(source: Any, path: Path | None) -> str:
    return repr(str(source)) if path is not None else type(source).__name__.lower()


def _table_like(path: Path | None) -> str:
    name = "" if path is None else path.name.partition(".")[0]
    return name if name.isidentifier() and name.isascii() else "items"
