"""Medians, and how far the rounds lie apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


def summary_of(samples_ns: Sequence[int]) -> dict[str, float]:
    """Median and 99th percentile in µs of samples in ns."""
    ordered = sorted(samples_ns)
    return {
        "p50": median(ordered) / 1000,
        "p99": ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] / 1000,
        "n": len(ordered),
    }


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of one figure over the rounds, its least and its greatest."""

    middle: float
    low: float
    high: float

    @classmethod
    def of(cls, figures: Sequence[float]) -> Spread:
        return cls(median(figures), min(figures), max(figures))


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Ours over theirs, round by round: only figures of one round are compared."""
    return Spread.of([mine / other for mine, other in zip(ours, theirs, strict=True)])
