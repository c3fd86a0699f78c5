"""SQLite in WAL mode through the standard library, synced on every commit (FULL) or not (NORMAL)."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

from benchmarks.document import FIELDS
from benchmarks.peers.contract import Peer

_TABLES = """
CREATE TABLE IF NOT EXISTS messages (id INTEGER PRIMARY KEY, channel TEXT, author TEXT, body TEXT, likes INTEGER,
                                     pinned INTEGER, created REAL);
CREATE INDEX IF NOT EXISTS by_channel ON messages (channel, created);
CREATE TABLE IF NOT EXISTS counters (id INTEGER PRIMARY KEY, n INTEGER);
"""
#: How long a connection waits for its turn to write.
_PATIENCE_S = 60.0
_INSERT = (
    "INSERT INTO messages (channel, author, body, likes, pinned, created)"
    " VALUES (:channel, :author, :body, :likes, :pinned, :created)"
)


def _as_dict(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> dict[str, Any]:
    return {column[0]: value for column, value in zip(cursor.description, row, strict=True)}


class SqliteFull(Peer):
    """One connection behind a lock: quicker than `SqliteConnections`, whose busy handlers sleep."""

    name = "SQLite FULL"
    styles = ("threads", "async")
    synchronous: ClassVar[str] = "FULL"

    def version(self) -> str:
        return sqlite3.sqlite_version

    def open(self, folder: Path) -> None:
        self._db = sqlite3.connect(folder / "bench.sqlite", isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute(f"PRAGMA synchronous={self.synchronous}")
        self._db.executescript(_TABLES)
        self._db.row_factory = _as_dict
        self._lock = threading.Lock()

    def insert(self, document: dict[str, Any]) -> int | None:
        with self._lock:
            return self._db.execute(_INSERT, {**document, "created": time.time()}).lastrowid

    def load(self, documents: Iterable[dict[str, Any]]) -> list[int]:
        before = self._highest()
        self._db.execute("BEGIN")
        self._db.executemany(_INSERT, ({**document, "created": time.time()} for document in documents))
        self._db.execute("COMMIT")
        return list(range(before + 1, self._highest() + 1))

    def import_rows(self, path: str, source: str) -> dict[str, float]:
        import pyarrow.parquet as pq

        insert = "INSERT INTO messages (channel, author, body, likes, pinned, created) VALUES (?, ?, ?, ?, ?, ?)"
        started = time.perf_counter()
        now = time.time()
        self._db.execute("BEGIN")
        for batch in pq.ParquetFile(path).iter_batches():
            columns = [batch.column(name).to_pylist() for name in FIELDS]
            self._db.executemany(insert, zip(*columns, [now] * batch.num_rows, strict=True))
        self._db.execute("COMMIT")
        return {"seconds": time.perf_counter() - started, "rows": self.count()}

    def _highest(self) -> int:
        return int(self._db.execute("SELECT coalesce(max(id), 0) AS n FROM messages").fetchone()["n"])

    def get(self, key: int) -> Any:
        return self._db.execute("SELECT * FROM messages WHERE id = ?", (key,)).fetchone()

    def newest(self, channel: str) -> list[Any]:
        return self._db.execute(
            "SELECT * FROM messages WHERE channel = ? ORDER BY created DESC LIMIT 10", (channel,)
        ).fetchall()

    def count(self) -> int:
        return int(self._db.execute("SELECT count(*) AS n FROM messages").fetchone()["n"])

    def make_counter(self) -> int | None:
        return self._db.execute("INSERT INTO counters (n) VALUES (0)").lastrowid

    def add_one(self, key: int) -> None:
        with self._lock:
            self._db.execute("UPDATE counters SET n = n + 1 WHERE id = ?", (key,))

    def counter_value(self, key: int) -> int:
        return int(self._db.execute("SELECT n FROM counters WHERE id = ?", (key,)).fetchone()["n"])

    def close(self) -> None:
        self._db.close()


class SqliteConnections(SqliteFull):
    """A connection for each caller, which waits while another one writes: how most programs use it.

    On a loop each connection has a thread of its own, as in aiosqlite.
    """

    name = "SQLite FULL, a connection each"

    def open(self, folder: Path) -> None:
        super().open(folder)
        self._folder = folder
        self._own = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._threads: list[ThreadPoolExecutor] = []

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = sqlite3.connect(
                self._folder / "bench.sqlite", isolation_level=None, check_same_thread=False, timeout=_PATIENCE_S
            )
            connection.execute(f"PRAGMA synchronous={self.synchronous}")
            self._opened.append(connection)
        return connection

    def insert(self, document: dict[str, Any]) -> int | None:
        return self._connection().execute(_INSERT, {**document, "created": time.time()}).lastrowid

    def add_one(self, key: int) -> None:
        self._connection().execute("UPDATE counters SET n = n + 1 WHERE id = ?", (key,))

    async def connect_callers(self, callers: int) -> None:
        self._threads = [ThreadPoolExecutor(1) for _ in range(callers)]

    async def insert_async(self, caller: int, document: dict[str, Any]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._threads[caller], self.insert, document)

    async def add_one_async(self, caller: int, key: int) -> None:
        await asyncio.get_running_loop().run_in_executor(self._threads[caller], self.add_one, key)

    async def disconnect_callers(self) -> None:
        for thread in self._threads:
            thread.shutdown()

    def close(self) -> None:
        for connection in self._opened:
            connection.close()
        super().close()


class SqliteNormal(SqliteFull):
    name = "SQLite NORMAL"
    durable = False
    synchronous = "NORMAL"
