"""T1: the best ten of many texts for some words; what the index costs a write, memory, and its making."""

from __future__ import annotations

from contextlib import ExitStack

from benchmarks.catalogue import title_of
from benchmarks.children import Child, PeerFailedError, work_folder
from benchmarks.machine import Probe
from benchmarks.peers.contract import PeerMissingError
from benchmarks.race import Settings
from benchmarks.results import Result, Row
from benchmarks.workloads.commits import verdict_of

TEXTS = 100_000
_PEERS = {"nbconvex": "nbconvex-texts", "sqlite": "sqlite-texts"}
_WAYS = ("two words", "two words, narrowed", "two words, one frequent", "a beginning of three letters")
_WAY_OF = dict(zip(_WAYS, ("usual", "narrowed", "frequent", "beginning"), strict=True))


def _prepared(child: Child, count: int, calls: int) -> tuple[Child, str]:
    """The peer with all texts and an index, in a process that has only opened its store; what the index changed."""
    child.open()
    child.ask("load_texts", texts=count)
    insert = child.ask("insert_texts", calls=calls)["p50"] / 1e3
    child = _reopened(child)
    opening, before = child.ask("opening"), child.ask("memory")
    making = child.ask("index")
    child = _reopened(child)
    opening_after, after = child.ask("opening"), child.ask("memory")
    return child, (
        f"{child.title}: the index is made in {making:.2f} s and takes {after - before:,.0f} MB; without it an insert "
        f"takes {insert:.3f} ms; opening takes {opening:.2f} s without it and {opening_after:.2f} s with it"
    )


def _reopened(child: Child) -> Child:
    child.close()
    again = Child(child.short_name, child.folder)
    again.open()
    return again


def search(settings: Settings, probe: Probe) -> Result:
    """T1."""
    count = TEXTS // 10 if settings.quick else TEXTS
    calls = 50 if settings.quick else 200
    result = Result("T1", f"the best 10 of {count:,} texts of 12 to 36 words", "ms")
    rows: dict[str, Row] = {}

    def note(child: Child, label: str, figure: float) -> None:
        row = rows.setdefault(
            f"{child.title}, {label}", Row(f"{child.title}, {label}", [], child.durable, child.version)
        )
        row.figures.append(figure)

    with work_folder() as folder, ExitStack() as stack:
        children: list[Child] = []
        for wanted, name in _PEERS.items():
            if not settings.wants(wanted):
                continue
            try:
                child, changed = _prepared(Child(name, folder / name), count, calls)
                stack.callback(child.close)
                result.notes.append(changed)
                children.append(child)
            except (PeerMissingError, PeerFailedError) as problem:
                result.missing[title_of(name)] = str(problem)
        for turn in range(settings.rounds):
            for child in children[turn % len(children) :] + children[: turn % len(children)]:
                probe.take()
                for way in _WAYS:
                    note(child, way, child.ask("search_texts", calls=calls, way=_WAY_OF[way])["p50"] / 1e3)
                note(child, "an insert", child.ask("insert_texts", calls=calls)["p50"] / 1e3)
    result.rows = [row for label in (*_WAYS, "an insert") for name, row in rows.items() if name.endswith(f", {label}")]
    for label in (*_WAYS, "an insert"):
        ours, theirs = result.row(f"nbconvex, {label}"), result.row(f"SQLite FTS5, {label}")
        verdict_of(result, f"× SQLite FTS5, {label}", ours, theirs, limit=None, goal=1.0)
    return result
