"""DuckDB with one statement a commit: what nbconvex would be without its journal."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.document import FIELDS
from benchmarks.peers.contract import Peer

_TABLES = """
CREATE SEQUENCE IF NOT EXISTS ids;
CREATE TABLE IF NOT EXISTS messages (id BIGINT PRIMARY KEY DEFAULT nextval('ids'), channel VARCHAR, author VARCHAR,
                                     body VARCHAR, likes BIGINT, pinned BOOLEAN, created DOUBLE);
CREATE INDEX IF NOT EXISTS by_channel ON messages (channel);
CREATE TABLE IF NOT EXISTS counters (id BIGINT PRIMARY KEY DEFAULT nextval('ids'), n BIGINT);
"""
_COLUMNS = "channel, author, body, likes, pinned, created"


class DuckdbStatements(Peer):
    name = "DuckDB"
    styles = ("async",)

    def version(self) -> str:
        import duckdb

        return duckdb.__version__

    def open(self, folder: Path) -> None:
        import duckdb

        self._db = duckdb.connect(str(folder / "bench.duckdb"))
        self._db.execute(_TABLES)
        self._lock = threading.Lock()

    def insert(self, document: dict[str, Any]) -> int:
        row = [*(document[name] for name in FIELDS), time.time()]
        with self._lock:
            found = self._db.execute(
                f"INSERT INTO messages ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?) RETURNING id", row
            ).fetchone()
        assert found is not None
        return int(found[0])

    def load(self, documents: Iterable[dict[str, Any]]) -> list[int]:
        import pyarrow as pa

        rows = list(documents)
        columns: dict[str, Any] = {name: [row[name] for row in rows] for name in FIELDS}
        columns["created"] = [time.time() + place * 1e-6 for place in range(len(rows))]
        table = pa.table(columns)
        self._db.register("incoming", table)
        self._db.execute(f"INSERT INTO messages ({_COLUMNS}) SELECT {_COLUMNS} FROM incoming")
        self._db.unregister("incoming")
        found = self._db.execute("SELECT id FROM messages ORDER BY id DESC LIMIT ?", [len(rows)]).fetchall()
        return [row[0] for row in reversed(found)]

    def import_rows(self, path: str, source: str) -> dict[str, float]:
        import pyarrow.parquet as pq

        table = "messages"
        if source != "indexed":  # keys and indexes cost many times the rows
            table = "imported"
            self._db.execute("CREATE TABLE imported AS SELECT * FROM messages LIMIT 0")
        rows = f"read_parquet('{path}')"
        if source == "arrow":
            self._db.register("incoming", pq.read_table(path))
            rows = "incoming"
        started = time.perf_counter()
        self._db.execute(
            f"INSERT INTO {table} (id, {_COLUMNS}) SELECT nextval('ids'), {_COLUMNS.replace('created', str(started))} "
            f"FROM {rows}"
        )
        seconds = time.perf_counter() - started
        found = self._db.execute(f"SELECT count(*) FROM {table}").fetchone()
        assert found is not None
        return {"seconds": seconds, "rows": int(found[0])}

    def get(self, key: int) -> Any:
        cursor = self._db.execute("SELECT * FROM messages WHERE id = ?", [key])
        names = [column[0] for column in cursor.description]
        return dict(zip(names, cursor.fetchone() or (), strict=True))

    def newest(self, channel: str) -> list[Any]:
        cursor = self._db.execute("SELECT * FROM messages WHERE channel = ? ORDER BY created DESC LIMIT 10", [channel])
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def count(self) -> int:
        found = self._db.execute("SELECT count(*) FROM messages").fetchone()
        return int(found[0]) if found else 0

    def make_counter(self) -> int:
        found = self._db.execute("INSERT INTO counters (n) VALUES (0) RETURNING id").fetchone()
        assert found is not None
        return int(found[0])

    def add_one(self, key: int) -> None:
        with self._lock:
            self._db.execute("UPDATE counters SET n = n + 1 WHERE id = ?", [key])

    def counter_value(self, key: int) -> int:
        found = self._db.execute("SELECT n FROM counters WHERE id = ?", [key]).fetchone()
        return int(found[0]) if found else 0

    def close(self) -> None:
        self._db.close()
