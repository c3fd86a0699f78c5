"""What a workload gives back: rows, verdicts on targets, and who was missing."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.spread import Spread


@dataclass(slots=True)
class Row:
    """One contestant's figure, one a round."""

    label: str
    figures: list[float]
    durable: bool = True
    version: str = ""
    note: str = ""

    @property
    def spread(self) -> Spread:
        return Spread.of(self.figures)


@dataclass(slots=True)
class Verdict:
    """One target of the design, and what was measured. `limit` None: nothing is promised for round 1."""

    text: str
    measured: Spread
    limit: float | None
    goal: float | None
    at_least: bool = False

    def _meets(self, bound: float | None) -> bool | None:
        if bound is None:
            return None
        return self.measured.middle >= bound if self.at_least else self.measured.middle <= bound

    @property
    def reached(self) -> bool | None:
        return self._meets(self.limit)

    @property
    def goal_reached(self) -> bool | None:
        return self._meets(self.goal)


@dataclass(slots=True)
class Result:
    """One workload's outcome."""

    workload: str
    title: str
    unit: str
    rows: list[Row] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def row(self, label: str) -> Row | None:
        return next((row for row in self.rows if row.label == label), None)

    def to_json(self) -> dict[str, Any]:
        tree = asdict(self)
        for shown, verdict in zip(tree["verdicts"], self.verdicts, strict=True):
            shown |= {"reached": verdict.reached, "goal_reached": verdict.goal_reached}
        return tree
