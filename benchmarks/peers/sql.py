"""Grouping all documents by SQL: nbconvex's projection, and the same rows as a table that DuckDB made itself."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benchmarks.document import FIELDS, make_document
from benchmarks.peers.contract import Peer
from benchmarks.peers.nbconvex import Nbconvex
from benchmarks.spread import summary_of

GROUP_BY = (
    "SELECT channel, count(*) AS n, sum(likes) AS likes, avg(likes) AS mean FROM messages GROUP BY channel "
    "ORDER BY channel"
)
#: As many as nbconvex's SQL may use.
_THREADS_MAX = 4
_PATIENCE_S = 30.0

now = time.perf_counter_ns


def _timed(calls: int, call: Callable[[], Any]) -> dict[str, float]:
    samples = []
    for _ in range(calls):
        started = now()
        call()
        samples.append(now() - started)
    return summary_of(samples)


class NbconvexSql(Nbconvex):
    """`backend.sql`, and a live query with `ctx.db.sql`."""

    def first_group_by(self) -> float:
        """Seconds of the first SQL, which makes the projection; DuckDB and Arrow are imported before."""
        self.backend.sql("SELECT 1").arrow()
        started = time.perf_counter()
        self.group()
        return time.perf_counter() - started

    def group(self) -> Any:
        return self.backend.sql(GROUP_BY).arrow()

    def groups(self) -> list[Any]:
        """What is found, to see that all find the same."""
        return [list(row) for row in self.backend.sql(GROUP_BY).fetchall()]

    def group_by(self, calls: int) -> dict[str, float]:
        return _timed(calls, self.group)

    def insert_until_grouped(self, calls: int) -> dict[str, float]:
        """One insert, until the live query that groups everything has told its new result."""
        told = threading.Event()

        @self.backend.query
        def grouped(ctx: Any) -> list[Any]:
            found: list[Any] = ctx.db.sql(GROUP_BY)
            return found

        subscription = self.backend.subscribe(self.backend.api.main.grouped, {}, lambda _: told.set())

        def insert() -> None:
            told.clear()
            self.insert(make_document(self.inserted_besides))
            self.inserted_besides += 1
            if not told.wait(_PATIENCE_S):
                raise TimeoutError("an insert never reached the live query")

        try:
            return _timed(calls, insert)
        finally:
            subscription.close()


class DuckdbTable(Peer):
    """A table of the same columns, made from Arrow, asked by `sql(...).to_arrow_table()` with as many threads."""

    name = "DuckDB, a table in memory"
    durable = False
    _path = ":memory:"

    def version(self) -> str:
        import duckdb

        return duckdb.__version__

    def open(self, folder: Path) -> None:
        import duckdb

        path = str(folder / self._path) if self._path != ":memory:" else self._path
        self._db = duckdb.connect(path, config={"threads": str(min(_THREADS_MAX, os.cpu_count() or 1))})
        self._db.execute(
            "CREATE TABLE messages (_id VARCHAR, _creationTime DOUBLE, channel VARCHAR, author VARCHAR, body VARCHAR, "
            "likes DOUBLE, pinned BOOLEAN)"
        )

    def load(self, documents: Iterable[dict[str, Any]]) -> list[int]:
        import pyarrow as pa

        rows = list(documents)
        incoming = pa.table({
            "_id": [f"{number:032x}" for number in range(len(rows))],
            "_creationTime": [1.7e12 + number for number in range(len(rows))],
            **{name: [row[name] for row in rows] for name in FIELDS},
        })  # fmt: skip
        self._db.register("incoming", incoming)
        self._db.execute("INSERT INTO messages SELECT * FROM incoming")
        self._db.unregister("incoming")
        return []

    def count(self) -> int:
        found = self._db.execute("SELECT count(*) FROM messages").fetchone()
        return int(found[0]) if found else 0

    def first_group_by(self) -> float:
        started = time.perf_counter()
        self.group()
        return time.perf_counter() - started

    def group(self) -> Any:
        return self._db.sql(GROUP_BY).to_arrow_table()

    def groups(self) -> list[Any]:
        return [list(row) for row in self._db.execute(GROUP_BY).fetchall()]

    def group_by(self, calls: int) -> dict[str, float]:
        return _timed(calls, self.group)

    def close(self) -> None:
        self._db.close()


class DuckdbFileTable(DuckdbTable):
    """The same in a file, where DuckDB compresses it."""

    name = "DuckDB, a table in a file"
    _path = "bench.duckdb"

    def first_group_by(self) -> float:
        self._db.execute("CHECKPOINT")
        return super().first_group_by()
