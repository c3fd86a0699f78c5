"""Importing: from rows to one commit.

Owns:  `import_rows`; `Mode`, what may become of the documents that there are; `ImportReport`.
Must not know: formats, files.
Invariant: nothing is changed unless everything fits.
Threads: the caller's.
Source: semantics 12.1; wire-protocol 7.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from nbconvex.database.system_tables import FIRST_USER_TABLE
from nbconvex.database.table_load import Mode
from nbconvex.errors import CallerError, LimitExceededError, ValueInvalidError
from nbconvex.services.transfer.misfits import Misfits
from nbconvex.services.transfer.rows import Batch, ColumnRows, Rows
from nbconvex.values.ids import decode_id

if TYPE_CHECKING:
    from nbconvex.database.bulk import Bulk
    from nbconvex.database.database import Database
    from nbconvex.database.table_load import TableLoad

#: Told how much is read and how much there is, which is None where nobody knows; the unit is the source's.
Progress = Callable[[int, int | None], None]

#: What callers write.
_MODES: Final[Mapping[str | None, Mode]] = {
    None: "empty",
    "empty": "empty",
    "append": "append",
    "replace": "replace",
    "replace_all": "replace",
}


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import has done.

    Shapes:  `tables` gives the number of documents by table; `emptied` the tables that "replace_all" has emptied;
             `skipped` what was passed over, and why. Units: `ts` in nanoseconds, when all of it appeared.
    """

    tables: Mapping[str, int]
    seconds: float
    ts: int
    files: int = 0
    emptied: tuple[str, ...] = ()
    skipped: tuple[str, ...] = field(default=())

    @property
    def documents(self) -> int:
        """Documents in all tables."""
        return sum(self.tables.values())


def mode_of(mode: str | None) -> Mode:
    """What becomes of the documents of a table that is imported into.

    Raises:  CallerError.
    """
    if mode not in _MODES:
        known = ", ".join(f'"{each}"' for each in _MODES if each)
        raise CallerError(f'there is no mode {mode!r}; there are {known}. None is "empty": the table must be.')
    return _MODES[mode]


def import_rows(
    database: Database, rows: Rows, table: str, mode: str | None, progress: Progress | None
) -> ImportReport:
    """Import the rows of one source into one table.

    Raises:  DataRefusedError, CallerError, LimitExceededError, ConflictError: nothing was changed. StorageError.
    """
    started = time.monotonic()
    first = next(rows.batches, Batch((), [], 0))
    bulk = database.begin_bulk()
    load = bulk.open(table, mode_of(mode), number=_number_in(first.rows))
    misfits = Misfits(rows.name, rows.unit)
    for batch in chain((first,), rows.batches):
        take(load, batch, misfits)
        if progress is not None:
            progress(batch.done, rows.total)
        if misfits.is_full:
            break
    misfits.raise_if_any()
    count = len(load)
    emptied = empty_others(bulk) if mode == "replace_all" else ()
    ts = database.commit_bulk(bulk)
    return ImportReport({table: count}, time.monotonic() - started, ts, emptied=emptied)


def take(load: TableLoad, batch: Batch, misfits: Misfits) -> None:
    """Take the rows of a batch into a load.

    Raises:  LimitExceededError where the memory does not suffice.
    """
    rows = batch.rows
    if (
        isinstance(rows, ColumnRows)
        and not (rows.has_gaps or misfits.count)
        and load.add_columns(rows.names, rows.columns)
    ):
        return
    add = load.add
    for number, row in zip(batch.numbers, batch.rows, strict=True):
        try:
            if isinstance(row, Exception):
                raise row
            add(row)
        except LimitExceededError as error:
            if error.limit == "memory_bytes_max":
                raise
            misfits.add(number, error)
        except Exception as error:
            if not isinstance(error, CallerError) and error is not row:
                raise
            misfits.add(number, error)
    if misfits.count:
        load.forget()


def empty_others(bulk: Bulk) -> tuple[str, ...]:
    """Have the load empty every table that it does not fill."""
    others = [
        name for name, number in bulk.base.numbers.items() if number >= FIRST_USER_TABLE and name not in bulk.loads
    ]
    for name in others:
        bulk.open(name, "replace")
    return tuple(name for name in others if len(bulk.base.tables[bulk.base.numbers[name]].documents))


def _number_in(rows: Sequence[Any]) -> int | None:
    """The table's number in the first id that the rows bring along."""
    if isinstance(rows, ColumnRows) and "_id" not in rows.names:
        return None
    for row in rows:
        own_id = row.get("_id") if isinstance(row, dict) else None
        if isinstance(own_id, str):
            try:
                return decode_id(own_id)[0]
            except ValueInvalidError:
                return None
    return None
