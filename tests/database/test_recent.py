"""What the newest commits wrote, found by id; `test_snapshot` reads whole lines of snapshots in any order."""

from __future__ import annotations

from nbconvex.database.recent import RECENT_WRITES_MAX
from tests.database.stores import BlockingPersistence, insert_all, open_database


def test_two_snapshots_that_follow_the_same_one_do_not_see_each_other() -> None:
    database = open_database()
    [stored] = insert_all(database, "t", [{"x": 0}])
    base = database.snapshot
    following = []
    for x in (1, 2):
        transaction = database.begin(writable=True)
        transaction.patch(stored, {"x": x})
        following.append(base.with_writes(list(transaction.writes.values()), base.ts + 1))
    for snapshot, x in [(base, 0), (following[1], 2), (following[0], 1)]:
        assert database.begin_at(snapshot).get(stored)["x"] == x


def test_what_nobody_looks_at_is_entered_into_the_trees_after_a_while() -> None:
    persistence = BlockingPersistence()
    database = open_database(persistence)
    [stored] = insert_all(database, "t", [{"x": 0}])
    persistence.gate.clear()
    for x in range(1, RECENT_WRITES_MAX + 3):
        transaction = database.begin(writable=True)
        transaction.patch(stored, {"x": x})
        database.commit_async(transaction, lambda _: None)
    assert database._accepted.unsettled < 10
    assert database.begin_at(database._accepted).get(stored)["x"] == RECENT_WRITES_MAX + 2
    persistence.gate.set()
    database.close()
