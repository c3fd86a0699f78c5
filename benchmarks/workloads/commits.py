"""W1 to W3: durable inserts by one caller and by many, and counters."""

from __future__ import annotations

from benchmarks.children import Child
from benchmarks.machine import Probe
from benchmarks.race import Contestant, Settings, race
from benchmarks.results import Result, Row, Verdict
from benchmarks.spread import ratio

CALLERS = 64
_ONE_CALLER = ("nbconvex", "sqlite", "fdatasync", "better-sqlite3", "rocksdb", "lmdb", "lmdb-js", "postgres", "redis",
               "surrealdb", "zodb", "duckdb", "convex-test", "pglite", "sqlite-normal")  # fmt: skip
#: Peer and how its 64 callers call.
_MANY_CALLERS = (
    ("nbconvex", "async"), ("sqlite", "async"), ("lmdb-js", "async"), ("nbconvex", "threads"), ("sqlite", "threads"),
    ("sqlite-connections", "async"), ("sqlite-connections", "threads"),
    ("redis", "async"), ("better-sqlite3", "async"), ("rocksdb", "threads"), ("lmdb", "threads"),
    ("postgres", "async"), ("surrealdb", "async"), ("zodb", "threads"), ("duckdb", "async"), ("convex-test", "async"),
    ("pglite", "async"), ("sqlite-normal", "async"),
)  # fmt: skip


def _seconds(settings: Settings) -> float:
    return 0.3 if settings.quick else 1.0


def verdict_of(
    result: Result,
    text: str,
    ours: Row | None,
    theirs: Row | None,
    *,
    limit: float | None,
    goal: float | None,
    at_least: bool = False,
) -> None:
    """Judge the ratio of two rows, where both were measured."""
    if ours is None or theirs is None:
        result.notes.append(f"not judged: {text} (a side was not measured)")
        return
    result.verdicts.append(Verdict(text, ratio(ours.figures, theirs.figures), limit, goal, at_least))


def insert_one_caller(settings: Settings, probe: Probe) -> Result:
    """W1."""
    result = Result("W1", "insert by a mutation, one caller", "µs")
    at_most = 300 if settings.quick else 1_000

    def measure(child: Child) -> float:
        return float(child.ask("insert", seconds=_seconds(settings), at_most=at_most)["p50"])

    race(result, [Contestant(name, measure) for name in _ONE_CALLER], settings, probe)
    ours = result.row("nbconvex")
    verdict_of(result, "× SQLite FULL, bare statement", ours, result.row("SQLite FULL"), limit=1.5, goal=1.0)
    verdict_of(result, "× a bare fdatasync", ours, result.row("bare fdatasync"), limit=None, goal=1.3)
    return result


def insert_many_callers(settings: Settings, probe: Probe) -> Result:
    """W2."""
    result = Result("W2", f"insert, {CALLERS} callers at once", "ops/s")

    def contestant(name: str, style: str) -> Contestant:
        def measure(child: Child) -> float:
            answer = child.ask("callers", style=style, callers=CALLERS, seconds=_seconds(settings))
            return float(answer["per_second"])

        return Contestant(name, measure, suffix=f", {style}")

    race(result, [contestant(name, style) for name, style in _MANY_CALLERS], settings, probe)
    ours = result.row("nbconvex, async")
    verdict_of(result, "async × lmdb-js", ours, result.row("lmdb-js (Node), async"), limit=0.3, goal=1.0, at_least=True)
    verdict_of(
        result,
        "async × SQLite FULL, async",
        ours,
        result.row("SQLite FULL, async"),
        limit=5.0,
        goal=None,
        at_least=True,
    )
    for style in ("async", "threads"):
        verdict_of(
            result, f"{style} × SQLite FULL, a connection each", result.row(f"nbconvex, {style}"),
            result.row(f"SQLite FULL, a connection each, {style}"), limit=None, goal=None, at_least=True,
        )  # fmt: skip
    verdict_of(
        result, "threads × SQLite FULL, threads", result.row("nbconvex, threads"), result.row("SQLite FULL, threads"),
        limit=None, goal=None, at_least=True,
    )  # fmt: skip
    return result


def counters(settings: Settings, probe: Probe) -> Result:
    """W3."""
    result = Result("W3", f"counter plus one, {CALLERS} callers: one counter (contended) or one each (apart)", "ops/s")
    lost: dict[str, int] = {}

    def contestant(name: str, style: str, *, contended: bool) -> Contestant:
        suffix = f", {style}, {'contended' if contended else 'apart'}"

        def measure(child: Child) -> float:
            seconds = _seconds(settings)
            answer = child.ask("counters", style=style, callers=CALLERS, seconds=seconds, contended=contended)
            lost[child.title + suffix] = lost.get(child.title + suffix, 0) + int(answer["lost"])
            return float(answer["per_second"])

        return Contestant(name, measure, suffix=suffix)

    entries = [contestant(name, style, contended=kind) for kind in (True, False) for name, style in _MANY_CALLERS]
    race(result, entries, settings, probe)
    for row in result.rows:
        if lost.get(row.label):
            row.note = f"{lost[row.label]} increments differ from what was acknowledged. {row.note}"
    for kind in ("contended", "apart"):
        verdict_of(
            result, f"{kind}: async × Redis always", result.row(f"nbconvex, async, {kind}"),
            result.row(f"Redis always, async, {kind}"), limit=0.5, goal=2.0, at_least=True,
        )  # fmt: skip
    return result
