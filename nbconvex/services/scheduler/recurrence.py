"""When something that recurs is due.

Owns:  `Recurrence`: an interval, or the five fields of a cron line in a time zone; the times after a time.
Must not know: what is called then.
Invariants: times are milliseconds since 1970 UTC. Fields are read in the zone that is given, so that 09:00 stays 09:00
over a change of clocks; a time that the change skips runs right behind it, one that comes twice runs once. Sunday is 0.
Threads: immutable.
Source: semantics 7.2; cronsim does the calendar, in the manner of Debian's cron.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, Final

from nbconvex.errors import CallerError

DAYS: Final = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")


@dataclass(frozen=True, slots=True)
class Recurrence:
    """When a cron runs: every so many seconds, or by a cron line.

    Units:  `every_s` in seconds; 0 where there is a `line`.
    """

    every_s: int = 0
    line: str = ""
    tz: str = "UTC"

    def first_ms(self, now_ms: float) -> float:
        """The first run of a cron that is new: an interval begins at once."""
        return now_ms if self.every_s else self.next_ms(now_ms)

    def next_ms(self, after_ms: float) -> float:
        """The first time behind `after_ms`, which for an interval is the time of the run before."""
        if self.every_s:
            return after_ms + self.every_s * 1e3
        from cronsim import CronSim

        after = datetime.fromtimestamp(after_ms // 1e3, zone(self.tz))
        return float(next(CronSim(self.line, after)).timestamp() * 1e3)

    def next_after_ms(self, due_ms: float, now_ms: float) -> tuple[float, int]:
        """The run behind the one that was due at `due_ms`, not before `now_ms`, and how many were missed between."""
        if self.every_s:
            step_ms = self.every_s * 1e3
            missed = max(int((now_ms - due_ms) // step_ms), 0)
            return due_ms + (missed + 1) * step_ms, missed
        missed, next_ms = 0, self.next_ms(due_ms)
        while next_ms <= now_ms:
            missed += 1
            if missed >= _COUNTED_MAX:
                return self.next_ms(now_ms), missed
            next_ms = self.next_ms(next_ms)
        return next_ms, missed

    def to_json(self) -> dict[str, Any]:
        """What is kept in the store."""
        return {"every": float(self.every_s), "line": self.line, "tz": self.tz}

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Recurrence:
        """What `to_json` gave."""
        return cls(int(kept["every"]), kept["line"], kept["tz"])

    def __str__(self) -> str:
        if self.every_s:
            for unit, seconds in (("h", 3_600), ("m", 60)):
                if self.every_s % seconds == 0:
                    return f"every {self.every_s // seconds}{unit}"
            return f"every {self.every_s}s"
        return f"{self.line} ({self.tz})"


#: Missed runs are counted up to here.
_COUNTED_MAX: Final = 10_000


def zone(name: str) -> tzinfo:
    """The time zone of that name.

    Raises:  CallerError.
    """
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except Exception:  # ZoneInfoNotFoundError, ValueError, IsADirectoryError: it depends on the name
        raise CallerError(f"there is no time zone {name!r}.", hint='tz="Europe/Berlin"') from None


def interval(**units: Any) -> Recurrence:
    """`interval(hours=1)`: exactly one of seconds, minutes and hours, a positive whole number.

    Raises:  CallerError.
    """
    given = {name: amount for name, amount in units.items() if amount is not None}
    if len(given) != 1 or not given.keys() <= _SECONDS.keys():
        raise CallerError(
            f"an interval has exactly one of seconds, minutes and hours, got {', '.join(given) or 'none'}.",
            hint='cron.interval("name", minutes=5)',
        )
    [(unit, amount)] = given.items()
    if isinstance(amount, bool) or not isinstance(amount, int) or amount < 1:
        raise CallerError(f"{unit} must be a positive integer, got {amount!r}.")
    return Recurrence(every_s=amount * _SECONDS[unit])


_SECONDS: Final = {"seconds": 1, "minutes": 60, "hours": 3_600}


def hourly(name: str, minute: int | None = None, tz: str = "UTC") -> Recurrence:
    """Each hour. Without a minute, always the same one, chosen by the cron's name."""
    return line(f"{_minute(name, minute)} * * * *", tz)


def daily(name: str, hour: int, minute: int | None = None, tz: str = "UTC") -> Recurrence:
    """Each day."""
    return line(f"{_minute(name, minute)} {_number('hour', hour, 0, 23)} * * *", tz)


def weekly(name: str, day_of_week: str, hour: int, minute: int | None = None, tz: str = "UTC") -> Recurrence:
    """Each week, on a day that is written out."""
    day = day_of_week.lower() if isinstance(day_of_week, str) else None  # type: ignore[redundant-expr]
    if day not in DAYS:
        raise CallerError(f"day_of_week must be one of {', '.join(DAYS)}, got {day_of_week!r}.")
    return line(f"{_minute(name, minute)} {_number('hour', hour, 0, 23)} * * {DAYS.index(day)}", tz)


def monthly(name: str, day: int, hour: int, minute: int | None = None, tz: str = "UTC") -> Recurrence:
    """Each month that has such a day."""
    fields = f"{_minute(name, minute)} {_number('hour', hour, 0, 23)} {_number('day', day, 1, 31)} * *"
    return line(fields, tz)


def line(text: str, tz: str = "UTC") -> Recurrence:
    """The five fields of a cron line: minute, hour, day of the month, month, day of the week (Sunday is 0).

    Raises:  CallerError.
    """
    zone(tz)
    from cronsim import CronSim, CronSimError

    fields = text.split() if isinstance(text, str) else []  # type: ignore[redundant-expr]
    if len(fields) != 5:
        raise CallerError(
            f"a cron line has five fields (minute, hour, day, month, day of the week), got {text!r}.",
            hint='"0 9 * * 1"',
        )
    try:
        next(CronSim(text, datetime(2000, 1, 1, tzinfo=UTC)))
    except CronSimError as error:
        raise CallerError(f"{text!r} is no cron line: {error}.", hint='"0 9 * * 1"') from None
    except StopIteration:
        raise CallerError(f"{text!r} is no cron line: there is no such day.", hint='"0 9 28 * *"') from None
    return Recurrence(line=" ".join(fields), tz=tz)


def _minute(name: str, minute: int | None) -> int:
    # Chosen by the name: a program that starts again keeps it, and not every cron of the world runs at the full hour.
    return zlib.crc32(name.encode()) % 60 if minute is None else _number("minute", minute, 0, 59)


def _number(what: str, given: Any, low: int, high: int) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or not low <= given <= high:
        raise CallerError(f"{what} must be a whole number from {low} to {high}, got {given!r}.")
    return given
