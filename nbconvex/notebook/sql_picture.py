"""Answers to SQL as pictures.

Owns:  `sql_picture`: the first rows of an answer, as cells; `SqlForms`: how a shell shows answers that it is given.
Must not know: how SQL is run.
Invariant: an answer of a million rows is not made into Python objects to show a hundred of them.
Threads: the kernel's main thread.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from nbconvex.notebook.html import picture_html
from nbconvex.notebook.picture import COLUMNS_MAX, Picture
from nbconvex.values.cells import cell_of

if TYPE_CHECKING:
    from nbconvex.storage.tables.sql_result import SqlResult

#: Rows of an answer that are shown. All of them are in the answer.
SQL_ROWS_SHOWN: Final = 100
#: Where the class of answers stands; it is not imported before there is one.
_ANSWER: Final = "nbconvex.storage.tables.sql_result.SqlResult"


def sql_picture(result: SqlResult, *, rows_max: int = SQL_ROWS_SHOWN) -> Picture:
    """The answer's first rows as a table."""
    columns = tuple(result.columns[:COLUMNS_MAX])
    rows = tuple(
        tuple(_cell(value, column) for value, column in zip(row, columns, strict=False))
        for row in result.head(rows_max).fetchall()
    )
    dropped = len(result.columns) - len(columns)
    numeric = (({row[at][0] for row in rows} - {"z"}) == {"n"} for at in range(len(columns)))
    return Picture(
        "table",
        columns=columns,
        numeric=tuple(numeric),
        keys=tuple(map(str, range(len(rows)))),
        rows=rows,
        total=len(result),
        note=f"{dropped:,} more columns are not shown" if dropped else "",
    )


def _cell(value: Any, column: str) -> str:
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return f"t{moment.timestamp() * 1e3!r}"
    if isinstance(value, Decimal):
        return f"n{value}"
    if hasattr(value, "nanoseconds"):
        # A span of time, as Arrow has it: no number of seconds, for months differ.
        return f"s{value.months} months {value.days} days {value.nanoseconds / 1e9:g} s"
    return cell_of(str(value) if isinstance(value, (date, time, timedelta, UUID)) else value, column=column)


class SqlForms:
    """The HTML form of answers in one shell, until `remove`."""

    def __init__(self, shell: Any) -> None:
        formatters = getattr(getattr(shell, "display_formatter", None), "formatters", {})
        self._html = formatters.get("text/html")
        if self._html is not None:
            self._html.for_type(_ANSWER, lambda result: picture_html(sql_picture(result)))

    def remove(self) -> None:
        """Show them as texts again. Twice is fine."""
        if self._html is not None:
            self._html.pop(_ANSWER, None)
