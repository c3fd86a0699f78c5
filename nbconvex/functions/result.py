"""What a handler gives, on its way out.

Owns:  the checks of results, and what is said of a query that was not consumed or a coroutine that was not awaited.
Must not know: who called.
Invariant: a result leaves checked, as plain data that nobody else holds. Source: semantics 1.6.
Mechanism: most results are rows: a list of flat dicts. Those are looked at by the set of their types and by their names
all at once, and written in one call into C, which finds the characters that cannot be written; what was written is kept
for whoever needs the bytes. Everything else goes through the one door of the values room, field by field.
Threads: the call's.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from nbconvex.database.query import Query
from nbconvex.errors import LimitExceededError, ReturnInvalidError, ValueInvalidError
from nbconvex.functions import teaching
from nbconvex.limits import UNLIMITED, Limits
from nbconvex.values.codec import encode_value, normalize
from nbconvex.values.foreign import rows_of_frame
from nbconvex.values.result_values import normalized_result
from nbconvex.values.scalars import NUMBER_MAX
from nbconvex.values.validator_report import ValidationProblem

if TYPE_CHECKING:
    from nbconvex.functions.definition import TableNames
    from nbconvex.functions.run import Run

_FLAT = frozenset({str, float, bool, type(None)})
_FLAT_OR_INT = _FLAT | {int}


def result_limits(limits: Limits) -> Limits:
    """The limits of one value as they hold for results: how long a list is was decided by what was read."""
    return replace(limits, array_length=UNLIMITED, object_fields=UNLIMITED)


def checked_result(run: Run, result: Any, limits: Limits, tables: TableNames) -> Any:
    """A result as plain new data that matches the returns validator.

    Raises:  ReturnInvalidError, LimitExceededError, and NotAllowedError for a query or coroutine that was forgotten.
    """
    definition = run.definition
    if result is None and definition.check_returns is None:
        return None
    if definition.convert_result is not None:
        result = definition.convert_result(result)
    kind = type(result)
    if kind is str and result.isascii() and len(result) + 2 <= limits.result_bytes:
        value = result  # an id, most often
    else:
        value = _rows(run, result, limits) if kind is list and result else None
        if value is None:
            value = _any_result(run, result, limits)
    if definition.check_returns is None:
        return value
    try:
        checked = definition.check_returns(value, tables)
    except ValidationProblem as problem:
        raise ReturnInvalidError(definition.name, problem.report, path=problem.path) from None
    if definition.returns_times is not None:
        checked = definition.returns_times.to_python(checked)
    if checked is not value:
        run.encoded = None
    return checked


def _any_result(run: Run, result: Any, limits: Limits) -> Any:
    definition = run.definition
    try:
        value, size = normalized_result(result, limits, limits.argument_nesting)
    except ValueInvalidError as error:
        _refuse_unfinished(run, result)
        rows = rows_of_frame(result)
        if rows is not None:
            frame = f"{type(result).__name__}, which is no value: return its rows"
            raise ReturnInvalidError(
                definition.name, f"the result is a {frame}.\n  Write instead:  return {rows}"
            ) from None
        raise ReturnInvalidError(definition.name, str(error), path=error.path) from None
    if size > limits.result_bytes:
        raise LimitExceededError(
            "result_bytes", f"the result of {definition.name} has {size:,} bytes", maximum=limits.result_bytes,
            actual=size, cure="Return fewer documents: .take(n) or .paginate(...).",
        )  # fmt: skip
    return value


def _rows(run: Run, rows: list[Any], limits: Limits) -> list[Any] | None:
    """Copies of flat dicts, whose bytes the run keeps; None for anything that has to be looked at more closely."""
    copies = []
    for row in rows:
        if type(row) is not dict or not _are_names(tuple(row)):
            return None
        kinds = set(map(type, row.values()))
        if not kinds <= _FLAT:
            if not kinds <= _FLAT_OR_INT:
                return None
            for value in row.values():
                if type(value) is int and not -NUMBER_MAX <= value <= NUMBER_MAX:
                    return None
        copies.append(row.copy())
    try:
        encoded = encode_value(copies)
    except UnicodeEncodeError:
        return None
    # What the limit counts is never more than five times what was written (a small int counts 9 and takes one byte).
    if len(encoded) > limits.result_bytes // 5:
        return None
    run.encoded = encoded
    return copies


@lru_cache(maxsize=1_024)
def _are_names(names: tuple[Any, ...]) -> bool:
    """Whether these can be the names of an object's fields. The same few come again and again."""
    try:
        normalize(dict.fromkeys(names))
    except (LimitExceededError, ValueInvalidError):
        return False
    return True


def encoded_result(run: Run, value: Any) -> bytes:
    """The bytes of a checked result."""
    return run.encoded if run.encoded is not None else encode_value(value)


def _refuse_unfinished(run: Run, result: Any) -> None:
    """Teach about a query that was not consumed and a coroutine that was not awaited, as the result or inside it."""
    items = [result]
    if isinstance(result, Mapping):
        items += result.values()
    elif isinstance(result, list | tuple):
        items += result
    for item in items:
        if isinstance(item, Query):
            raise teaching.unconsumed_query(run.path) from None
        if isinstance(item, CoroutineType):
            name = item.__qualname__
            item.close()
            raise teaching.unawaited(run.path, f"{name}(...)") from None
        if inspect.isawaitable(item):
            raise teaching.unawaited(run.path, getattr(item, "text", type(item).__name__)) from None
