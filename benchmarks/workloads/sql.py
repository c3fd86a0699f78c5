"""W9: grouping all documents by SQL, the projection being warm; what making it takes, and one insert after that."""

from __future__ import annotations

from contextlib import ExitStack

from benchmarks.catalogue import title_of
from benchmarks.children import Child, PeerFailedError, work_folder
from benchmarks.machine import Probe
from benchmarks.peers.contract import PeerMissingError
from benchmarks.race import Settings
from benchmarks.results import Result, Row
from benchmarks.workloads.commits import verdict_of

DOCUMENTS = 1_000_000
_PARTS = 10
_PEERS = {"nbconvex": "nbconvex-sql", "duckdb": "duckdb-table", "duckdb-file": "duckdb-file-table"}
_LIVE = "nbconvex, an insert until the live query has told it"


def group_by(settings: Settings, probe: Probe) -> Result:
    """W9."""
    count = DOCUMENTS // 20 if settings.quick else DOCUMENTS
    calls = 10 if settings.quick else 20
    result = Result("W9", f"SQL: {count:,} documents by channel: count, sum, mean", "ms")
    rows: dict[str, Row] = {}
    with work_folder() as folder, ExitStack() as stack:
        children: list[Child] = []
        found = set()
        for wanted, name in _PEERS.items():
            if not settings.wants(wanted.removesuffix("-file")):
                continue
            try:
                child = Child(name, folder / name)
                stack.callback(child.close)
                child.open()
                for _ in range(_PARTS):
                    child.ask("load", documents=count // _PARTS, forget=True)
                before, took = child.ask("memory"), child.ask("first_group_by")
                grown = child.ask("memory") - before
                result.notes.append(f"{child.title}: the first took {took:.2f} s and added {grown:,.0f} MB")
                found.add(str(child.ask("groups")))
                children.append(child)
            except (PeerMissingError, PeerFailedError) as problem:
                result.missing[title_of(name)] = str(problem)
        result.notes.append("all find the same" if len(found) == 1 else f"THEY DISAGREE: {found}")
        for turn in range(settings.rounds):
            for child in children[turn % len(children) :] + children[: turn % len(children)]:
                probe.take()
                row = rows.setdefault(child.title, Row(child.title, [], child.durable, child.version))
                row.figures.append(float(child.ask("group_by", calls=calls)["p50"]) / 1e3)
        for child in children:
            if child.title == "nbconvex":
                row = rows.setdefault(_LIVE, Row(_LIVE, [], child.durable, child.version))
                for _ in range(settings.rounds):
                    probe.take()
                    row.figures.append(float(child.ask("insert_until_grouped", calls=calls)["p50"]) / 1e3)
    result.rows = list(rows.values())
    ours = result.row("nbconvex")
    verdict_of(
        result, "× DuckDB, a table in memory", ours, result.row("DuckDB, a table in memory"), limit=None, goal=1.1
    )
    return result
