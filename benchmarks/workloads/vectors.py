"""V1: the nearest of many vectors, exactly: all of them, those that a filter lets through, and just after an insert."""

from __future__ import annotations

from contextlib import ExitStack

from benchmarks.catalogue import title_of
from benchmarks.children import Child, PeerFailedError, work_folder
from benchmarks.machine import Probe
from benchmarks.peers.contract import PeerMissingError
from benchmarks.race import Settings
from benchmarks.results import Result, Row
from benchmarks.workloads.commits import verdict_of

VECTORS = 100_000
_PEERS = {"nbconvex": "nbconvex-vectors", "numpy": "numpy-vectors", "duckdb": "duckdb-vectors"}
_WAYS = {
    "": {"filtered": False, "after_insert": False},
    ", one genre of 20": {"filtered": True, "after_insert": False},
    ", after an insert": {"filtered": False, "after_insert": True},
}


def nearest(settings: Settings, probe: Probe) -> Result:
    """V1."""
    count = VECTORS // 10 if settings.quick else VECTORS
    calls = 5 if settings.quick else 20
    result = Result("V1", f"the 10 nearest of {count:,} vectors of 384 numbers", "ms")
    rows: dict[str, Row] = {}
    with work_folder() as folder, ExitStack() as stack:
        children: list[Child] = []
        found = {}
        for wanted, name in _PEERS.items():
            if not settings.wants(wanted):
                continue
            try:
                child = Child(name, folder / name)
                stack.callback(child.close)
                child.open()
                child.ask("load_vectors", vectors=count)
                before, took = child.ask("memory"), child.ask("first_search")
                grown = child.ask("memory") - before
                result.notes.append(f"{child.title}: the first search took {took:.2f} s and added {grown:,.0f} MB")
                found[child.title] = [child.ask("found", genre=genre) for genre in (None, "genre-03")]
                children.append(child)
            except (PeerMissingError, PeerFailedError) as problem:
                result.missing[title_of(name)] = str(problem)
        agree = len({str(each) for each in found.values()}) == 1
        result.notes.append("all find the same documents" if agree else f"THEY DISAGREE: {found}")
        for turn in range(settings.rounds):
            for child in children[turn % len(children) :] + children[: turn % len(children)]:
                for suffix, way in _WAYS.items():
                    probe.take()
                    label = child.title + suffix
                    row = rows.setdefault(label, Row(label, [], child.durable, child.version))
                    row.figures.append(float(child.ask("search", calls=calls, **way)["p50"]) / 1e3)
    result.rows = [row for suffix in _WAYS for label, row in rows.items() if label.partition(",")[2] == suffix[1:]]
    for suffix in _WAYS:
        for other in ("numpy", "DuckDB"):
            ours, theirs = result.row(f"nbconvex{suffix}"), result.row(f"{other}{suffix}")
            verdict_of(result, f"× {other}{suffix}", ours, theirs, limit=None, goal=1.0)
    return result
