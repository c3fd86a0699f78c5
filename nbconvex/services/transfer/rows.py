"""Rows on their way in: what every kind of source comes down to.

Owns:  `Rows`, `Batch`, `ColumnRows`.
Must not know: any kind of source; tables.
Threads: one thread reads.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from nbconvex.errors import DataRefusedError
from nbconvex.values.scalars import UNSET


class Batch(NamedTuple):
    """Some rows and their numbers, from 1; `done` is how much of the source is read with them."""

    numbers: Sequence[int]
    rows: Sequence[Any]
    done: int


class ColumnRows(Sequence[dict[str, Any]]):
    """Rows that lie in columns, a list a field; a cell that is UNSET is no field of its row."""

    def __init__(self, names: tuple[str, ...], columns: list[list[Any]], *, has_gaps: bool) -> None:
        self.names = names
        self.columns = columns
        self.has_gaps = has_gaps

    def __len__(self) -> int:
        return len(self.columns[0]) if self.columns else 0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        cells = zip(*self.columns, strict=True)
        if not self.has_gaps:
            return (dict(zip(self.names, row, strict=True)) for row in cells)
        return ({name: cell for name, cell in zip(self.names, row, strict=True) if cell is not UNSET} for row in cells)

    def __getitem__(self, place: Any) -> Any:
        return list(self)[place]


@dataclass(frozen=True, slots=True)
class Rows:
    """A source, being read.

    Fields:  `name` is what messages call it; `unit` what it counts, a row or a line; `total` how much there is, in the
             unit of `Batch.done`, or None where nobody knows.
    """

    name: str
    unit: str
    total: int | None
    batches: Generator[Batch, None, None]


def refused(name: str, where: str, problem: str, cure: str = "") -> DataRefusedError:
    """What to raise about one place of a source."""
    return DataRefusedError(name, [f"{where}: {problem}"], cure=cure)
