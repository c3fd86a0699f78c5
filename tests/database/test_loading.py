"""What is rebuilt from the log equals what was live when it was written."""

from __future__ import annotations

import random
from typing import Any

import pytest

from nbconvex.database.loading import load_snapshot
from nbconvex.database.snapshot import Snapshot
from nbconvex.errors import ConvexError, StorageCorruptError, StorageVersionError
from nbconvex.storage.memory import MemoryPersistence
from nbconvex.storage.persistence import Commit, Revision
from nbconvex.values.codec import encode_document
from nbconvex.values.ids import encode_id
from nbconvex.values.scalars import UNSET, Int64
from nbconvex.values.schema import define_schema, table
from nbconvex.values.validators import v
from tests.database.snapshot_checks import check_consistent
from tests.database.stores import contents, insert_all, open_database, write

VALUES: list[Any] = [
    UNSET,
    None,
    Int64(-5),
    -0.0,
    5,
    float("nan"),
    True,
    "a",
    "a\0",
    "a word or a word",
    "Words, WORDS; a",
    b"\xff",
    [1, [None]],
    {"z": 1, "a": 2},
]
SCHEMAS = [
    define_schema({"t": table(v.any()).index("by_x", ["x"])}),
    define_schema({"t": table(v.any()).index("by_x", ["y", "x"]).index("by_deep", ["x.a"], staged=True)}),
    define_schema({"u": table(v.any())}),
    define_schema(
        {
            "t": table(v.any()).index("by_x", ["x"]).search_index("words", search_field="z", filter_fields=["y", "x"]),
            "u": table(v.any()).search_index("words", search_field="x", staged=True),
        }
    ),
    define_schema({"t": table(v.any()).search_index("words", search_field="z"), "u": table(v.any())}),
]


def test_an_empty_log_gives_the_system_tables() -> None:
    loaded = load_snapshot(MemoryPersistence())
    assert (contents(loaded), loaded.ts, loaded.schema) == (contents(Snapshot.empty()), 0, None)


@pytest.mark.parametrize("seed", range(6))
def test_after_any_history_the_rebuilt_snapshot_equals_the_live_one(seed: int) -> None:
    rng = random.Random(seed)
    persistence = MemoryPersistence()
    database = open_database(persistence, seed=seed)
    ids: list[str] = []

    def change(transaction: Any) -> None:
        for _ in range(rng.randrange(1, 8)):
            name = rng.choice(["t", "u", "w"])
            fields = {field: rng.choice(VALUES) for field in rng.sample(["x", "y", "z"], 2)}
            present = [each for each in ids if transaction.get(each) is not None]
            action = rng.random()
            if action < 0.5 or not present:
                ids.append(transaction.insert(name, fields))
            elif action < 0.75:
                transaction.patch(rng.choice(present), fields)
            else:
                transaction.delete(rng.choice(present))

    for _ in range(60):
        action = rng.random()
        if action < 0.05:
            database.push_schema(rng.choice(SCHEMAS))
        elif action < 0.07:
            database.clear()
        else:
            write(database, change)
    rebuilt = load_snapshot(persistence)
    assert contents(rebuilt) == contents(database.snapshot)
    check_consistent(database.snapshot)
    assert (rebuilt.ts, rebuilt.numbers) == (database.head, database.snapshot.numbers)
    mine, theirs = rebuilt.schema, database.snapshot.schema
    assert (mine and mine.definition) == (theirs and theirs.definition)


def test_creation_times_go_on_behind_the_newest_that_is_stored() -> None:
    persistence = MemoryPersistence()
    insert_all(open_database(persistence), "t", [{}, {}])
    again = open_database(persistence, seed=2)
    insert_all(again, "t", [{"n": "last"}])
    newest = again.begin(writable=False).query("t").order("desc").first()
    assert newest["n"] == "last"


def test_documents_of_a_table_that_nobody_created_are_damage() -> None:
    persistence = MemoryPersistence("the file")
    document = {"_id": encode_id(10_009, b"x" * 16), "_creationTime": 5.0}
    persistence.append([Commit(1, (Revision(10_009, b"x" * 16, encode_document(document)),))], 0)
    with pytest.raises(StorageCorruptError, match=r"the file.*10009"):
        load_snapshot(persistence)


def test_a_store_with_system_tables_of_a_newer_nbconvex_is_no_damaged_one() -> None:
    persistence = MemoryPersistence("the file")
    document = {"_id": encode_id(9_999, b"x" * 16), "_creationTime": 5.0}
    persistence.append([Commit(1, (Revision(9_999, b"x" * 16, encode_document(document)),))], 0)
    with pytest.raises(StorageVersionError, match=r"the file was written by a newer nbconvex.*9999.*Update"):
        load_snapshot(persistence)


@pytest.mark.parametrize(
    "payload", [b"", b"\x80", b"\xff\xff", encode_document({"n": 1}), encode_document({"_id": "x"})]
)
def test_a_payload_that_is_no_document_is_damage(payload: bytes) -> None:
    persistence = MemoryPersistence()
    insert_all(open_database(persistence), "t", [{}])
    head = persistence.load().head
    persistence.append([Commit(head + 1, (Revision(10_001, b"y" * 16, payload),))], head)
    with pytest.raises(StorageCorruptError):
        load_snapshot(persistence)


def test_a_store_that_names_a_table_without_documents_is_fine() -> None:
    persistence = MemoryPersistence()
    persistence._documents[10_007] = {}
    assert contents(load_snapshot(persistence)) == contents(Snapshot.empty())


def test_a_mutation_that_failed_is_not_in_the_log() -> None:
    persistence = MemoryPersistence()
    database = open_database(persistence)

    def fail(transaction: Any) -> None:
        transaction.insert("t", {})
        raise ConvexError("no")

    with pytest.raises(ConvexError):
        write(database, fail)
    assert contents(load_snapshot(persistence)) == contents(Snapshot.empty())
