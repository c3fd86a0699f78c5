"""SurrealDB embedded in the process (SurrealKV on files), with its sync switched on."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.peers.contract import Peer, PeerMissingError


class SurrealEmbedded(Peer):
    name = "SurrealDB"
    styles = ("async",)

    def version(self) -> str:
        from importlib.metadata import version

        return f"surrealdb (PyPI) {version('surrealdb')}"

    def open(self, folder: Path) -> None:
        os.environ["SURREAL_SYNC_DATA"] = "true"
        address = f"surrealkv://{folder / 'surreal'}?sync=every"
        try:
            import surrealdb

            self._db = surrealdb.Surreal(address)
            self._db.use("bench", "bench")
        except (ImportError, ValueError) as error:
            raise PeerMissingError(f"no embedded mode here: {error}") from None
        self._record = surrealdb.RecordID
        self._db.query("DEFINE INDEX IF NOT EXISTS by_channel ON messages FIELDS channel, created")

    def insert(self, document: dict[str, Any]) -> Any:
        made: Any = self._db.query(
            "CREATE ONLY messages CONTENT $d RETURN id", {"d": {**document, "created": _created()}}
        )
        return made["id"]

    def load(self, documents: Iterable[dict[str, Any]]) -> list[Any]:
        remaining = iter(documents)
        made: list[Any] = []
        while part := [{**document, "created": _created()} for document in itertools.islice(remaining, 2_000)]:
            rows: Any = self._db.query("INSERT INTO messages $rows RETURN id", {"rows": part})
            made += [row["id"] for row in rows]
        return made

    def get(self, key: Any) -> Any:
        return self._db.select(key)

    def newest(self, channel: str) -> Any:
        return self._db.query(
            "SELECT * FROM messages WHERE channel = $c ORDER BY created DESC LIMIT 10", {"c": channel}
        )

    def count(self) -> int:
        rows: Any = self._db.query("SELECT count() FROM messages GROUP ALL")
        return int(rows[0]["count"]) if rows else 0

    def make_counter(self) -> Any:
        made: Any = self._db.query("CREATE ONLY counters SET n = 0")
        return made["id"]

    def add_one(self, key: Any) -> None:
        self._db.query("UPDATE $k SET n += 1", {"k": key})

    def counter_value(self, key: Any) -> int:
        found: Any = self._db.query("SELECT VALUE n FROM ONLY $k", {"k": key})
        return int(found)

    def close(self) -> None:
        self._db.close()


_ticks = itertools.count()


def _created() -> float:
    return float(next(_ticks))
