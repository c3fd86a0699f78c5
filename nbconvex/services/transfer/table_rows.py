"""Rows of tables: data frames, Arrow, Parquet, whatever DuckDB reads.

Owns:  from columns to rows, with missing cells as the schema wants them.
Must not know: Arrow; that is `storage.arrow_rows`.
Threads: one thread reads.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from nbconvex.services.transfer.cells import Column
from nbconvex.services.transfer.rows import Batch, ColumnRows, Rows
from nbconvex.storage.arrow_rows import Columns
from nbconvex.values.scalars import UNSET, Int64

_UNKNOWN = Column()


def wishes_of(columns: Mapping[str, Column]) -> dict[str, str]:
    """What each column should be, for whoever reads it."""
    return {name: column.wish for name, column in columns.items()}


def table_rows(name: str, table: Columns, known: Mapping[str, Column]) -> Rows:
    """The rows of a table; `known` is what the schema says of its columns."""
    return Rows(name, "row", table.total, _batches(table, known))


def _batches(table: Columns, known: Mapping[str, Column]) -> Generator[Batch, None, None]:
    names = table.names
    columns = [known.get(name, _UNKNOWN) for name in names]
    done = 0
    for lists in table.batches:
        may_be_absent = False
        for place, column in enumerate(columns):
            if column.wish == "int64":
                lists[place] = [Int64(cell) if _is_whole(cell) else cell for cell in lists[place]]
            if column.is_nested:
                lists[place] = [column.unfolded(cell) for cell in lists[place]]
            if column.missing is UNSET and None in lists[place]:
                may_be_absent = True
                lists[place] = [UNSET if cell is None else cell for cell in lists[place]]
        rows = ColumnRows(names, lists, has_gaps=may_be_absent)
        first, done = done + 1, done + len(rows)
        yield Batch(range(first, done + 1), rows, done)


def _is_whole(cell: Any) -> bool:
    """Whether a cell is a whole number that 64 bits hold."""
    return type(cell) is int and -(2**63) <= cell < 2**63
