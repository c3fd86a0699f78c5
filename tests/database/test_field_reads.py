"""Reads of some fields: which changes concern them, in conflicts and for those who watch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbconvex.database.database import Database
from nbconvex.database.field_reads import changed_fields, mask_of
from nbconvex.database.query import Query
from nbconvex.database.reads import CommitRecord, ReadSet, SubscriptionIndex
from nbconvex.database.transaction import Transaction
from nbconvex.errors import ConflictError
from nbconvex.values.codec import encode_document, equal_values
from nbconvex.values.schema import define_schema, table
from nbconvex.values.sort_key import field_value
from nbconvex.values.validators import v
from tests.database import test_database_interleavings as interleavings
from tests.database.stores import open_database, write

SCHEMA = define_schema({"t": table(v.any()).index("by_x", ["x"]), "log": table(v.any())})
FULL = {"x": 1, "y": 1, "z": 1, "deep": {"a": 1, "b": {"c": 1}}}


# -- paths -----------------------------------------------------------------------------------------------------------

_values = st.recursive(
    st.sampled_from([None, 1, 1.0, "1", True]),
    lambda inner: st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3),
    max_leaves=6,
)
_objects = st.dictionaries(st.sampled_from(["a", "b", "c"]), _values, max_size=3)
_paths = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3).map(".".join)


@given(_objects, _objects, _paths)
def test_a_read_is_concerned_if_what_stands_at_its_path_has_changed(before: Any, after: Any, path: str) -> None:
    changed = changed_fields(encode_document(before), encode_document(after))
    is_different = not equal_values(field_value(before, path), field_value(after, path))
    is_concerned = not mask_of(frozenset((path,))).isdisjoint(changed)
    assert is_concerned or not is_different
    # And not without a reason: where the path exists on both sides, nothing else counts.
    steps = [field_value(each, path.rpartition(".")[0]) if "." in path else each for each in (before, after)]
    if all(isinstance(each, dict) for each in steps):
        assert is_concerned == is_different


# -- one change ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    name: str
    ask: Callable[[Query], Any]
    change: dict[str, Any]
    is_concerned: bool


def by_x(query: Query, low: int = 0) -> Query:
    return query.with_index("by_x", lambda q: q.gte("x", low))


CASES = [
    Case("a selected field", lambda q: q.select("y").collect(), {"y": 2}, True),
    Case("another field", lambda q: q.select("y").collect(), {"z": 2}, False),
    Case("another field, by a loop", lambda q: list(q.select("y")), {"z": 2}, False),
    Case("another field, first", lambda q: q.select("y").first(), {"z": 2}, False),
    Case("another field, a page", lambda q: q.select("y").paginate(num_items=5), {"z": 2}, False),
    Case("a field of the filter", lambda q: q.filter(lambda q: q.gt(q.field("z"), 0)).select("y").collect(), {"z": 2},
         True),
    Case("none of the filter", lambda q: q.filter(lambda q: q.gt(q.field("z"), 0)).select("y").collect(), {"x": 2},
         False),
    Case("a function before", lambda q: q.filter(lambda d: d["y"] > 0).select("y").collect(), {"z": 2}, True),
    Case("a function behind", lambda q: q.select("y").filter(lambda d: d["y"] > 0).collect(), {"z": 2}, False),
    Case("the indexed field", lambda q: by_x(q).select("y").collect(), {"x": 2}, True),
    Case("out of the range", lambda q: by_x(q).select("y").collect(), {"x": -1}, True),
    Case("outside of the range", lambda q: by_x(q, 5).select("y").collect(), {"y": 2}, False),
    Case("into the range", lambda q: by_x(q, 5).select("y").collect(), {"x": 7}, True),
    Case("by an index", lambda q: by_x(q).select("y").collect(), {"z": 2}, False),
    Case("inside an object", lambda q: q.select("deep.a").collect(), {"deep": {"a": 2, "b": {"c": 1}}}, True),
    Case("beside it", lambda q: q.select("deep.a").collect(), {"deep": {"a": 1, "b": {"c": 2}}}, False),
    Case("the object itself", lambda q: q.select("deep.a").collect(), {"deep": None}, True),
    Case("below", lambda q: q.select("deep.b").collect(), {"deep": {"a": 1, "b": {"c": 2}}}, True),
    Case("count of a table", lambda q: q.count(), {"x": 2}, False),
    Case("count of a range", lambda q: by_x(q).count(), {"x": 2}, True),
    Case("count of a range, another field", lambda q: by_x(q).count(), {"y": 2}, False),
    Case("count with a filter", lambda q: q.filter(lambda q: q.gt(q.field("z"), 0)).count(), {"z": 2}, True),
    Case("count with a filter, another", lambda q: q.filter(lambda q: q.gt(q.field("z"), 0)).count(), {"y": 2}, False),
    Case("sum", lambda q: q.sum("y"), {"y": 2}, True),
    Case("sum, another field", lambda q: q.sum("y"), {"z": 2}, False),
    Case("max by an index", lambda q: q.with_index("by_x").max("x"), {"x": 2}, True),
    Case("max by an index, another", lambda q: q.with_index("by_x").max("x"), {"y": 2}, False),
    Case("groups", lambda q: q.aggregate(by="z", n="count"), {"z": 2}, True),
    Case("groups, another field", lambda q: q.aggregate(by="z", n="count"), {"y": 2}, False),
    Case("whole documents", lambda q: q.collect(), {"z": 2}, True),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_change_concerns(case: Case) -> None:
    database, stored = open_noted()
    transaction = database.begin(writable=True)
    case.ask(transaction.query("t"))
    transaction.insert("log", {})
    watching = SubscriptionIndex()
    watching.add("token", transaction.reads)
    before = database.head
    write(database, lambda tx: tx.patch(stored, case.change))
    [record] = database.write_log.since(before)  # type: ignore[misc]
    assert watching.matching(record) == ({"token"} if case.is_concerned else set())
    assert (transaction.reads.overlaps(record) is not None) == case.is_concerned
    if case.is_concerned:
        with pytest.raises(ConflictError):
            database.commit(transaction)
    else:
        database.commit(transaction)


@pytest.mark.parametrize("ask", [lambda q: q.select("y").collect(), lambda q: q.count(), lambda q: q.sum("y")])
@pytest.mark.parametrize("change", [lambda tx, i: tx.insert("t", FULL), lambda tx, i: tx.delete(i)])
def test_documents_that_come_and_go_concern_everybody(ask: Any, change: Any) -> None:
    database, stored = open_noted()
    transaction = database.begin(writable=False)
    ask(transaction.query("t"))
    before = database.head
    write(database, lambda tx: change(tx, stored))
    [record] = database.write_log.since(before)  # type: ignore[misc]
    assert transaction.reads.overlaps(record) is not None


def test_a_deleted_table_concerns_those_who_selected_from_it() -> None:
    reads = ReadSet()
    reads.add_fields(7, "by_x", b"a", b"b", mask_of(frozenset("y")))
    watching = SubscriptionIndex()
    watching.add("token", reads)
    deletion = CommitRecord(1, (), "", frozenset({7}))
    assert reads.overlaps(deletion) == ((7, "by_x"), b"")
    assert watching.matching(deletion) == {"token"}
    watching.remove("token")
    assert watching.matching(deletion) == set()


def test_what_is_not_known_to_be_the_same_has_changed() -> None:
    """Nobody had selected from the table when the commit was made, so it does not say what it changed."""
    database, stored = open_noted(is_noted=False)
    transaction = database.begin(writable=False)
    transaction.query("t").select("y").collect()
    before = database.head
    write(database, lambda tx: tx.patch(stored, {"z": 2}))
    [record] = database.write_log.since(before)  # type: ignore[misc]
    assert record.changed == {}
    assert transaction.reads.overlaps(record) is not None


def test_read_sets_are_joined_with_their_fields() -> None:
    one, other = ReadSet(), ReadSet()
    one.add_point(7, "by_id", b"a")
    other.add_fields(7, "by_x", b"a", b"b", mask_of(frozenset("y")))
    one.update(other)
    assert len(one) == 2
    commit = CommitRecord(1, ((7, "by_x"), b"a"), changed={((7, "by_x"), b"a"): frozenset({"z"})})
    assert one.overlaps(commit) is None
    assert one.overlaps(commit._replace(changed={})) == ((7, "by_x"), b"a")


def open_noted(*, is_noted: bool = True) -> tuple[Database, str]:
    """A database with one document, whose commits say which fields they change."""
    database = open_database(schema=SCHEMA)
    stored = write(database, lambda tx: tx.insert("t", FULL))
    if is_noted:
        reader: Transaction = database.begin(writable=False)
        reader.query("t").count()
        database.note_fields(reader.reads)
    return database, stored


# -- every order of three transactions -------------------------------------------------------------------------------


class SelectingStore(interleavings.Store):
    """What programs see that ask for some fields."""

    def total(self) -> Any:
        return interleavings.ALL.of(self.transaction).sum("rank")

    def kinds(self) -> Any:
        return [each["kind"] for each in interleavings.ALL.of(self.transaction).select("kind").collect()]


class SerialSelectingStore(interleavings.SerialStore):
    def total(self) -> Any:
        return sum(self.ranks())

    def kinds(self) -> Any:
        return [each["kind"] for each in self.model.collect(interleavings.ALL)]


SELECTING = [
    interleavings.Program("sum into b", lambda s: s.total(), lambda s, n: s.patch(s.b, {"rank": n})),
    interleavings.Program(
        "rename a by b", lambda s: s.kinds(), lambda s, n: s.patch(s.a, {"kind": "new" if n[-1:] == ["old"] else "old"})
    ),
    interleavings.Program("rename b", lambda s: s.kinds(), lambda s, n: s.patch(s.b, {"kind": "new"})),
    interleavings.Program("count new into a", lambda s: s.count(interleavings.NEW),
                          lambda s, n: s.patch(s.a, {"rank": 10 + n})),
    interleavings.Program("delete a if all are old", lambda s: s.kinds(),
                          lambda s, n: s.delete(s.a) if "new" not in n else None),
]  # fmt: skip


def test_three_transactions_that_select_are_serializable_in_every_order(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = interleavings.Start.database

    def noted(start: interleavings.Start) -> Database:
        database = whole(start)
        reads = ReadSet()
        reads.add_fields(start.snapshot.numbers["items"], "by_id", b"", b"", mask_of(frozenset()))
        database.note_fields(reads)
        return database

    monkeypatch.setattr(interleavings.Start, "database", noted)
    monkeypatch.setattr(interleavings, "Store", SelectingStore)
    monkeypatch.setattr(interleavings, "SerialStore", SerialSelectingStore)
    trios = list(interleavings.combinations_with_replacement(SELECTING, 3))
    interleavings.check_every_order(trios, steps=2)
