"""Rows on their way in: what every kind of source comes down to.

Owns:  `Rows`, `Batch`.
Must not know: any kind of source; tables.
Threads: one thread reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from nbconvex.errors import DataRefusedError


class Batch(NamedTuple):
    """Some rows and their numbers, from 1; `done` is how much of the source is read with them."""

    numbers: Sequence[int]
    rows: list[Any]
    done: int


@dataclass(frozen=True, slots=True)
class Rows:
    """A source, being read.

    Fields:  `name` is what messages call it; `unit` what it counts, a row or a line; `total` how much there is, in the
             unit of `Batch.done`, or None where nobody knows.
    """

    name: str
    unit: str
    total: int | None
    batches: Iterator[Batch]


def refused(name: str, where: str, problem: str, cure: str = "") -> DataRefusedError:
    """What to raise about one place of a source."""
    return DataRefusedError(name, [f"{where}: {problem}"], cure=cure)
