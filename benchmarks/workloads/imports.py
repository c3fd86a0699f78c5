"""W8: importing many rows, from a Parquet file and from an Arrow table in memory, each time into a new store."""

from __future__ import annotations

from pathlib import Path

from benchmarks.catalogue import title_of
from benchmarks.children import Child, PeerFailedError, work_folder
from benchmarks.document import make_documents
from benchmarks.machine import Probe
from benchmarks.peers.contract import PeerMissingError
from benchmarks.race import Settings
from benchmarks.results import Result, Row, Verdict
from benchmarks.spread import Spread

ROWS = 1_000_000
QUICK_ROWS = 100_000
_BATCH_ROWS = 50_000
#: Short name, what is read, what is behind the title.
_CONTESTANTS = (
    ("nbconvex", "parquet", ", Parquet"),
    ("nbconvex", "arrow", ", Arrow"),
    ("duckdb", "indexed", ", Parquet, key and index"),
    ("duckdb", "parquet", ", Parquet, rows alone"),
    ("sqlite", "parquet", ", Parquet"),
)


def many_rows(settings: Settings, probe: Probe) -> Result:
    """W8."""
    count = QUICK_ROWS if settings.quick else ROWS
    result = Result("W8", f"import {count:,} rows, durable at the end", "rows/s")
    rows: dict[str, Row] = {}
    with work_folder() as work:
        file = work / "rows.parquet"
        _write(file, count)
        wanted = [each for each in _CONTESTANTS if settings.wants(each[0])]
        for turn in range(settings.rounds):
            shift = turn % max(1, len(wanted))
            for name, source, suffix in wanted[shift:] + wanted[:shift]:
                label = title_of(name) + suffix
                if label in result.missing:
                    continue
                probe.take()
                try:
                    _measure(name, source, label, file, work / f"{name}-{source}-{turn}", count, rows)
                except (PeerMissingError, PeerFailedError) as problem:
                    kind = "failed: " if isinstance(problem, PeerFailedError) else ""
                    result.missing[label] = f"{kind}{problem}"
    result.rows = list(rows.values())
    result.notes.append(
        "nbconvex checks every row against its validator, gives it an id and enters it into three indexes; DuckDB has "
        "a key and an index, or appends rows alone; SQLite has both, and reads the file through pyarrow."
    )
    result.verdicts = _verdicts(rows)
    return result


def _measure(name: str, source: str, label: str, file: Path, folder: Path, count: int, rows: dict[str, Row]) -> None:
    child = Child(name, folder)
    try:
        child.open()
        answer = child.ask("import_rows", path=str(file), source=source)
        assert answer["rows"] == count, answer
        row = rows.setdefault(label, Row(label, [], child.durable, child.version))
        row.figures.append(count / answer["seconds"])
    finally:
        child.close()


def _verdicts(rows: dict[str, Row]) -> list[Verdict]:
    verdicts = []
    theirs = rows.get(f"{title_of('duckdb')}, Parquet, key and index")
    for source in ("Parquet", "Arrow"):
        ours = rows.get(f"nbconvex, {source}")
        if ours is not None:
            verdicts.append(Verdict(f"rows/s from {source}", ours.spread, 50_000.0, None, at_least=True))
        if ours is not None and theirs is not None:
            ratios = [mine / other for mine, other in zip(ours.figures, theirs.figures, strict=False)]
            verdicts.append(
                Verdict(f"from {source} ÷ DuckDB, key and index", Spread.of(ratios), None, 0.5, at_least=True)
            )
    return verdicts


def _write(file: Path, count: int) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.Table.from_pylist([next(make_documents(1))]).schema
    with pq.ParquetWriter(file, schema) as writer:
        for start in range(0, count, _BATCH_ROWS):
            part = list(make_documents(min(_BATCH_ROWS, count - start), start))
            writer.write_table(pa.Table.from_pylist(part, schema))
