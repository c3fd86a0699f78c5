"""W12 and W13: memory of a full store, and the time from opening it to its first answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.catalogue import title_of
from benchmarks.children import Child, PeerFailedError, work_folder
from benchmarks.machine import Probe
from benchmarks.peers.contract import PeerMissingError
from benchmarks.race import Settings
from benchmarks.results import Result, Row, Verdict

DOCUMENTS = 100_000
_MEMORY_PEERS = ("nbconvex", "sqlite", "better-sqlite3", "lmdb", "lmdb-js", "rocksdb", "zodb", "redis", "surrealdb",
                 "duckdb", "pglite", "convex-test")  # fmt: skip
_OPEN_PEERS = ("nbconvex", "sqlite", "lmdb", "rocksdb", "duckdb", "zodb")


def _note_problem(result: Result, name: str, problem: Exception) -> None:
    kind = "failed: " if isinstance(problem, PeerFailedError) else ""
    result.missing[title_of(name)] = f"{kind}{problem}"


def _growth(name: str, folder: Path) -> tuple[Child, float, float]:
    """The child (closed), and by how many MB it grew: while it stored the documents, and while it read them back."""
    child = Child(name, folder)
    try:
        if name == "nbconvex":
            child.ask("import_everything")
        child.open()
        child.ask("load", documents=100, forget=True)
        empty = child.ask("memory")
        for _ in range(10):
            child.ask("load", documents=DOCUMENTS // 10, forget=True)
        grown = child.ask("memory") - empty
    finally:
        child.close()
    if name != "nbconvex":
        return child, grown, grown
    again = Child(name, folder)
    try:
        again.ask("import_everything")
        empty = again.ask("memory")
        again.ask("first_answer", folder=str(folder))
        return child, grown, again.ask("memory") - empty
    finally:
        again.close()


def memory(settings: Settings, probe: Probe) -> Result:
    """W12."""
    result = Result("W12", f"memory for {DOCUMENTS:,} documents with one index, growth of resident size", "MB")
    rows: dict[str, Row] = {}
    with work_folder() as work:
        for turn in range(1 if settings.quick else min(3, settings.rounds)):
            for name in filter(settings.wants, _MEMORY_PEERS):
                if title_of(name) in result.missing:
                    continue
                probe.take()
                try:
                    child, stored, reopened = _growth(name, work / f"{name}-{turn}")
                except (PeerMissingError, PeerFailedError) as problem:
                    _note_problem(result, name, problem)
                    continue
                row = rows.setdefault(child.title, Row(child.title, [], child.durable, child.version))
                row.figures.append(stored)
                if name == "nbconvex":
                    label = "nbconvex, opened again"
                    rows.setdefault(label, Row(label, [], child.durable, child.version)).figures.append(reopened)
    result.rows = list(rows.values())
    for row in result.rows:
        if row.label.startswith("nbconvex"):
            result.verdicts.append(Verdict(f"MB: {row.label}", row.spread, 40.0, 20.0))
    return result


def _build(names: Sequence[str], documents: int, work: Path, result: Result) -> list[str]:
    built = []
    for name in names:
        child = None
        try:
            child = Child(name, work / name)
            child.open()
            for _ in range(10):
                child.ask("load", documents=documents // 10, forget=True)
            built.append(name)
        except (PeerMissingError, PeerFailedError) as problem:
            _note_problem(result, name, problem)
        finally:
            if child is not None:
                child.close()
    return built


def open_and_answer(settings: Settings, probe: Probe) -> Result:
    """W13."""
    documents = 1_000_000 if settings.million else 10_000 if settings.quick else DOCUMENTS
    result = Result("W13", f"open a store of {documents:,} documents to the first answered query", "s")
    rows: dict[str, Row] = {}
    with work_folder() as work:
        built = _build([name for name in _OPEN_PEERS if settings.wants(name)], documents, work, result)
        for turn in range(settings.rounds):
            shift = turn % max(1, len(built))
            for name in built[shift:] + built[:shift]:
                probe.take()
                child = Child(name, work / name)
                try:
                    answer = child.ask("first_answer", folder=str(work / name))
                    row = rows.setdefault(name, Row(child.title, [], version=answer["version"]))
                    row.figures.append(answer["seconds"])
                except (PeerMissingError, PeerFailedError) as problem:
                    _note_problem(result, name, problem)
                finally:
                    child.close()
    result.rows = list(rows.values())
    result.notes.append("The file is in the page cache; importing the peer's library is not counted.")
    ours = result.row("nbconvex")
    if ours is not None and settings.million:
        result.verdicts.append(Verdict("s", ours.spread, 10.0, 1.0))
    elif ours is not None:
        result.notes.append("not judged: the target is for 1,000,000 documents (--million)")
    return result
