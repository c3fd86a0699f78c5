"""LMDB through py-lmdb, one synced write transaction an operation."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.peers import keys
from benchmarks.peers.contract import Peer, PeerMissingError


class PyLmdb(Peer):
    name = "LMDB"
    styles = ("threads", "async")

    def version(self) -> str:
        import lmdb

        return f"{'.'.join(map(str, lmdb.version()))} (py-lmdb {lmdb.__version__})"

    def open(self, folder: Path) -> None:
        try:
            import lmdb
        except ImportError as error:
            raise PeerMissingError(f"not installed: {error}") from None
        self._env = lmdb.open(str(folder / "lmdb"), map_size=4 << 30, sync=True, metasync=True)
        self._numbers = itertools.count(self._highest() + 1)

    def _highest(self) -> int:
        with self._env.begin() as tx, tx.cursor() as cursor:
            if not cursor.set_range(b"e"):
                cursor.last()
            for key in cursor.iterprev(values=False):
                if key[:1] == b"d":
                    return int.from_bytes(key[1:], "big")
        return 0

    def _put(self, tx: Any, document: dict[str, Any]) -> int:
        number = next(self._numbers)
        tx.put(keys.document_key(number), keys.encode_value({"id": number, **document}))
        tx.put(keys.index_key(document["channel"], number), b"")
        return number

    def insert(self, document: dict[str, Any]) -> int:
        with self._env.begin(write=True) as tx:
            return self._put(tx, document)

    def load(self, documents: Iterable[dict[str, Any]]) -> list[int]:
        with self._env.begin(write=True) as tx:
            return [self._put(tx, document) for document in documents]

    def get(self, key: int) -> Any:
        with self._env.begin(buffers=True) as tx:
            return keys.decode_value(tx.get(keys.document_key(key)))

    def newest(self, channel: str) -> list[Any]:
        prefix = keys.channel_prefix(channel)
        found = []
        with self._env.begin() as tx, tx.cursor() as cursor:
            at_end = cursor.set_range(prefix[:-1] + b"\1") and cursor.prev()
            for entry in cursor.iterprev(values=False) if at_end or cursor.last() else ():
                if not entry.startswith(prefix) or len(found) == 10:
                    break
                found.append(keys.decode_value(tx.get(b"d" + entry[-8:])))
        return found

    def count(self) -> int:
        with self._env.begin() as tx:
            counters = sum(1 for _ in self._counter_keys(tx))
            return (int(tx.stat()["entries"]) - counters) // 2

    def _counter_keys(self, tx: Any) -> Iterable[bytes]:
        with tx.cursor() as cursor:
            cursor.set_range(b"c")
            for key in cursor.iternext(values=False):
                if key[:1] != b"c":
                    return
                yield key

    def make_counter(self) -> int:
        number = next(self._numbers)
        with self._env.begin(write=True) as tx:
            tx.put(keys.counter_key(number), keys.encode_value(0))
        return number

    def add_one(self, key: int) -> None:
        place = keys.counter_key(key)
        with self._env.begin(write=True) as tx:
            tx.put(place, keys.encode_value(keys.decode_value(tx.get(place)) + 1))

    def counter_value(self, key: int) -> int:
        with self._env.begin() as tx:
            return int(keys.decode_value(tx.get(keys.counter_key(key))))

    def close(self) -> None:
        self._env.close()
