"""ZODB over a FileStorage: documents in a BTree, the index in another, one connection a thread."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.peers.contract import Peer, PeerMissingError


class Zodb(Peer):
    name = "ZODB"
    styles = ("threads",)

    def version(self) -> str:
        from importlib.metadata import version

        return version("ZODB")

    def open(self, folder: Path) -> None:
        try:
            import transaction
            import ZODB
            from BTrees.LOBTree import LOBTree
            from BTrees.OOBTree import OOBTree
            from ZODB.FileStorage import FileStorage
            from ZODB.POSException import ConflictError
        except ImportError as error:
            raise PeerMissingError(f"not installed: {error}") from None
        self._conflict = ConflictError
        self._manager = transaction.TransactionManager
        self._db = ZODB.DB(FileStorage(str(folder / "bench.fs")), pool_size=100)
        self._local = threading.local()
        root = self._root()
        if "messages" not in root:
            root["messages"], root["by_channel"], root["counters"] = LOBTree(), OOBTree(), OOBTree()
            self._local.manager.commit()
        self._numbers = itertools.count(max(root["messages"].keys(), default=0) + 1)

    def _root(self) -> Any:
        local = self._local
        if not hasattr(local, "manager"):
            local.manager = self._manager()
            local.root = self._db.open(local.manager).root()
        return local.root

    def _put(self, root: Any, document: dict[str, Any]) -> int:
        number = next(self._numbers)
        root["messages"][number] = {"id": number, **document}
        root["by_channel"][document["channel"], time.time(), number] = number
        return number

    def _retrying(self, work: Any) -> Any:
        root = self._root()
        while True:
            try:
                self._local.manager.begin()
                result = work(root)
                self._local.manager.commit()
            except self._conflict:
                self._local.manager.abort()
            else:
                return result

    def insert(self, document: dict[str, Any]) -> int:
        return int(self._retrying(lambda root: self._put(root, document)))

    def load(self, documents: Iterable[dict[str, Any]]) -> list[int]:
        kept = list(documents)
        return list(self._retrying(lambda root: [self._put(root, document) for document in kept]))

    def get(self, key: int) -> Any:
        return self._root()["messages"][key]

    def newest(self, channel: str) -> list[Any]:
        root = self._root()
        # A BTree gives ascending keys only; the last ten of a channel's lazy slice are reached by place.
        found = root["by_channel"].values((channel, 0.0, 0), (channel, float("inf"), 0))
        messages = root["messages"]
        return [messages[found[place]] for place in range(-1, -min(10, len(found)) - 1, -1)]

    def count(self) -> int:
        return len(self._root()["messages"])

    def make_counter(self) -> int:
        number = next(self._numbers)

        def put(root: Any) -> None:
            from persistent.mapping import PersistentMapping

            root["counters"][number] = PersistentMapping({"n": 0})

        self._retrying(put)
        return number

    def add_one(self, key: int) -> None:
        def add(root: Any) -> None:
            root["counters"][key]["n"] += 1

        self._retrying(add)

    def counter_value(self, key: int) -> int:
        self._local.manager.begin()
        return int(self._root()["counters"][key]["n"])

    def close(self) -> None:
        self._local.manager.abort()
        self._db.close()
