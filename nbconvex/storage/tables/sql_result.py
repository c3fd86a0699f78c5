"""The answer to SQL that was asked in plain code: an Arrow table, and what can be made of it.

Owns:  `SqlResult`.
Must not know: how the statement was run.
Invariant: the table was made by DuckDB, column by column, and is never changed.
Threads: may be shared.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from nbconvex.errors import CallerError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_ROWS_SHOWN = 10
_WIDTH_SHOWN = 40
#: Whole numbers that are decimals in Arrow.
_HUGE = frozenset({"HUGEINT", "UHUGEINT"})


class SqlResult:
    """Rows and columns. `len` is the number of rows; iterating gives rows as tuples.

    Fields:  `columns` are the names; `types` their types, as DuckDB spells them.
    """

    __slots__ = ("_table", "columns", "types")

    def __init__(self, table: pa.Table, types: list[str]) -> None:
        self._table = table
        self.columns: list[str] = table.column_names
        self.types = types

    def arrow(self) -> pa.Table:
        """The answer as an Arrow table, as DuckDB made it: whole numbers beyond 64 bits are decimals there."""
        return self._table

    def df(self) -> pd.DataFrame:
        """The answer as a pandas DataFrame. Sums of whole numbers are floats, as DuckDB's own `df()` has them; 64-bit
        integers stay exact.

        Raises:  CallerError where pandas is not installed.
        """
        pandas = _required("pandas", "df", "arrow() or .fetchall()")
        frame = _with_floats(self._table).to_pandas()
        for at, kind in enumerate(self.types):
            if kind == "BIGINT" and self._table.column(at).null_count:
                # As floats, which is what NumPy has for whole numbers with gaps, they would not be exact.
                values = self._table.column(at).to_pylist()
                frame.isetitem(at, pandas.array(values, dtype="Int64"))
        return frame

    def pl(self) -> Any:
        """The answer as a polars DataFrame.

        Raises:  CallerError where polars is not installed.
        """
        return _required("polars", "pl", "df() or .arrow()").from_arrow(self._table)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """What makes it a data frame to others: to an import, to another statement, to polars. Sums as in `df()`."""
        return _with_floats(self._table).__arrow_c_stream__(requested_schema)

    def fetchall(self) -> list[tuple[Any, ...]]:
        """The rows as tuples of Python objects."""
        columns = [
            [None if value is None else int(value) for value in column.to_pylist()]
            if kind in _HUGE
            else column.to_pylist()
            for kind, column in zip(self.types, self._table.columns, strict=True)
        ]
        return list(zip(*columns, strict=True)) if columns else []

    def fetchone(self) -> tuple[Any, ...] | None:
        """The first row, or None."""
        first = self.head(1).fetchall()
        return first[0] if first else None

    def head(self, rows: int = _ROWS_SHOWN) -> SqlResult:
        """The same with the first rows only."""
        return SqlResult(self._table.slice(0, rows), self.types)

    def __len__(self) -> int:
        count: int = self._table.num_rows
        return count

    def __iter__(self) -> Any:
        return iter(self.fetchall())

    def __repr__(self) -> str:
        count = len(self)
        rows = self.head().fetchall()
        cells = [list(self.columns), *([_shown(value) for value in row] for row in rows)]
        widths = [max(len(row[at]) for row in cells) for at in range(len(self.columns))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
        ]
        more = f", the first {_ROWS_SHOWN} shown" if count > _ROWS_SHOWN else ""
        return "\n".join([*lines, f"[{count:,} row{'' if count == 1 else 's'}{more}]"])


def _shown(value: Any) -> str:
    text = "NULL" if value is None else str(value)
    text = " ".join(text.split("\n"))
    return text if len(text) <= _WIDTH_SHOWN else text[: _WIDTH_SHOWN - 1] + "…"


def _required(package: str, method: str, instead: str) -> Any:
    try:
        return importlib.import_module(package)
    except ImportError:
        raise CallerError(
            f"{package} is not installed, and .{method}() needs it. Without it there is .{instead}.",
            hint=f"%pip install {package}",
        ) from None


def _with_floats(table: pa.Table) -> pa.Table:
    import pyarrow as pa

    for at, field in enumerate(table.schema):
        if pa.types.is_decimal(field.type):
            table = table.set_column(at, field.name, table.column(at).cast(pa.float64()))
    return table
