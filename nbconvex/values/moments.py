"""Moments: a `datetime` in Python, milliseconds since 1970 UTC as a number everywhere else.

Owns:  the conversion both ways.
Must not know: validators, and so where a number is a moment.
Invariants: what is stored and sent is a float64 of milliseconds, so that other clients read it and the order of numbers
is the order of moments. Between 1691 and 2248 it keeps every microsecond; beyond, a 32nd of a millisecond. A datetime
without a time zone is no moment, for it depends on who reads it. What comes out is in UTC.
Source: semantics 14 row 12; ADR 21.
Threads: pure functions.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: What a `datetime` can hold: the years 1 to 9999, to the last float64 before the end.
MS_MIN: Final = -62_135_596_800_000.0
MS_MAX: Final = 253_402_300_799_999.968_75
_MICROSECOND: Final = timedelta(microseconds=1)


def ms_of(moment: datetime) -> float:
    """The milliseconds since 1970 UTC of a datetime that has a time zone."""
    return min(((moment - EPOCH) // _MICROSECOND) / 1000, MS_MAX)


def moment_of(ms: float) -> datetime:
    """The time in UTC, to the microsecond. `is_time` holds of `ms`."""
    return EPOCH + timedelta(milliseconds=ms)


def is_time(value: Any) -> bool:
    """Whether a value is a number that stands for a moment."""
    kind = type(value)
    return (kind is float or kind is int) and MS_MIN <= value <= MS_MAX


def plain_moment(value: Any) -> Any:
    """The milliseconds of a datetime that has a time zone; anything else as it is, to be refused by whoever can say
    where it was found.
    """
    # Not of pandas' NaT, which is a datetime and no time.
    if isinstance(value, datetime) and value.tzinfo is not None and value == value:  # noqa: PLR0124
        return ms_of(value)
    return value


def without_times(value: Any, *, depth: int = 100) -> Any:
    """Any value with the milliseconds of times in it, as far down as values may be nested."""
    kind = type(value)
    if depth and kind is dict:
        return {name: without_times(item, depth=depth - 1) for name, item in value.items()}
    if depth and (kind is list or kind is tuple):
        return [without_times(item, depth=depth - 1) for item in value]
    return plain_moment(value)
