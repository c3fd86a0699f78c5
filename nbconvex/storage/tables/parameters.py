"""What is bound to the `$names` of a statement.

Owns:  `bound`.
Must not know: how a statement is run.
Threads: pure functions.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nbconvex.errors import SqlInvalidError, ValueInvalidError
from nbconvex.values.codec import normalize
from nbconvex.values.scalars import Int64

if TYPE_CHECKING:
    from nbconvex.storage.tables.statement import Statement


def bound(statement: Statement, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters' values as DuckDB takes them: values of documents, and datetimes.

    Raises:  SqlInvalidError where one is missing, too many, or no value.
    """
    missing = [name for name in statement.parameters if name not in parameters]
    if missing:
        raise SqlInvalidError(
            f"this SQL has ${missing[0]}, and no value was given for it.", hint=f"sql(…, {missing[0]}=value)"
        )
    extra = [name for name in parameters if name not in statement.parameters]
    if extra:
        known = ", ".join(f"${name}" for name in statement.parameters) or "none"
        raise SqlInvalidError(f"this SQL has no parameter ${extra[0]}; it has {known}.")
    return {name: _value(name, value) for name, value in parameters.items()}


def _value(name: str, value: Any) -> Any:
    if isinstance(value, dt.datetime | dt.date | dt.time | dt.timedelta):
        return value
    try:
        return _unwrapped(normalize(value))
    except ValueInvalidError as error:
        raise SqlInvalidError(f"${name} is no value: {error.problem}", hint=error.hint) from None


def _unwrapped(value: Any) -> Any:
    if type(value) is Int64:
        return value.value
    if type(value) is list:
        return [_unwrapped(item) for item in value]
    if type(value) is dict:
        return {name: _unwrapped(item) for name, item in value.items()}
    return value
