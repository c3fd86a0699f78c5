"""Clearing, dropping, closing, and the budget of memory."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from nbconvex.clock import SystemClock
from nbconvex.database.database import Database
from nbconvex.database.loading import load_snapshot
from nbconvex.database.snapshot import Snapshot
from nbconvex.database.system_tables import TABLES_TABLE
from nbconvex.errors import (
    ConflictError,
    DocumentInvalidError,
    LimitExceededError,
    SchemaInvalidError,
    StorageFailedError,
)
from nbconvex.storage.memory import MemoryPersistence
from nbconvex.values.ids import decode_id
from nbconvex.values.schema import define_schema, table
from nbconvex.values.validators import v
from tests.database.stores import (
    RecordingPersistence,
    contents,
    insert_all,
    open_database,
    read,
    write,
)

ACCOUNTS = define_schema({"accounts": table(v.any()).index("by_owner", ["owner"]), "log": table(v.any())})


def run_together(*tasks: Callable[[], Any]) -> None:
    """Every task in a thread of its own; the first failure is raised here."""
    failures: list[BaseException] = []

    def guarded(task: Callable[[], Any]) -> None:
        try:
            task()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive(), "a commit never came to an end"
    if failures:
        raise failures[0]


# -- numbers of tables -------------------------------------------------------------------------------------------------


def test_the_number_of_a_dropped_table_is_never_given_again() -> None:
    persistence = MemoryPersistence()
    database = open_database(persistence)
    [kept] = insert_all(database, "kept", [{}])
    [old] = insert_all(database, "newest", [{}])
    database.drop_table("newest")
    database = open_database(persistence)
    database.push_schema(define_schema({"links": table({"to": v.id("other")}), "other": table({})}))
    insert_all(database, "newest", [{}])
    reader = database.begin(writable=False)
    assert [reader.normalize_id(name, old) for name in ("links", "other", "newest", "kept")] == [None] * 4
    assert reader.get(old) is None
    assert reader.normalize_id("kept", kept) == kept
    with pytest.raises(DocumentInvalidError, match="no table of this database"):
        insert_all(database, "links", [{"to": old}])


def test_numbers_go_on_after_everything_was_cleared_again_and_again() -> None:
    persistence = MemoryPersistence()
    seen = []
    for _ in range(3):
        database = open_database(persistence)
        seen += [decode_id(insert_all(database, name, [{}])[0])[0] for name in ("a", "b")]
        database.clear()
        assert database.clear() == 0
        assert load_snapshot(persistence).last_number == database.snapshot.last_number == seen[-1]
        assert len(database.snapshot.tables[TABLES_TABLE].documents) == 1
    assert seen == [10_001, 10_002, 10_003, 10_004, 10_005, 10_006]


def test_dropping_an_older_table_leaves_nothing_of_it() -> None:
    database = open_database()
    for name in ("a", "b", "c"):
        insert_all(database, name, [{}])
    database.drop_table("c")
    database.drop_table("a")
    assert len(database.snapshot.tables[TABLES_TABLE].documents) == 2
    assert decode_id(insert_all(database, "d", [{}])[0])[0] == 10_004
    database.drop_table("b")
    assert len(database.snapshot.tables[TABLES_TABLE].documents) == 1


def test_two_that_create_a_table_after_a_drop_get_different_numbers() -> None:
    database = open_database()
    [old] = insert_all(database, "dropped", [{}])
    creators = [database.begin(writable=True) for _ in range(2)]
    database.drop_table("dropped")
    for name, transaction in zip("ab", creators, strict=True):
        transaction.insert(name, {})
        with pytest.raises(ConflictError):
            database.commit(transaction)
    numbers = {decode_id(each)[0] for each in [old, *(insert_all(database, name, [{}])[0] for name in "ab")]}
    assert len(numbers) == 3


# -- clearing, dropping, closing ---------------------------------------------------------------------------------------


def test_clearing_deletes_everything_also_on_disk() -> None:
    persistence = MemoryPersistence()
    database = open_database(persistence, schema=ACCOUNTS)
    insert_all(database, "accounts", [{"owner": "ada"}] * 3)
    insert_all(database, "unlisted", [{}])
    assert database.clear() == 4
    left = contents(database.snapshot)
    # The one document that is left remembers the highest table number.
    assert len(left.pop("_tables")["documents"]) == 1
    assert left == {name: each for name, each in contents(Snapshot.empty()).items() if name != "_tables"}
    assert database.snapshot.schema is None
    assert database.memory_bytes == database.snapshot.tables[TABLES_TABLE].memory_bytes < 200
    assert database.clear() == 0
    again = open_database(persistence)
    assert contents(again.snapshot) == contents(database.snapshot)
    insert_all(database, "accounts", [{"owner": 1}])
    assert read(database, lambda tx: tx.query("accounts").count()) == 1


@pytest.mark.parametrize("remove", [lambda database: database.clear(), lambda database: database.drop_table("t")])
@pytest.mark.parametrize("recreate", [None, "t", "other"])
@pytest.mark.parametrize("stored", [0, 1])
def test_a_mutation_that_meets_the_deletion_of_its_table_conflicts(
    remove: Any, recreate: str | None, stored: int
) -> None:
    """A blind insert reads nothing. Written all the same, its document would belong to no table, or to another."""
    persistence = MemoryPersistence()
    database = open_database(persistence)
    insert_all(database, "t", [{}])
    if not stored:
        write(database, lambda tx: tx.delete(tx.query("t").first()["_id"]))
    transaction = database.begin(writable=True)
    transaction.insert("t", {"n": 1})
    remove(database)
    if recreate is not None:
        insert_all(database, recreate, [{"n": 0}])
    try:
        database.commit(transaction)
    except ConflictError:
        write(database, lambda tx: tx.insert("t", {"n": 1}))
    assert contents(open_database(persistence).snapshot) == contents(database.snapshot)
    assert 1 in [each["n"] for each in read(database, lambda tx: tx.query("t").collect())]
    if recreate == "other":
        assert read(database, lambda tx: tx.query("other").count()) == 1


def test_deleting_a_table_concerns_whoever_found_it_empty() -> None:
    database = open_database()
    insert_all(database, "first", [{}])
    insert_all(database, "t", [{}])
    write(database, lambda tx: tx.delete(tx.query("t").first()["_id"]))
    watching = database.begin(writable=False)
    assert watching.query("t").collect() == []
    before = database.head
    database.clear()
    assert any(watching.reads.overlaps(each) for each in database.write_log.since(before))


@pytest.mark.case("schema-push/delete_referenced_table")
def test_a_table_that_the_schema_stands_on_is_not_deleted() -> None:
    database = open_database(schema=define_schema({"posts": table({"author": v.optional(v.id("users"))})}))
    insert_all(database, "users", [{}, {}])
    with pytest.raises(SchemaInvalidError, match='table "posts" refers to it'):
        database.drop_table("users")
    with pytest.raises(SchemaInvalidError, match="is in the schema"):
        database.drop_table("posts")
    with pytest.raises(SchemaInvalidError, match="no table"):
        database.drop_table("none")
    with pytest.raises(SchemaInvalidError, match="no table"):
        database.drop_table("_storage")
    database.push_schema(define_schema({}))
    assert database.drop_table("users") == 2
    assert database.snapshot.table("users") is None
    assert read(database, lambda tx: tx.query("users").collect()) == []


def test_closing_makes_durable_what_waits_and_refuses_what_comes_after() -> None:
    persistence = RecordingPersistence()
    database = open_database(persistence)
    insert_all(database, "t", [{}])
    told: list[Any] = []
    transaction = database.begin(writable=True)
    transaction.insert("t", {})
    database.commit_async(transaction, told.append)
    late = database.begin(writable=True)
    late.insert("t", {})
    database.close()
    database.close()
    assert (told, database.is_closed) == ([database.head], True)
    for call in (lambda: database.commit(late), lambda: database.begin(writable=False), database.clear):
        with pytest.raises(StorageFailedError, match="closed"):
            call()


def test_closing_while_others_commit_leaves_nobody_waiting() -> None:
    for seed in range(5):
        database = open_database(clock=SystemClock(), seed=seed)
        insert_all(database, "t", [{}])
        outcomes: list[Any] = []
        started = threading.Barrier(4)

        def keep_writing(database: Database = database, outcomes: list[Any] = outcomes, started: Any = started) -> None:
            started.wait()
            for number in range(10_000):
                transaction = None
                try:
                    transaction = database.begin(writable=True)
                    transaction.insert("t", {})
                    if number % 2:
                        database.commit_async(transaction, outcomes.append)
                    else:
                        database.commit(transaction)
                except StorageFailedError:
                    return

        def stop(database: Database = database, started: Any = started) -> None:
            started.wait()
            database.close()

        run_together(keep_writing, keep_writing, keep_writing, stop)
        assert all(isinstance(outcome, int) for outcome in outcomes)


def test_a_store_does_not_outgrow_its_memory_but_can_shrink() -> None:
    database = open_database(memory_bytes_max=20_000)

    def fill() -> None:
        for _ in range(1_000):
            insert_all(database, "t", [{"body": "x" * 1_000}])

    with pytest.raises(LimitExceededError, match="with a larger memory_bytes_max") as raised:
        fill()
    assert raised.value.limit == "memory_bytes_max"
    assert 15_000 < database.memory_bytes <= 20_000
    write(database, lambda tx: tx.delete(tx.query("t").first()["_id"]))
    insert_all(database, "t", [{"body": "x" * 900}])
