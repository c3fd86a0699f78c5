"""RocksDB through rocksdict: one synced write batch an operation, a lock where it must read first."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.peers import keys
from benchmarks.peers.contract import Peer, PeerMissingError


class RocksDict(Peer):
    name = "RocksDB"
    styles = ("threads", "async")

    def version(self) -> str:
        from importlib.metadata import version

        return f"rocksdict {version('rocksdict')}"

    def open(self, folder: Path) -> None:
        try:
            import rocksdict
        except ImportError as error:
            raise PeerMissingError(f"not installed: {error}") from None
        self._module = rocksdict
        options = rocksdict.Options(raw_mode=True)
        options.create_if_missing(True)
        self._db = rocksdict.Rdict(str(folder / "rocks"), options)
        self._synced = rocksdict.WriteOptions()
        self._synced.sync = True
        self._numbers = itertools.count(1 + sum(1 for _ in self._document_keys()))
        self._lock = threading.Lock()

    def _document_keys(self) -> Iterable[bytes]:
        for key in self._db.keys(from_key=b"d"):
            if key[:1] != b"d":
                return
            yield key

    def _batch(self, documents: Iterable[dict[str, Any]]) -> list[int]:
        batch = self._module.WriteBatch(raw_mode=True)
        numbers = []
        for document in documents:
            number = next(self._numbers)
            batch.put(keys.document_key(number), keys.encode_value({"id": number, **document}))
            batch.put(keys.index_key(document["channel"], number), b"")
            numbers.append(number)
        self._db.write(batch, self._synced)
        return numbers

    def insert(self, document: dict[str, Any]) -> int:
        return self._batch([document])[0]

    def load(self, documents: Iterable[dict[str, Any]]) -> list[int]:
        remaining = iter(documents)
        numbers: list[int] = []
        while part := list(itertools.islice(remaining, 10_000)):
            numbers += self._batch(part)
        return numbers

    def get(self, key: int) -> Any:
        return keys.decode_value(self._db[keys.document_key(key)])

    def newest(self, channel: str) -> list[Any]:
        prefix = keys.channel_prefix(channel)
        found = []
        for entry in self._db.keys(backwards=True, from_key=prefix[:-1] + b"\1"):
            if not entry.startswith(prefix) or len(found) == 10:
                break
            found.append(keys.decode_value(self._db[b"d" + entry[-8:]]))
        return found

    def count(self) -> int:
        return sum(1 for _ in self._document_keys())

    def make_counter(self) -> int:
        number = next(self._numbers)
        self._db.put(keys.counter_key(number), keys.encode_value(0), self._synced)
        return number

    def add_one(self, key: int) -> None:
        place = keys.counter_key(key)
        with self._lock:
            value = keys.decode_value(self._db[place])
            self._db.put(place, keys.encode_value(value + 1), self._synced)

    def counter_value(self, key: int) -> int:
        return int(keys.decode_value(self._db[keys.counter_key(key)]))

    def close(self) -> None:
        self._db.close()
