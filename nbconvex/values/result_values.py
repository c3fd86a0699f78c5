"""Results of functions as values: as plain as everything else, but for times, which stay `datetime` as long as they are
in Python.

Owns:  `normalized_result`.
Must not know: functions, validators.
Invariant: a result is what `normalize` makes of it, with datetimes in UTC where it had some.
Threads: pure functions.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from nbconvex.errors import ValueInvalidError
from nbconvex.limits import Limits
from nbconvex.values.moments import plain_moment, without_times
from nbconvex.values.normalization import normalize_sized


def normalized_result(result: Any, limits: Limits, nesting_max: int) -> tuple[Any, int]:
    """What `normalize_sized` gives, times kept.

    Raises:  as `normalize`.
    """
    try:
        return normalize_sized(result, limits=limits, nesting_max=nesting_max)
    except ValueInvalidError:
        # Most results have no times. Where there are some, the others go the usual way beside them.
        timeless = without_times(result)
        value, size = normalize_sized(timeless, limits=limits, nesting_max=nesting_max)
        return _with_times(value, result), size


def _with_times(value: Any, result: Any) -> Any:
    """The normalized `value` with the times that stand at the same places of `result`."""
    if type(value) is dict and isinstance(result, dict):
        return {name: _with_times(item, result[name]) for name, item in value.items()}
    if type(value) is list and isinstance(result, list | tuple):
        return [_with_times(item, each) for item, each in zip(value, result, strict=True)]
    return result.astimezone(UTC) if _is_moment(result) else value


def _is_moment(value: Any) -> bool:
    return isinstance(value, datetime) and plain_moment(value) is not value
