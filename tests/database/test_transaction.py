"""One unit of work: reading by id, its own writes, sub-transactions, creation times."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest

from nbconvex.clock import ManualClock
from nbconvex.database.database import Database
from nbconvex.database.transaction import Transaction
from nbconvex.errors import (
    CallerError,
    ValueInvalidError,
)
from nbconvex.values.ids import encode_id
from nbconvex.values.scalars import UNSET
from nbconvex.values.schema import define_schema, table
from nbconvex.values.validators import v
from tests.database.stores import RecordingPersistence, bare, insert_all, open_database, read, write

INDEXED = define_schema({"t": table(v.any()).index("by_x", ["x"]).index("by_deep", ["o.a"])})


def open_one(document: dict[str, Any]) -> tuple[Database, str]:
    """A database with one document in table t, and its id."""
    database = open_database(schema=INDEXED)
    [stored] = insert_all(database, "t", [document])
    return database, stored


def after(database: Database, stored: str, run: Callable[[Transaction], Any]) -> dict[str, Any] | None:
    """The document, without system fields, after `run` was committed."""
    write(database, run)
    return bare(read(database, lambda tx: tx.get(stored)))


# -- reading by id -----------------------------------------------------------------------------------------------------


@pytest.mark.case("db-write/insert_returns_id", "db-write/insert_unknown_table_created")
def test_an_insert_returns_the_id_of_the_document() -> None:
    database = open_database()
    stored = write(database, lambda tx: tx.insert("messages", {"body": "hi"}))
    assert bare(read(database, lambda tx: tx.get(stored))) == {"body": "hi"}
    assert read(database, lambda tx: tx.query("messages").count()) == 1
    assert stored[:3] == "j57"


@pytest.mark.case("ids/get_deleted", "ids/get_unknown_table", "db-write/delete")
def test_a_get_of_what_is_not_there_is_none() -> None:
    database, stored = open_one({})
    assert read(database, lambda tx: tx.get(encode_id(12_345, b"x" * 16))) is None
    assert read(database, lambda tx: tx.get(encode_id(10_001, b"x" * 16))) is None
    write(database, lambda tx: tx.delete(stored))
    assert read(database, lambda tx: tx.get(stored)) is None
    assert read(database, lambda tx: tx.query("t").collect()) == []


@pytest.mark.case("ids/get_garbage")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hello", "unable to decode"),
        ("", "unable to decode"),
        (5, "a string"),
        (None, "a string"),
        ({"_id": "x"}, "document"),
    ],
)
def test_a_get_of_what_is_no_id_is_an_error(text: Any, words: str) -> None:
    with pytest.raises(ValueInvalidError, match=words) as raised:
        read(open_database(), lambda tx: tx.get(text))
    assert "db.get" in str(raised.value)


@pytest.mark.case("ids/normalize_valid", "ids/normalize_other_table")
def test_an_id_is_normalized_for_its_own_table_only() -> None:
    database = open_database()
    user, message = write(database, lambda tx: (tx.insert("users", {}), tx.insert("messages", {})))
    write(database, lambda tx: tx.delete(message))
    transaction = database.begin(writable=False)
    assert transaction.normalize_id("messages", message) == message
    assert transaction.normalize_id("messages", user) is None
    assert transaction.normalize_id("messages", "hello") is None
    assert transaction.normalize_id("none", message) is None
    file = encode_id(12, b"x" * 16)
    assert transaction.normalize_id("_storage", file, system=True) == file
    assert transaction.normalize_id("_storage", message, system=True) is None


@pytest.mark.case("db-write/explicit_table_ok", "db-write/table_scoped_form")
def test_the_right_table_may_be_given() -> None:
    database, stored = open_one({"n": 1})
    transaction = database.begin(writable=True)
    transaction.patch(stored, {"n": 2}, table="t")
    transaction.replace(stored, {"n": 3}, table="t")
    assert bare(transaction.get(stored, table="t")) == {"n": 3}
    transaction.delete(stored, table="t")
    assert transaction.get(stored, table="t") is None


@pytest.mark.case("db-write/explicit_table_patch_wrong", "db-write/explicit_table_replace_wrong")
@pytest.mark.parametrize(
    "run",
    [
        lambda tx, i: tx.get(i, table="users"),
        lambda tx, i: tx.patch(i, {"n": 2}, table="users"),
        lambda tx, i: tx.replace(i, {"n": 2}, table="users"),
        lambda tx, i: tx.delete(i, table="users"),
    ],
)
def test_an_id_of_another_table_is_an_error_and_changes_nothing(run: Any) -> None:
    database, stored = open_one({"n": 1})
    insert_all(database, "users", [{}])
    transaction = database.begin(writable=True)
    with pytest.raises(CallerError, match="expected to be an Id<users>, got Id<t>"):
        run(transaction, stored)
    assert not transaction.writes


# -- the transaction's own writes --------------------------------------------------------------------------------------


@pytest.mark.case(
    "db-write/patch_after_insert",
    "db-write/replace_after_insert",
    "db-write/delete_visible_in_transaction",
    "indexes/index_after_replace",
)
def test_reads_see_the_transaction_s_own_writes_by_id_and_by_index() -> None:
    database, stored = open_one({"x": 1})
    transaction = database.begin(writable=True)

    def found() -> list[tuple[Any, list[Any]]]:
        return [
            (x, [bare(each) for each in transaction.query("t").with_index("by_x", x=x).collect()]) for x in (1, 2, 3)
        ]

    fresh = transaction.insert("t", {"x": 2})
    assert found() == [(1, [{"x": 1}]), (2, [{"x": 2}]), (3, [])]
    transaction.patch(fresh, {"x": 3, "n": 1})
    assert bare(transaction.get(fresh)) == {"x": 3, "n": 1}
    assert found() == [(1, [{"x": 1}]), (2, []), (3, [{"x": 3, "n": 1}])]
    transaction.replace(stored, {"x": 3})
    transaction.replace(fresh, {"x": 1})
    assert found() == [(1, [{"x": 1}]), (2, []), (3, [{"x": 3}])]
    transaction.delete(stored)
    assert (transaction.get(stored), found()[2]) == (None, (3, []))
    transaction.delete(fresh)
    assert transaction.query("t").first() is None
    assert transaction.query("t").count() == 0
    database.commit(transaction)
    assert read(database, lambda tx: tx.query("t").collect()) == []


def test_another_transaction_sees_nothing_before_the_commit() -> None:
    database, stored = open_one({"x": 1})
    transaction = database.begin(writable=True)
    transaction.patch(stored, {"x": 2})
    transaction.insert("t", {"x": 3})
    transaction.insert("new", {})
    assert read(database, lambda tx: [bare(each) for each in tx.query("t").collect()]) == [{"x": 1}]
    assert read(database, lambda tx: tx.query("new").collect()) == []


def test_an_index_on_a_nested_path_follows_its_documents() -> None:
    database, stored = open_one({"o": {"a": 1}})
    deep: Callable[[Any], list[str]] = lambda a: read(  # noqa: E731
        database, lambda tx: [each["_id"] for each in tx.query("t").with_index("by_deep", **{"o.a": a}).collect()]
    )
    assert deep(1) == [stored]
    write(database, lambda tx: tx.patch(stored, {"o": {"a": 2}}))
    assert (deep(1), deep(2)) == ([], [stored])
    write(database, lambda tx: tx.patch(stored, {"o": 7}))
    assert (deep(2), deep(UNSET)) == ([], [stored])
    write(database, lambda tx: tx.delete(stored))
    assert deep(UNSET) == []


# -- sub-transactions --------------------------------------------------------------------------------------------------


def names(transaction: Transaction, table_name: str = "t") -> list[str]:
    return [each["name"] for each in transaction.query(table_name).collect()]


@pytest.mark.case(
    "subtransactions/nested_throw_rolls_back_only_nested",
    "subtransactions/nested_insert_then_patch_visible",
    "subtransactions/nested_insert_then_delete_visible",
    "subtransactions/parallel_nested_mutations",
)
def test_a_rollback_undoes_the_nested_part_only() -> None:
    database, _ = open_one({"name": "stored"})
    transaction = database.begin(writable=True)
    transaction.insert("t", {"name": "A"})
    savepoint = transaction.savepoint()
    transaction.insert("t", {"name": "B"})
    assert names(transaction) == ["stored", "A", "B"]
    transaction.rollback(savepoint)
    assert names(transaction) == ["stored", "A"]
    transaction.savepoint()
    kept = transaction.insert("t", {"name": "to be patched"})
    transaction.patch(kept, {"name": "C"})
    transaction.delete(transaction.insert("t", {"name": "gone"}))
    transaction.insert("other", {"name": "elsewhere"})
    assert names(transaction) == ["stored", "A", "C"]
    database.commit(transaction)
    assert read(database, names) == ["stored", "A", "C"]
    assert read(database, lambda tx: names(tx, "other")) == ["elsewhere"]


def test_savepoints_nest_and_can_be_returned_to_more_than_once() -> None:
    database, stored = open_one({"name": "stored"})
    transaction = database.begin(writable=True)
    outer = transaction.savepoint()
    transaction.insert("t", {"name": "A"})
    inner = transaction.savepoint()
    for _ in range(2):
        transaction.patch(stored, {"name": "changed"})
        transaction.insert("t", {"name": "B"})
        assert names(transaction) == ["changed", "A", "B"]
        transaction.rollback(inner)
        assert names(transaction) == ["stored", "A"]
    transaction.delete(stored)
    transaction.rollback(outer)
    assert names(transaction) == ["stored"]
    assert not transaction.has_writes
    for name in ("C", "D"):
        transaction.insert("t", {"name": name})
        transaction.rollback(outer)
    assert names(transaction) == ["stored"]


def test_a_delete_is_undone_by_id_and_by_index() -> None:
    database, stored = open_one({"x": 1})
    transaction = database.begin(writable=True)
    savepoint = transaction.savepoint()
    transaction.delete(stored)
    assert transaction.query("t").with_index("by_x", x=1).first() is None
    transaction.rollback(savepoint)
    assert transaction.get(stored) == transaction.query("t").with_index("by_x", x=1).unique()
    assert bare(transaction.get(stored)) == {"x": 1}


def test_a_document_inserted_before_a_savepoint_gets_its_own_state_back() -> None:
    transaction = open_one({})[0].begin(writable=True)
    mine = transaction.insert("t", {"x": 1})
    savepoint = transaction.savepoint()
    transaction.patch(mine, {"x": 2})
    transaction.query("t").collect()
    transaction.delete(mine)
    transaction.rollback(savepoint)
    assert bare(transaction.get(mine)) == {"x": 1}
    assert transaction.query("t").with_index("by_x", x=1).count() == 1
    assert transaction.query("t").with_index("by_x", x=2).count() == 0


def test_a_rollback_gives_creation_times_back() -> None:
    transaction = open_database().begin(writable=True)
    transaction.insert("t", {})
    savepoint = transaction.savepoint()
    undone = transaction.get(transaction.insert("t", {}))
    transaction.rollback(savepoint)
    again = transaction.get(transaction.insert("t", {}))
    assert undone["_creationTime"] == again["_creationTime"]


def test_a_table_created_in_a_part_that_is_rolled_back_was_never_there() -> None:
    persistence = RecordingPersistence()
    database = open_database(persistence)
    transaction = database.begin(writable=True)
    savepoint = transaction.savepoint()
    undone = transaction.insert("a", {"n": 1})
    transaction.rollback(savepoint)
    assert transaction.query("a").collect() == []
    assert transaction.get(undone) is None
    transaction.insert("b", {"n": 2})
    database.commit(transaction)
    assert database.snapshot.table("a") is None
    assert read(database, lambda tx: [bare(each) for each in tx.query("b").collect()]) == [{"n": 2}]
    write(database, lambda tx: tx.insert("a", {"n": 3}))
    assert read(database, lambda tx: [bare(each) for each in tx.query("a").collect()]) == [{"n": 3}]
    assert read(database, lambda tx: tx.get(undone)) is None


def test_what_a_rolled_back_part_read_stays_read() -> None:
    database, stored = open_one({"x": 1})
    transaction = database.begin(writable=True)
    savepoint = transaction.savepoint()
    transaction.get(stored)
    before = len(transaction.reads)
    transaction.rollback(savepoint)
    assert len(transaction.reads) == before


# -- creation times ----------------------------------------------------------------------------------------------------


@pytest.mark.case("creation-time/unique_in_transaction")
def test_creation_times_within_a_transaction_increase_by_the_smallest_step() -> None:
    database = open_database()
    insert_all(database, "t", [{"n": n} for n in range(100)])
    stored = read(database, lambda tx: tx.query("t").collect())
    times = [each["_creationTime"] for each in stored]
    assert [each["n"] for each in stored] == list(range(100))
    assert all(later == math.nextafter(earlier, math.inf) for earlier, later in itertools.pairwise(times))


@pytest.mark.case("creation-time/base_is_transaction_start")
def test_the_first_document_has_the_transaction_s_clock_also_where_it_creates_its_table() -> None:
    clock = ManualClock(1_700_000_000_123.0)
    database = open_database(clock=clock)
    for name in ("fresh", "fresh", "other"):
        clock.advance(1)
        transaction = database.begin(writable=True)
        clock.advance(1)
        document = transaction.get(transaction.insert(name, {}))
        assert document["_creationTime"] == transaction.now_ms == transaction.creation_time_ms
        database.commit(transaction)


@pytest.mark.case("creation-time/order_across_transactions")
@pytest.mark.parametrize("step", [1.0, 0.0, -3600.0])
def test_later_transactions_create_later_even_if_the_clock_stands_or_goes_back(step: float) -> None:
    clock = ManualClock()
    database = open_database(clock=clock)
    for n in range(5):
        insert_all(database, "t", [{"n": n}])
        clock.advance(step)
    newest = read(database, lambda tx: tx.query("t").order("desc").take(3))
    assert [each["n"] for each in reversed(newest)] == [2, 3, 4]


@pytest.mark.case("creation-time/by_creation_time_range")
def test_documents_are_found_by_the_time_of_their_creation() -> None:
    clock = ManualClock(1_717_149_600_000.0)  # 31 May 2024
    database = open_database(clock=clock)
    insert_all(database, "t", [{"n": 1}, {"n": 2}])
    clock.advance(2 * 86_400)
    insert_all(database, "t", [{"n": 3}])
    first_of_june = 1_717_200_000_000.0
    found = read(
        database,
        lambda tx: (
            tx.query("t").with_index("by_creation_time", lambda q: q.lte("_creationTime", first_of_june)).collect()
        ),
    )
    assert [each["n"] for each in found] == [1, 2]


@pytest.mark.case("ids/ids_unique")
def test_ids_are_all_different_and_none_follows_another() -> None:
    make = open_database()._make_id
    made = [make() for _ in range(100_000)]
    assert len(set(made)) == 100_000
    assert sorted(made) != made
    assert len({each[:2] for each in made[:100]}) > 90
