"""W4, W5 and W15: reads inside a query, whole calls, and what a call costs that does nothing."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.children import Child
from benchmarks.machine import Probe
from benchmarks.race import Contestant, Settings, race
from benchmarks.results import Result, Verdict
from benchmarks.workloads.commits import verdict_of

SMALL = 10_000
LARGE = 1_000_000
_PEERS = ("sqlite", "better-sqlite3", "lmdb", "lmdb-js", "rocksdb", "zodb", "redis", "postgres", "surrealdb", "duckdb",
          "pglite", "convex-test")  # fmt: skip


def _load(documents: int) -> Callable[[Child], None]:
    def prepare(child: Child) -> None:
        child.ask("load", documents=documents)

    return prepare


def _load_for_gets(child: Child) -> None:
    child.ask("load_for_gets", documents=SMALL)


def _ask(command: str, **parameters: object) -> Callable[[Child], float]:
    def measure(child: Child) -> float:
        return float(child.ask(command, **parameters)["p50"])

    return measure


def get_by_id(settings: Settings, probe: Probe) -> Result:
    """W4."""
    result = Result("W4", f"one document by id, {SMALL:,} documents", "µs")
    calls = 300 if settings.quick else 1_000
    entries = [
        Contestant("nbconvex", _ask("get", calls=calls), _load(SMALL), ", ctx.db.get inside a query"),
        Contestant("nbconvex", _ask("whole_get", calls=calls), _load_for_gets, ", whole call"),
        *(Contestant(name, _ask("get", calls=calls), _load(SMALL)) for name in _PEERS),
    ]
    race(result, entries, settings, probe)
    inside, whole = result.row("nbconvex, ctx.db.get inside a query"), result.row("nbconvex, whole call")
    verdict_of(result, "ctx.db.get × SQLite get", inside, result.row("SQLite FULL"), limit=2.0, goal=1.0)
    verdict_of(result, "whole call × convex-test", whole, result.row("convex-test (Node)"), limit=1.0, goal=0.3)
    return result


def newest_by_index(settings: Settings, probe: Probe) -> Result:
    """W5."""
    result = Result("W5", "newest 10 of a channel by index, inside a query", "µs")
    calls = 100 if settings.quick else 300

    def entry(name: str, size: int) -> Contestant:
        return Contestant(name, _ask("newest", calls=calls), _load(size), f", {size:,}")

    entries = [entry(name, SMALL) for name in ("nbconvex", *_PEERS)]
    if settings.million:
        entries += [entry(name, LARGE) for name in ("nbconvex", "sqlite", "lmdb")]
    race(result, entries, settings, probe)
    small = result.row(f"nbconvex, {SMALL:,}")
    verdict_of(result, f"{SMALL:,}: × SQLite", small, result.row(f"SQLite FULL, {SMALL:,}"), limit=3.0, goal=1.2)
    if settings.million:
        large = result.row(f"nbconvex, {LARGE:,}")
        verdict_of(result, f"{LARGE:,}: × SQLite", large, result.row(f"SQLite FULL, {LARGE:,}"), limit=3.0, goal=1.2)
        verdict_of(result, f"growth {SMALL:,} → {LARGE:,}", large, small, limit=1.5, goal=1.2)
    return result


def empty_query(settings: Settings, probe: Probe) -> Result:
    """W15."""
    result = Result("W15", "an empty query, called", "µs")
    calls = 500 if settings.quick else 2_000
    entries = [
        Contestant("nbconvex", _ask("empty", calls=calls, cached=False), suffix=", an argument never seen before"),
        Contestant("nbconvex", _ask("empty", calls=calls, cached=True), suffix=", the same call again"),
    ]
    race(result, entries, settings, probe)
    for row in result.rows:
        result.verdicts.append(Verdict(f"µs: {row.label}", row.spread, limit=60.0, goal=15.0))
    return result
