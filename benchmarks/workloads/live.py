"""W6 and W7: how soon a live query has its new result."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.children import Child
from benchmarks.machine import Probe
from benchmarks.race import Contestant, Settings, race
from benchmarks.results import Result, Verdict
from benchmarks.spread import Spread
from benchmarks.workloads.commits import verdict_of

SUBSCRIBERS = 1_000
_PER_CHANNEL = 10


def _watch(channels: int) -> Callable[[Child], None]:
    def prepare(child: Child) -> None:
        child.ask("load", documents=channels * _PER_CHANNEL, channels=channels)
        child.ask("watch", channels=channels)

    return prepare


def one_of_many(settings: Settings, probe: Probe) -> Result:
    """W6."""
    result = Result("W6", "insert until the one touched live query (of S) has its newest 10", "µs")
    sizes = [100, 1_000, 10_000]
    if settings.million:
        sizes.append(100_000)
    calls = 100 if settings.quick else 300

    def insert_until_seen(child: Child) -> float:
        return float(child.ask("insert_until_seen", calls=calls)["p50"])

    def insert(child: Child) -> float:
        return float(child.ask("insert", seconds=5.0, at_most=calls)["p50"])

    alone = Contestant("nbconvex", insert, lambda child: child.ask("load", documents=1_000), ", nobody watches (W1)")
    watched = [Contestant("nbconvex", insert_until_seen, _watch(size), f", S = {size:,}") for size in sizes]
    race(result, [alone, *watched], settings, probe)
    small = result.row("nbconvex, S = 100")
    first = result.row("nbconvex, nobody watches (W1)")
    for size in sizes[2:]:
        row = result.row(f"nbconvex, S = {size:,}")
        verdict_of(result, f"growth 100 → {size:,}", row, small, limit=1.5, goal=1.1)
        verdict_of(result, f"S = {size:,} × W1", row, first, limit=2.0, goal=1.3)
    return result


def many_of_one(settings: Settings, probe: Probe) -> Result:
    """W7."""
    result = Result("W7", f"insert until the last of {SUBSCRIBERS:,} subscribers of one query is told", "µs")
    calls = 30 if settings.quick else 100
    executions: list[float] = []

    def prepare(child: Child) -> None:
        child.ask("load", documents=100, channels=1)
        child.ask("subscribe_all", subscribers=SUBSCRIBERS)

    def measure(child: Child) -> float:
        answer = child.ask("insert_until_all_told", calls=calls)
        executions.append(float(answer["executions"]))
        return float(answer["p50"])

    race(result, [Contestant("nbconvex", measure, prepare)], settings, probe)
    row = result.row("nbconvex")
    if row is not None:
        in_ms = Spread.of([figure / 1000 for figure in row.figures])
        result.verdicts.append(Verdict("ms until the last has it", in_ms, limit=5.0, goal=1.0))
        result.verdicts.append(Verdict("executions of the query a commit", Spread.of(executions), limit=1.0, goal=1.0))
    return result
