"""Loads of many documents keep the rules between documents, and triggers hear of each of them."""

from __future__ import annotations

from typing import Any

import pytest

from nbconvex.database import bulk as bulk_module
from nbconvex.database.database import Database
from nbconvex.database.guarded_transaction import GuardedTransaction, Written
from nbconvex.errors import CallerError, ConflictError, ReferenceViolatedError, UniqueViolatedError
from nbconvex.values.codec import decode_document
from nbconvex.values.schema import define_schema, table
from nbconvex.values.validators import v
from tests.database.stores import bare, insert_all, open_database, read, write

NODES = table({"up": v.nullable(v.id("nodes", on_delete="cascade")), "n": v.number()}).index("by_up", ["up"])
USERS = table({"email": v.string()}).index("by_email", ["email"], unique=True)
NOTES = table({"by": v.id("users", on_delete="restrict")}).index("by_by", ["by"])
SCHEMA = define_schema({"nodes": NODES, "users": USERS, "notes": NOTES})


@pytest.fixture(params=["ordinary writes", "tables made anew"])
def size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways that a load can take."""
    if request.param == "tables made anew":
        monkeypatch.setattr(bulk_module, "_WRITES_MAX", 0)
    return str(request.param)


def documents(database: Database, name: str) -> list[Any]:
    return read(database, lambda tx: tx.query(name).collect())


def a_store_and_a_copy() -> tuple[Database, dict[str, list[Any]]]:
    """An empty store, and the documents of another one: a circle of nodes, two users, a note."""
    other = open_database(schema=SCHEMA, seed=2)
    first, second = insert_all(other, "nodes", [{"up": None, "n": 1}, {"up": None, "n": 2}])
    write(other, lambda tx: (tx.patch(first, {"up": second}), tx.patch(second, {"up": first})))
    ada, _ = insert_all(other, "users", [{"email": "ada"}, {"email": "bob"}])
    insert_all(other, "notes", [{"by": ada}])
    return open_database(schema=SCHEMA), {name: documents(other, name) for name in ("notes", "nodes", "users")}


def load(database: Database, tables: dict[str, list[Any]], mode: Any = "append") -> int:
    bulk = database.begin_bulk()
    for name, rows in tables.items():
        into = bulk.open(name, mode)
        for row in rows:
            into.add(row)
    return database.commit_bulk(bulk)


# -- references --------------------------------------------------------------------------------------------------------


def test_documents_that_refer_to_each_other_come_in_in_any_order(size: str) -> None:
    database, copy = a_store_and_a_copy()
    load(database, copy)
    assert {name: documents(database, name) for name in copy} == copy


def test_a_load_that_refers_to_what_is_not_there_is_refused_as_a_whole(size: str) -> None:
    database, copy = a_store_and_a_copy()
    before = database.head
    with pytest.raises(ReferenceViolatedError) as raised:
        load(database, {"notes": copy["notes"]})
    [note] = copy["notes"]
    error = raised.value
    assert (error.table, error.field, error.document_id, error.referrer_id, error.count) == (
        "notes", "by", note["by"], note["_id"], 1,
    )  # fmt: skip
    assert str(error).startswith(
        'Failed to write to notes: afterwards 1 document of "notes" would refer by "by" to documents that "users" does '
    )
    assert (documents(database, "notes"), database.head) == ([], before)


def test_a_table_that_is_replaced_must_keep_what_others_refer_to(size: str) -> None:
    database, copy = a_store_and_a_copy()
    load(database, copy)
    ada, bob = copy["users"]
    with pytest.raises(ReferenceViolatedError, match='of "notes" would refer by "by"'):
        load(database, {"users": [bob]}, "replace")
    load(database, {"users": [ada]}, "replace")
    assert documents(database, "users") == [ada]
    load(database, {"users": [bob], "notes": []}, "replace")
    assert (documents(database, "users"), documents(database, "notes")) == ([bob], [])


def test_tables_without_references_are_not_looked_through(size: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_module, "require_kept", lambda *_: pytest.fail("nobody has to look"))
    database = open_database(schema=define_schema({"users": USERS}))
    load(database, {"users": [{"email": "a"}], "others": [{"x": 1}]})
    assert len(documents(database, "users")) == 1


# -- triggers ----------------------------------------------------------------------------------------------------------


class Recorder:
    """Hears of writes to some tables; does what `then` says about each."""

    def __init__(self, *tables: str, then: Any = None) -> None:
        self.tables = frozenset(tables)
        self.heard: list[tuple[str, Any, Any]] = []
        self._then = then

    def react(self, transaction: GuardedTransaction, written: Written) -> Exception | None:
        before, after = (
            None if each is None else bare(decode_document(each)) for each in (written.before, written.after)
        )
        self.heard.append((written.table, before, after))
        return None if self._then is None else self._then(transaction, written)


def test_each_document_of_a_load_is_heard_of_and_what_follows_is_in_the_same_commit() -> None:
    database, copy = a_store_and_a_copy()
    database.watch = recorder = Recorder("users", then=lambda tx, _: tx.insert("log", {}) and None)
    head = database.head
    load(database, copy)
    assert recorder.heard == [("users", None, {"email": "ada"}), ("users", None, {"email": "bob"})]
    assert {name: documents(database, name) for name in copy} == copy
    assert len(documents(database, "log")) == 2
    assert len(database.write_log.since(head) or ()) == 1
    # New documents come behind those that brought their times along.
    [new] = insert_all(database, "users", [{"email": "new"}])
    assert documents(database, "users")[-1]["_id"] == new


def test_a_replaced_table_tells_what_goes_and_what_comes_and_nothing_of_what_stays() -> None:
    database, copy = a_store_and_a_copy()
    load(database, copy)
    database.watch = recorder = Recorder("users")
    ada, bob = copy["users"]
    load(database, {"users": [ada, {**bob, "email": "robert"}, {"email": "eve"}]}, "replace")
    assert sorted(recorder.heard, key=str) == sorted(
        [
            ("users", {"email": "bob"}, None),
            ("users", None, {"email": "robert"}),
            ("users", None, {"email": "eve"}),
        ],
        key=str,
    )
    assert [each["email"] for each in documents(database, "users")] == ["ada", "robert", "eve"]


def test_a_trigger_that_raises_refuses_the_load() -> None:
    database, copy = a_store_and_a_copy()
    database.watch = Recorder("users", then=lambda *_: ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        load(database, copy)
    assert [documents(database, name) for name in copy] == [[], [], []]


def test_rules_hold_for_loads_that_are_heard_of() -> None:
    database, copy = a_store_and_a_copy()
    database.watch = Recorder("users", "notes")
    with pytest.raises(ReferenceViolatedError):
        load(database, {"notes": copy["notes"]})
    load(database, copy)
    with pytest.raises(ReferenceViolatedError):
        load(database, {"users": []}, "replace")
    with pytest.raises(UniqueViolatedError):
        load(database, {"users": [{"email": "ada"}]})


def test_a_load_that_is_heard_of_is_made_again_after_a_conflict() -> None:
    database, copy = a_store_and_a_copy()
    interfered: list[int] = []

    def interfere(tx: GuardedTransaction, _: Written) -> None:
        tx.query("log").collect()
        if len(interfered) < 2:
            interfered.append(1)
            other = Database.begin(database, writable=True)
            other.insert("log", {"n": len(interfered)})
            database.commit(other)

    database.watch = Recorder("users", then=interfere)
    load(database, {"users": copy["users"]})
    assert len(documents(database, "users")) == 2
    interfered.clear()

    def always(tx: GuardedTransaction, written: Written) -> None:
        interfered.clear()
        interfere(tx, written)

    database.watch = Recorder("users", then=always)
    with pytest.raises(ConflictError):
        load(database, {"users": [{"email": "eve"}]})


def test_two_documents_with_one_id_are_refused() -> None:
    database, copy = a_store_and_a_copy()
    database.watch = Recorder("users")
    [ada, _] = copy["users"]
    with pytest.raises(CallerError, match="two documents for the table"):
        load(database, {"users": [ada, {**ada, "email": "other"}]})
