"""How functions find their documents, as seen while they ran: what checks, insights and notes are made of.

Owns:  `PlanLog`: by function, which indexes it read, how many documents it looked at, what its filters dropped, and the
wrong uses that it was told of.
Must not know: what is advised; who asks.
Invariants: what is kept of a function is of its newest definition: editing it begins anew. Memory is bounded by the
number of functions, `FUNCTIONS_KEPT_MAX` at most.
Threads: any; a count that two threads change at once may be off by one, which no advice depends on.
Source: semantics 12.1, 15.4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nbconvex.errors import NotAllowedError

if TYPE_CHECKING:
    from nbconvex.database.scans import ScanKey, Scans
    from nbconvex.functions.definition import FunctionDefinition
    from nbconvex.functions.run import Run

#: Functions of which something is kept: names that come and go, as in a loop that defines, must not fill the memory.
FUNCTIONS_KEPT_MAX: Final = 2_000
#: Kinds of scan that are kept of one function.
_SCANS_MAX: Final = 64
#: Wrong uses that are kept of one function.
_MISUSES_MAX: Final = 8


class FunctionPlan:
    """What was seen of one definition.

    Shapes:  `indexes` are (table number, index name); `scans` as in a transaction; `misuses` are sentences, each with
    the line to write instead.
    """

    __slots__ = ("definition", "documents_read", "indexes", "misuses", "runs", "scans")

    def __init__(self, definition: FunctionDefinition | None) -> None:
        self.definition = definition
        self.runs = 0
        self.documents_read = 0
        self.indexes: frozenset[tuple[int, str]] = frozenset()
        self.scans: Scans = {}
        self.misuses: dict[str, str] = {}


class PlanLog:
    """What was seen of the functions of one backend."""

    def __init__(self) -> None:
        self._by_path: dict[str, FunctionPlan] = {}
        #: Rises with every scan and wrong use that is kept.
        self.count = 0

    def add(self, run: Run) -> None:
        """Keep what a run in a transaction did."""
        plan = self._by_path.get(run.path)
        if plan is None or plan.definition is not run.definition:
            plan = self._begin(run.path, run.definition)
        plan.runs += 1
        tx = run.tx
        assert tx is not None, run.path
        plan.documents_read += tx.metrics.documents_read
        indexes = tx.reads.indexes()
        if not plan.indexes.issuperset(indexes):
            plan.indexes |= frozenset(indexes)
        if tx.scans is not None:
            self._add_scans(run, tx.scans)

    def _begin(self, path: str, definition: FunctionDefinition | None) -> FunctionPlan:
        plan = self._by_path[path] = FunctionPlan(definition)
        if len(self._by_path) > FUNCTIONS_KEPT_MAX:
            del self._by_path[next(iter(self._by_path))]
        return plan

    def _add_scans(self, run: Run, scans: Scans) -> None:
        registry = run.runner.registry
        for key, counts in scans.items():
            # A nested function's scans are its own, whoever has called it.
            plan = self._by_path.get(key.reader)
            definition = run.definition if key.reader == run.path else registry.get(key.reader)
            if plan is None or plan.definition is not definition:
                plan = self._begin(key.reader, definition)
            kept = plan.scans.get(key)
            if kept is not None:
                for at, count in enumerate(counts):
                    kept[at] += count
            elif len(plan.scans) < _SCANS_MAX:
                plan.scans[key] = list(counts)
            self.count += 1

    def add_error(self, run: Run, error: BaseException) -> None:
        """Keep an error if it says that the function does what its kind may not."""
        if not isinstance(error, NotAllowedError) or not error.message.startswith((run.path, run.definition.name)):
            return
        plan = self._by_path.get(run.path)
        if plan is None or plan.definition is not run.definition:
            plan = self._begin(run.path, run.definition)
        if len(plan.misuses) < _MISUSES_MAX and error.message not in plan.misuses:
            plan.misuses[error.message] = error.hint or ""
            self.count += 1

    def of(self, path: str, definition: FunctionDefinition | None) -> FunctionPlan:
        """What was seen of a definition; nothing where it has not run yet."""
        plan = self._by_path.get(path)
        return plan if plan is not None and plan.definition is definition else FunctionPlan(definition)

    def scans(self, path: str, definition: FunctionDefinition | None) -> dict[ScanKey, list[int]]:
        """The scans of a definition, as they are now."""
        return {key: list(counts) for key, counts in tuple(self.of(path, definition).scans.items())}
