"""What a query counts as read: phantoms above, below and between, from both ends."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from nbconvex.database.database import Database
from nbconvex.database.transaction import Transaction
from nbconvex.errors import ConflictError
from nbconvex.values.scalars import Int64
from nbconvex.values.schema import define_schema, table
from nbconvex.values.validators import v
from tests.database.stores import insert_all, open_database, read, write

SCHEMA = define_schema({"t": table(v.any()).index("by_x", ["x"]).index("by_xy", ["x", "y"]), "log": table(v.any())})
Read = Callable[[Transaction], Any]


def open_with(*documents: dict[str, Any]) -> Database:
    database = open_database(schema=SCHEMA)
    insert_all(database, "t", documents)
    return database


def xs(found: list[dict[str, Any]]) -> list[Any]:
    return [each.get("x", "absent") for each in found]


# -- what counts as read ---------------------------------------------------------------------------------------------


def has_conflict(database: Database, reading: Read, *changes: Callable[[Transaction], Any]) -> bool:
    """Whether a mutation that reads and then writes elsewhere must be repeated because of `changes`."""
    transaction = database.begin(writable=True)
    reading(transaction)
    transaction.insert("log", {})
    for change in changes:
        write(database, change)
    try:
        database.commit(transaction)
    except ConflictError:
        return True
    return False


def insert(x: Any) -> Callable[[Transaction], Any]:
    return lambda tx: tx.insert("t", {"x": x})


def iterated(tx: Transaction, count: int, order: str = "asc") -> list[Any]:
    return list(itertools.islice(tx.query("t").with_index("by_x").order(order), count))


@dataclass(frozen=True)
class Phantom:
    name: str
    reading: Read
    x: Any
    conflicts: bool


IN_RANGE = lambda q: q.gte("x", 10).lt("x", 50)  # noqa: E731 - a range with a name


@pytest.mark.parametrize(
    "case",
    [
        Phantom("collect, inside", lambda tx: tx.query("t").with_index("by_x", IN_RANGE).collect(), 15, True),
        Phantom("collect, low end", lambda tx: tx.query("t").with_index("by_x", IN_RANGE).collect(), 10, True),
        Phantom("collect, high end", lambda tx: tx.query("t").with_index("by_x", IN_RANGE).collect(), 50, False),
        Phantom("collect, below", lambda tx: tx.query("t").with_index("by_x", IN_RANGE).collect(), 9, False),
        Phantom("count, inside", lambda tx: tx.query("t").with_index("by_x", IN_RANGE).count(), 49, True),
        Phantom("count, above", lambda tx: tx.query("t").with_index("by_x", IN_RANGE).count(), 51, False),
        Phantom("take, before the last", lambda tx: tx.query("t").with_index("by_x", IN_RANGE).take(2), 15, True),
        Phantom("take, behind the last", lambda tx: tx.query("t").with_index("by_x", IN_RANGE).take(2), 25, False),
        Phantom("take, same value later", lambda tx: tx.query("t").with_index("by_x", IN_RANGE).take(2), 20, False),
        Phantom("take more than there is", lambda tx: tx.query("t").with_index("by_x", IN_RANGE).take(9), 45, True),
        Phantom("take all there is", lambda tx: tx.query("t").with_index("by_x", IN_RANGE).take(4), 45, False),
        Phantom("take nothing", lambda tx: tx.query("t").with_index("by_x", IN_RANGE).take(0), 10, False),
        Phantom("first, before", lambda tx: tx.query("t").with_index("by_x").first(), 5, True),
        Phantom("first, behind", lambda tx: tx.query("t").with_index("by_x").first(), 15, False),
        Phantom("last, above", lambda tx: tx.query("t").with_index("by_x").order("desc").first(), 99, True),
        Phantom("last, below", lambda tx: tx.query("t").with_index("by_x").order("desc").first(), 35, False),
        Phantom("desc take, above", lambda tx: iterated(tx, 2, "desc"), 60, True),
        Phantom("desc take, between", lambda tx: iterated(tx, 2, "desc"), 45, True),
        Phantom("desc take, below", lambda tx: iterated(tx, 2, "desc"), 25, False),
        Phantom(
            "desc in a range, above its end",
            lambda tx: tx.query("t").with_index("by_x", IN_RANGE).order("desc").take(1),
            50,
            False,
        ),
        Phantom(
            "desc in a range, below its end",
            lambda tx: tx.query("t").with_index("by_x", IN_RANGE).order("desc").take(1),
            45,
            True,
        ),
        Phantom("desc collect, below", lambda tx: tx.query("t").with_index("by_x").order("desc").collect(), -1, True),
        Phantom("loop left early, before", lambda tx: iterated(tx, 2), 15, True),
        Phantom("loop left early, behind", lambda tx: iterated(tx, 2), 25, False),
        Phantom("empty range", lambda tx: tx.query("t").with_index("by_x", x=33).collect(), 33, True),
        Phantom("empty range, first", lambda tx: tx.query("t").with_index("by_x", x=33).first(), 33, True),
        Phantom("empty range, unique", lambda tx: tx.query("t").with_index("by_x", x=33).unique(), 33.0, True),
        Phantom("empty range, other type", lambda tx: tx.query("t").with_index("by_x", x=33).first(), Int64(33), False),
        Phantom("unique, the same again", lambda tx: tx.query("t").with_index("by_x", x=20).unique(), 20, True),
        Phantom("absent field", lambda tx: tx.query("t").with_index("by_xy", x=33).collect(), 33, True),
        Phantom("text a, text a-nul", lambda tx: tx.query("t").with_index("by_x", x="a").collect(), "a\0", False),
        Phantom("text a-nul, text a", lambda tx: tx.query("t").with_index("by_x", x="a\0").collect(), "a", False),
        Phantom(
            "inverted range",
            lambda tx: tx.query("t").with_index("by_x", lambda q: q.gt("x", 5).lt("x", 3)).collect(),
            4,
            False,
        ),
        Phantom("a filter does not narrow", lambda tx: tx.query("t").filter(lambda d: False).collect(), 1, True),
        Phantom("scan in creation order, first", lambda tx: tx.query("t").first(), 5, False),
        Phantom("scan in creation order, last", lambda tx: tx.query("t").order("desc").first(), 5, True),
        Phantom("by_id, all", lambda tx: tx.query("t").with_index("by_id").collect(), 5, True),
        Phantom("by_id, all, desc", lambda tx: tx.query("t").with_index("by_id").order("desc").collect(), 5, True),
        Phantom("page, behind its end", lambda tx: tx.query("t").with_index("by_x").paginate(num_items=2), 25, False),
        Phantom("page, inside", lambda tx: tx.query("t").with_index("by_x").paginate(num_items=2), 15, True),
        Phantom("page to the end", lambda tx: tx.query("t").with_index("by_x").paginate(num_items=9), 99, True),
        Phantom(
            "desc page, below its end",
            lambda tx: tx.query("t").with_index("by_x").order("desc").paginate(num_items=2),
            25,
            False,
        ),
        Phantom(
            "desc page, inside",
            lambda tx: tx.query("t").with_index("by_x").order("desc").paginate(num_items=2),
            35,
            True,
        ),
        Phantom("a query that is not consumed", lambda tx: tx.query("t").with_index("by_x"), 1, False),
        Phantom("a loop that is never begun", lambda tx: iter(tx.query("t")), 1, False),
    ],
)
def test_an_insert_elsewhere_conflicts_with_what_was_looked_at(case: Phantom) -> None:
    database = open_with(*[{"x": x} for x in (10, 20, 30, 40)])
    assert has_conflict(database, case.reading, insert(case.x)) == case.conflicts


@pytest.mark.case("transactions/filter_does_not_narrow", "transactions/empty_range_read_conflicts")
def test_a_row_that_the_filter_drops_and_a_row_in_an_empty_range_conflict() -> None:
    database = open_with({"x": 1})
    assert has_conflict(database, lambda tx: tx.query("t").filter(lambda q: q.eq(q.field("x"), 1)).collect(), insert(2))
    assert has_conflict(database, lambda tx: tx.query("t").with_index("by_x", x=77).collect(), insert(77))


@pytest.mark.case("transactions/old_key_counts")
def test_a_row_that_moves_out_of_what_was_read_conflicts() -> None:
    database = open_database(schema=SCHEMA)
    [moved] = insert_all(database, "t", [{"x": "A"}])
    for reading, changes in (
        ("A", [lambda tx: tx.patch(moved, {"x": "B"})]),
        ("A", [lambda tx: tx.patch(moved, {"x": "A"})]),
    ):
        assert has_conflict(database, lambda tx, x=reading: tx.query("t").with_index("by_x", x=x).collect(), *changes)
    assert not has_conflict(
        database, lambda tx: tx.query("t").with_index("by_x", x="C").collect(), lambda tx: tx.patch(moved, {"x": "B"})
    )


def test_a_change_of_another_field_of_a_row_that_was_read_conflicts_though_its_keys_stay() -> None:
    database = open_database(schema=SCHEMA)
    [stored, other] = insert_all(database, "t", [{"x": 1}, {"x": 2}])
    reading = lambda tx: tx.query("t").with_index("by_x", x=1).collect()  # noqa: E731
    assert has_conflict(database, reading, lambda tx: tx.patch(stored, {"n": 1}))
    assert not has_conflict(database, reading, lambda tx: tx.patch(other, {"n": 1}))
    assert has_conflict(database, reading, lambda tx: tx.delete(stored))


@pytest.mark.case("transactions/get_conflicts_only_on_that_document")
def test_a_get_is_a_read_of_one_document() -> None:
    database = open_database(schema=SCHEMA)
    one, two = insert_all(database, "t", [{"x": 1}, {"x": 2}])
    assert not has_conflict(database, lambda tx: tx.get(one), lambda tx: tx.patch(two, {"x": 3}))
    assert has_conflict(database, lambda tx: tx.get(one), lambda tx: tx.patch(one, {"x": 3}))
    assert has_conflict(database, lambda tx: tx.get(one), lambda tx: tx.delete(one))
    assert not has_conflict(database, lambda tx: tx.get(one), insert(5))


def test_finding_no_table_is_a_read_that_its_creation_changes() -> None:
    database = open_with()
    create = lambda tx: tx.insert("later", {})  # noqa: E731
    assert not has_conflict(database, lambda tx: tx.query("t").collect(), create)
    assert has_conflict(database, lambda tx: tx.query("much_later").collect(), lambda tx: tx.insert("much_later", {}))
    assert not has_conflict(database, lambda tx: tx.query("never").collect(), create)


def test_an_id_that_begins_with_0xff_is_seen_by_scans_from_both_ends() -> None:
    database = open_database(schema=SCHEMA)
    real = database._make_id
    for first in (b"\xff" * 14, b"\x00" * 14, b"\xff\x00" * 7):
        database._make_id = lambda first=first: first + real()[14:]
        write(database, lambda tx: tx.insert("t", {}))
    found = read(
        database, lambda tx: [each["_id"] for each in tx.query("t").with_index("by_id").order("desc").collect()]
    )
    assert found == sorted(found, reverse=True)
    assert len(found) == 3
    last = read(database, lambda tx: tx.query("t").with_index("by_id", _id=found[0]).collect())
    assert [each["_id"] for each in last] == found[:1]
    assert not has_conflict(
        database, lambda tx: tx.query("t").with_index("by_id").order("desc").first(), lambda tx: tx.delete(found[1])
    )
    assert has_conflict(
        database, lambda tx: tx.query("t").with_index("by_id").order("desc").first(), lambda tx: tx.delete(found[0])
    )
