"""The in-memory store keeps the port's promises for as long as it lives."""

from __future__ import annotations

from nbconvex.storage.memory import MemoryPersistence
from tests.storage.persistence_suite import PersistenceSuite, drop, put, taken


class TestMemoryPersistence(PersistenceSuite):
    def open(self) -> MemoryPersistence:
        return MemoryPersistence()


def test_load_gives_the_documents_as_of_now():
    store = MemoryPersistence("scratch")
    store.append([put(1, 1, 2), drop(2, 1), put(3, 3, table=10002), drop(4, 3, table=10002)], 0)
    loaded = store.load()
    store.append([put(5, 9)], 4)
    assert taken(loaded) == (4, {10001: {(2).to_bytes(16, "big"): b"v1.2"}})
    assert (store.name, store.size_bytes()) == ("scratch", 0)
