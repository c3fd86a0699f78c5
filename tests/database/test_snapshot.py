"""Snapshots: sharing, completeness of indexes, accounting of memory."""

from __future__ import annotations

import random
import threading
from typing import Any

import pytest

from nbconvex.database.loading import load_snapshot
from nbconvex.database.snapshot import Snapshot
from nbconvex.database.system_tables import SYSTEM_TABLES
from nbconvex.values.codec import decode_document
from nbconvex.values.scalars import UNSET, Int64
from nbconvex.values.schema import define_schema, table
from nbconvex.values.sort_key import encode_key, field_value
from nbconvex.values.validators import v
from tests.database.stores import BlockingPersistence, contents, insert_all, open_database, write

SCHEMA = define_schema(
    {
        "t": table(v.any()).index("by_x", ["x"]).index("by_xy", ["x", "y"]).index("by_deep", ["o.a.b"]),
        "other": table(v.any()),
    }
)


def test_an_empty_snapshot_has_the_system_tables_only() -> None:
    empty = Snapshot.empty()
    assert {number: each.name for number, each in empty.tables.items()} == dict(SYSTEM_TABLES)
    assert (empty.ts, empty.schema, empty.memory_bytes) == (0, None, 0)
    assert (empty.table("t"), empty.table_name(10_001), empty.table_name(12)) == (None, None, "_storage")


def test_a_commit_shares_every_table_that_it_does_not_touch() -> None:
    database = open_database(schema=SCHEMA)
    insert_all(database, "other", [{}])
    before = database.snapshot
    before.settle()  # one that nobody has looked at is entered together with those that follow
    insert_all(database, "t", [{}])
    after = database.snapshot
    assert after.table("other") is before.table("other")
    assert after.tables[1] is before.tables[1]
    assert after.table("t") is not before.table("t")


def test_a_write_that_keeps_its_key_in_an_index_replaces_the_payload_there() -> None:
    database = open_database(schema=SCHEMA)
    [stored] = insert_all(database, "t", [{"x": 1, "n": 1}])
    write(database, lambda tx: tx.patch(stored, {"n": 2}))
    for index in database.snapshot.table("t").indexes.values():
        assert [decode_document(payload)["n"] for _, payload in index.entries.entries()] == [2]


@pytest.mark.parametrize("seed", range(3))
def test_every_document_is_in_every_index_once_under_its_fields(seed: int) -> None:
    rng = random.Random(seed)
    database = open_database(schema=SCHEMA, seed=seed)
    values: list[Any] = [UNSET, None, 1, 1.5, Int64(1), "a", "a\0", [1], {"a": {"b": 1}}, {"a": 1}]
    ids: list[str] = []
    for _ in range(40):
        transaction = database.begin(writable=True)
        for _ in range(rng.randrange(1, 6)):
            fields = {"x": rng.choice(values), "y": rng.choice(values), "o": rng.choice(values)}
            stored = rng.choice(ids) if ids else None
            if stored is None or transaction.get(stored) is None or rng.random() < 0.5:
                ids.append(transaction.insert("t", fields))
            elif rng.random() < 0.6:
                transaction.replace(stored, fields)
            else:
                transaction.delete(stored)
        database.commit(transaction)
        state = database.snapshot.table("t")
        documents = {decode_document(payload)["_id"]: payload for _, payload in state.documents.entries()}
        assert len(documents) == len(state.documents)
        for index in state.indexes.values():
            rows = list(index.entries.entries())
            assert [key for key, _ in rows] == sorted(key for key, _ in rows)
            assert {decode_document(payload)["_id"]: payload for _, payload in rows} == documents
            assert len(rows) == len(documents)
            for key, payload in rows:
                document = decode_document(payload)
                assert index.name == "by_creation_time" or key.startswith(
                    b"".join(encode_key(field_value(document, field)) for field in index.fields)
                )


def test_memory_follows_what_is_stored_and_returns_to_nothing() -> None:
    database = open_database(schema=SCHEMA)
    empty = database.memory_bytes
    ids = insert_all(database, "t", [{"x": "y" * 100} for _ in range(50)])
    full = database.memory_bytes
    assert full - empty > 50 * 200
    write(database, lambda tx: [tx.patch(each, {"x": UNSET}) for each in ids])
    assert empty < database.memory_bytes < full
    write(database, lambda tx: [tx.delete(each) for each in ids])
    assert database.memory_bytes == empty


def test_a_table_without_documents_knows_no_newest_creation_time() -> None:
    database = open_database()
    insert_all(database, "t", [{}, {}])
    newest = database.snapshot.table("t").newest_creation_ms
    assert newest == database.begin(writable=False).query("t").order("desc").first()["_creationTime"]
    assert database.snapshot.tables[12].newest_creation_ms == 0


def test_a_snapshot_does_not_change_when_later_ones_are_made() -> None:
    database = open_database(schema=SCHEMA)
    ids = insert_all(database, "t", [{"x": n} for n in range(300)])
    versions = []
    for turn in range(5):
        versions.append((database.snapshot, contents(database.snapshot)))
        write(database, lambda tx, turn=turn: [tx.patch(each, {"x": -turn}) for each in ids[turn::5]])
    assert all(contents(snapshot) == then for snapshot, then in versions)


@pytest.mark.parametrize("seed", range(4))
def test_snapshots_of_a_group_are_right_in_whatever_order_and_by_how_many_threads_they_are_looked_at(seed: int) -> None:
    """Writes enter the indexes when somebody looks, those of several commits at once."""
    rng = random.Random(seed)
    persistence = BlockingPersistence()
    database = open_database(persistence, schema=SCHEMA, seed=seed)
    ids = insert_all(database, "t", [{"x": n} for n in range(5)])
    persistence.gate.clear()
    model = {stored: n for n, stored in enumerate(ids)}
    versions: list[tuple[Snapshot, dict[str, Any]]] = []
    for turn in range(30):
        transaction = database.begin(writable=True)
        for _ in range(rng.randrange(1, 4)):
            present = rng.choice([*model, None])
            if present is None:
                model[transaction.insert("t", {"x": turn})] = turn
            elif rng.random() < 0.5:
                transaction.replace(present, {"x": -turn})
                model[present] = -turn
            else:
                transaction.delete(present)
                del model[present]
        database.commit_async(transaction, lambda _: None)
        versions.append((database._accepted, dict(model)))
    failures: list[BaseException] = []

    def look(order: list[int]) -> None:
        try:
            for place in order:
                snapshot, expected = versions[place]
                reading = database.begin_at(snapshot)
                found = {each: reading.get(each) for each in versions[-1][1]}
                assert {each: row["x"] for each, row in found.items() if row} == {
                    each: x for each, x in expected.items() if each in found
                }
                rows = database.begin_at(snapshot).query("t").with_index("by_x").collect()
                assert {each["_id"]: each["x"] for each in rows} == expected
                assert [each["x"] for each in rows] == sorted(expected.values())
                assert sum(each.memory_bytes for each in snapshot.tables.values()) == snapshot.memory_bytes
        except BaseException as error:
            failures.append(error)

    orders = [rng.sample(range(30), 30) for _ in range(4)]
    threads = [threading.Thread(target=look, args=(order,)) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    persistence.gate.set()
    database.wait_durable(versions[-1][0].ts)
    reloaded, live = contents(load_snapshot(persistence)), contents(database.snapshot)
    database.close()
    assert failures == []
    assert reloaded == live
