"""Clearing, dropping, closing, and the budget of memory."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from nbconvex.clock import SystemClock
from nbconvex.database.database import Database
from nbconvex.database.snapshot import Snapshot
from nbconvex.errors import ConflictError, LimitExceededError, SchemaInvalidError, StorageFailedError
from nbconvex.storage.memory import MemoryPersistence
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


# -- clearing, dropping, closing ---------------------------------------------------------------------------------------


def test_clearing_deletes_everything_also_on_disk() -> None:
    persistence = MemoryPersistence()
    database = open_database(persistence, schema=ACCOUNTS)
    insert_all(database, "accounts", [{"owner": "ada"}] * 3)
    insert_all(database, "unlisted", [{}])
    assert database.clear() == 4
    assert contents(database.snapshot) == contents(Snapshot.empty())
    assert database.snapshot.schema is None
    assert database.memory_bytes == 0
    assert database.clear() == 0
    again = open_database(persistence)
    assert contents(again.snapshot) == contents(Snapshot.empty())
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
