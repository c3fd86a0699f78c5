"""Rows that do not fit: counted and grouped, with where each kind was first found.

Owns:  `Misfits`.
Must not know: tables; how rows are checked.
Threads: one thread.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from nbconvex.errors import CallerError, DataRefusedError, DocumentInvalidError, LimitExceededError, ValueInvalidError

#: Rows that are looked at after the first misfit, to group and count them.
MISFITS_MAX: Final = 100_000
_KINDS_SHOWN: Final = 20
_PLACES_SHOWN: Final = 5
#: What differs between two rows with the same problem: what is quoted, and numbers.
_PARTICULARS: Final = re.compile(r"\"[^\"]*\"|'[^']*'|\d[\d,]*")


@dataclass(slots=True)
class _Kind:
    report: str
    places: list[int] = field(default_factory=list)
    count: int = 0


class Misfits:
    """The misfits of one source."""

    def __init__(self, source: str, unit: str) -> None:
        self._source = source
        self._unit = unit
        self._kinds: dict[tuple[str, str], _Kind] = {}
        self.count = 0

    @property
    def is_full(self) -> bool:
        """Whether there is no point in looking on."""
        return self.count >= MISFITS_MAX

    def add(self, number: int, error: Exception) -> None:
        """The row or line of that number does not fit."""
        self.count += 1
        path, report = _path_and_report(error)
        sentence = report.partition("\n")[0]
        # A missing or an extra field is a kind of its own; else the values in a sentence would make many of one.
        alike = sentence if ": Object " in sentence else _PARTICULARS.sub("", sentence)
        kind = self._kinds.setdefault((path, alike), _Kind(report))
        kind.count += 1
        if len(kind.places) < _PLACES_SHOWN:
            kind.places.append(number)

    def raise_if_any(self) -> None:
        """Refuse the source if something did not fit.

        Raises:  DataRefusedError.
        """
        if not self._kinds:
            return
        unit = self._unit
        problems = []
        for kind in list(self._kinds.values())[:_KINDS_SHOWN]:
            problem = f"{unit} {kind.places[0]:,}: {kind.report}"
            if kind.count > 1:
                places = ", ".join(f"{place:,}" for place in kind.places)
                more = " and more" if kind.count > len(kind.places) else ""
                problem += f"\n({kind.count:,} {unit}s have this problem: {places}{more}.)"
            problems.append(problem)
        if len(self._kinds) > _KINDS_SHOWN:
            problems.append(f"... and {len(self._kinds) - _KINDS_SHOWN} more kinds of problem.")
        if self.is_full:
            problems.append(f"The rest was not looked at after {MISFITS_MAX:,} {unit}s that do not fit.")
        raise DataRefusedError(self._source, problems)


def _path_and_report(error: Exception) -> tuple[str, str]:
    if isinstance(error, DocumentInvalidError):
        return error.path, f"it does not match the schema: {error.report}"
    if isinstance(error, ValueInvalidError):
        return error.path, str(error)
    if isinstance(error, LimitExceededError):
        return error.limit, str(error)
    return "", error.message if isinstance(error, CallerError) else str(error)
