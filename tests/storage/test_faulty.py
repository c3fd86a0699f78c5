"""The store that fails on purpose keeps the port's promises, failures included."""

from __future__ import annotations

import pytest

from nbconvex.errors import HeadMovedError, StorageFailedError
from nbconvex.storage.memory import MemoryPersistence
from tests.storage.faulty import Fault, FaultyPersistence
from tests.storage.persistence_suite import PersistenceSuite, put


class TestFaultyPersistenceWithoutFaults(PersistenceSuite):
    def open(self) -> FaultyPersistence:
        return FaultyPersistence(MemoryPersistence())


@pytest.mark.parametrize(("fault", "kept"), [(Fault.BEFORE, 0), (Fault.PARTLY, 1), (Fault.AFTER, 3)])
def test_a_fault_leaves_a_prefix_and_stops_the_store(fault, kept):
    batch = [put(2, 1), put(3, 2), put(4, 3)]
    store = FaultyPersistence(MemoryPersistence(), [None, fault])
    store.append([put(1, 1)], 0)
    for _ in range(2):
        with pytest.raises(StorageFailedError):
            store.append(batch, 1)
    again = store.reopened()
    assert again.changes(1) == batch[:kept]
    head = again.load().head
    again.append([put(9, 9)], head)


def test_a_moved_head_is_no_failure():
    store = FaultyPersistence(MemoryPersistence(), [Fault.MOVED])
    with pytest.raises(HeadMovedError):
        store.append([put(1, 1)], 0)
    store.append([put(1, 1)], 0)
