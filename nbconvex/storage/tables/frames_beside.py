"""Data frames that are joined with tables for one statement.

Owns:  which Python objects are data frames; their Arrow form; telling them from parameters.
Must not know: how a statement is run.
Threads: pure functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nbconvex.errors import SqlInvalidError

if TYPE_CHECKING:
    import pyarrow as pa

    from nbconvex.storage.tables.statement import Statement


def is_frame(value: Any) -> bool:
    """Whether a value has rows and columns: pandas, polars, Arrow and what else speaks Arrow's or their protocol."""
    return hasattr(type(value), "__arrow_c_stream__") or hasattr(type(value), "__dataframe__")


def split(statement: Statement, given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters, and frames by the name that they have in FROM.

    Raises:  SqlInvalidError for a frame that the statement does not name there.
    """
    frames = {name: value for name, value in given.items() if is_frame(value)}
    in_from = {name.lower() for name in statement.tables}
    for name in frames:
        if name.lower() not in in_from:
            raise SqlInvalidError(
                f"{name} is a data frame, and this SQL does not read from it.", hint=f"SELECT … FROM {name}"
            )
    return {name: value for name, value in given.items() if name not in frames}, frames


def refuse(given: Mapping[str, Any]) -> None:
    """For SQL in functions, whose answers follow from tables and parameters alone.

    Raises:  SqlInvalidError where there is a frame.
    """
    frame = next((name for name, value in given.items() if is_frame(value)), None)
    if frame is not None:
        raise SqlInvalidError(
            f"{frame} is a data frame: it can be joined in a cell, with nbconvex.sql, and not in a function, whose "
            "answer must follow from the tables alone. Insert its rows into a table."
        )


def arrow(frame: Any) -> pa.Table:
    """A frame as an Arrow table, without its index.

    Raises:  SqlInvalidError where a column holds several types.
    """
    import pyarrow as pa

    try:
        if type(frame).__module__.partition(".")[0] == "pandas":
            return pa.Table.from_pandas(frame, preserve_index=False)
        return frame if isinstance(frame, pa.Table) else pa.table(frame)
    except (pa.ArrowException, ValueError) as error:
        # Columns of any objects are pandas' own: Arrow, and so SQL, wants one type a column.
        said = ". ".join(str(part) for part in error.args) or type(error).__name__
        raise SqlInvalidError(
            f"the data frame cannot be read as columns of one type each: {said.splitlines()[0]}.",
            hint='frame.astype({"column": str}) makes a column text',
        ) from error
