"""Imports and exports for plain code: `backend.import_data`, and `nbconvex.import_data` in a notebook.

Owns:  `PlainTransfer`; `import_data` and `export_data`, the same for the only backend that is open.
Must not know: how anything is done; that is `transfer`, imported when it is first needed.
Invariant: inside a function it refuses: a mutation is one transaction, and what it writes goes through `ctx.db`.
Threads: any.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from nbconvex.errors import NotAllowedError
from nbconvex.functions import current
from nbconvex.functions.run import CURRENT

if TYPE_CHECKING:
    from nbconvex.database.database import Database
    from nbconvex.services.transfer.exporter import ExportReport
    from nbconvex.services.transfer.files_port import Files
    from nbconvex.services.transfer.importer import ImportReport, Progress


class PlainTransfer:
    """Data in and data out of one backend."""

    def __init__(self, database: Database, files: Files) -> None:
        self._database = database
        self._files = files

    def import_data(
        self, source: Any, table: str | None = None, *, mode: str | None = None, format: str | None = None,
        progress: Progress | None = None,
    ) -> ImportReport:  # fmt: skip
        """Import rows into `table`, all of them or none; a snapshot (.zip) names its tables itself.

        Shapes:  `source` is a path (.csv, .tsv, .jsonl, .json, .parquet, .zip), a data frame, an Arrow table or reader,
        a relation of DuckDB, or an iterable of dicts. `mode` says what becomes of documents that are there: None, there
        must be none; "append", "replace", "replace_all" (other tables are emptied too). `progress` is called with how
        much is read and how much there is, in bytes or rows.
        Raises:  DataRefusedError where rows do not fit, CallerError, LimitExceededError, ConflictError if the schema or
        the tables changed meanwhile: then nothing was changed. StorageError.
        """
        from nbconvex.services.transfer.transfer import Transfer

        _require_plain("import_data")
        transfer = Transfer(self._database, self._files)
        return transfer.import_data(source, table, mode=mode, format=format, progress=progress)

    def export_data(
        self, target: str | os.PathLike[str], table: str | None = None, *, format: str | None = None,
        include_files: bool = False, progress: Progress | None = None,
    ) -> ExportReport:  # fmt: skip
        """Write everything, or one table, as of one moment; the file appears when it is whole.

        Shapes:  `target` ends in .zip (a snapshot as Convex writes it, with files where `include_files`), .jsonl or
        .parquet (of one `table`), or is a folder that gets a Parquet file a table. `progress` is called with how many
        documents are written and how many there are.
        Raises:  CallerError, StorageError: then the target is as it was.
        """
        from nbconvex.services.transfer.transfer import Transfer

        _require_plain("export_data")
        transfer = Transfer(self._database, self._files)
        return transfer.export_data(target, table, format=format, include_files=include_files, progress=progress)


def import_data(
    source: Any, table: str | None = None, *, mode: str | None = None, format: str | None = None,
    progress: Progress | None = None,
) -> ImportReport:  # fmt: skip
    """`backend.import_data` of the only backend that is open.

    Raises:  as that; CallerError if there is none, or more than one.
    """
    __tracebackhide__ = True
    backend: Any = current.the_only_one()
    report: ImportReport = backend.import_data(source, table, mode=mode, format=format, progress=progress)
    return report


def export_data(
    target: str | os.PathLike[str], table: str | None = None, *, format: str | None = None,
    include_files: bool = False, progress: Progress | None = None,
) -> ExportReport:  # fmt: skip
    """`backend.export_data` of the only backend that is open.

    Raises:  as that; CallerError if there is none, or more than one.
    """
    __tracebackhide__ = True
    backend: Any = current.the_only_one()
    report: ExportReport = backend.export_data(
        target, table, format=format, include_files=include_files, progress=progress
    )
    return report


def _require_plain(method: str) -> None:
    run = CURRENT.get()
    if run is not None:
        raise NotAllowedError(
            f"{run.path} calls {method}, which plain code does, for it is no part of a function's transaction.",
            hint="ctx.db.insert(table, document)" if method == "import_data" else 'ctx.db.query("table").collect()',
        )
