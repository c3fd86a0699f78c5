"""`nbconvex.sql(...)`: SQL in plain code, asked of the backend that is open.

Owns:  `sql`.
Must not know: how SQL is run.
Threads: any.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbconvex.functions import current

if TYPE_CHECKING:
    from nbconvex.storage.tables.sql_result import SqlResult


def sql(text: str, /, **parameters: Any) -> SqlResult:
    """Ask the open backend's tables with a SELECT; values come in by name, as `$name` in the text.

    Raises:  SqlInvalidError, LimitExceededError; CallerError where no backend is open, or more than one.
    """
    host: Any = current.the_only_one()
    result: SqlResult = host.sql(text, **parameters)
    return result
