"""Schemas coming into force: which documents are looked at, what is said, what happens to indexes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from nbconvex.database import database as database_module
from nbconvex.database import schema_push
from nbconvex.database.database import Database
from nbconvex.errors import ConflictError, IndexInvalidError, SchemaInvalidError, SchemaViolatedError
from nbconvex.limits import Limits
from nbconvex.storage.memory import MemoryPersistence
from nbconvex.values.scalars import Int64
from nbconvex.values.schema import SchemaDefinition, define_schema, table
from nbconvex.values.validators import v
from tests.database.stores import (
    BlockingPersistence,
    RecordingPersistence,
    bare,
    contents,
    insert_all,
    open_database,
    read,
    write,
)


def one(fields: Any, **indexes: Any) -> SchemaDefinition:
    """A schema of one table, t; an index is a list of fields, or a pair with whether it is staged."""
    definition = table(fields)
    for name, spec in indexes.items():
        names, staged = spec if isinstance(spec, tuple) else (spec, False)
        definition = definition.index(name, names, staged=staged)
    return define_schema({"t": definition})


A_ONLY = {"a": v.number()}
WITH_B = {"a": v.number(), "b": v.string()}
WITH_OPTIONAL_B = {"a": v.number(), "b": v.optional(v.string())}


def open_with(*documents: dict[str, Any], schema: SchemaDefinition | None = None) -> tuple[Database, list[str]]:
    database = open_database(schema=schema)
    return database, insert_all(database, "t", documents)


def by(database: Database, index: str, **equal: Any) -> list[Any]:
    return [bare(each) for each in read(database, lambda tx: tx.query("t").with_index(index, **equal).collect())]


# -- documents ---------------------------------------------------------------------------------------------------------


@pytest.mark.case("schema-push/existing_documents_checked")
def test_a_document_that_does_not_fit_keeps_the_old_schema() -> None:
    database, ids = open_with({"a": 1}, {"a": 2, "b": "x"}, schema=one(A_ONLY | {"b": v.optional(v.any())}))
    before, head = database.snapshot, database.head
    with pytest.raises(SchemaViolatedError) as raised:
        database.push_schema(one(WITH_B))
    [problem] = raised.value.problems
    assert problem.startswith(f'Document with ID "{ids[0]}" in table "t" does not match the schema: ')
    assert [word for word in ("b", "v.optional", "Validator:") if word not in problem] == []
    assert (database.snapshot, database.head) == (before, head)
    insert_all(database, "t", [{"a": 3}])


@pytest.mark.case("schema-push/optional_field_ok", "schema-push/tighten_after_migration")
def test_a_field_is_added_as_optional_filled_and_then_required() -> None:
    database, ids = open_with({"a": 1}, {"a": 2}, schema=one(A_ONLY))
    database.push_schema(one(WITH_OPTIONAL_B))
    with pytest.raises(SchemaViolatedError):
        database.push_schema(one(WITH_B))
    write(database, lambda tx: [tx.patch(each, {"b": ""}) for each in ids])
    assert database.push_schema(one(WITH_B)).checked_documents == 2


def test_kinds_of_mismatch_are_counted_with_one_sample_each() -> None:
    database, ids = open_with({"a": "x"}, {"a": "y"}, {"a": 1, "c": 1}, {}, {"a": 2})
    with pytest.raises(SchemaViolatedError) as raised:
        database.push_schema(one(A_ONLY))
    problems = raised.value.problems
    assert len(problems) == 3
    assert sum("2 documents of this table" in problem for problem in problems) == 1
    assert all(any(each in problem for each in ids) for problem in problems)


def test_documents_of_every_table_are_checked() -> None:
    database = open_database()
    insert_all(database, "one", [{"a": "x"}])
    insert_all(database, "two", [{"a": "x"}])
    with pytest.raises(SchemaViolatedError) as raised:
        database.push_schema(define_schema({"one": table(A_ONLY), "two": table(A_ONLY), "three": table(A_ONLY)}))
    assert ['"one"' in raised.value.problems[0], '"two"' in raised.value.problems[1]] == [True, True]
    assert database.snapshot.table("three") is None


@pytest.mark.parametrize(("stored", "fits"), [(5, False), (5.0, False), (Int64(5), True)])
@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: [x], lambda x: {"deep": x}])
def test_a_stored_number_does_not_become_an_int64_by_a_push(
    stored: Any, fits: bool, wrap: Callable[[Any], Any]
) -> None:
    """A plain int that is *written* to an int64 field is converted; one that is stored is a number, and stays one."""
    database, ids = open_with({"n": wrap(stored)})
    types = {list: v.array(v.int64()), dict: v.object({"deep": v.int64()})}
    schema = one({"n": types.get(type(wrap(stored)), v.int64())}, by_n=["n"])
    if fits:
        database.push_schema(schema)
        assert len(by(database, "by_n", n=wrap(Int64(5)))) == 1
        return
    with pytest.raises(SchemaViolatedError, match=ids[0]):
        database.push_schema(schema)


@pytest.mark.case("schema-push/superset_skips_scan")
def test_a_schema_that_takes_more_is_put_in_force_without_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    database, _ = open_with(*[{"a": n} for n in range(50)], schema=one(A_ONLY))

    def look(*_: Any) -> Any:
        raise AssertionError("a document was looked at")

    monkeypatch.setattr(schema_push, "decode_document", look)
    report = database.push_schema(one({"a": v.union(v.number(), v.string())}))
    assert (report.checked_documents, report.skipped_tables) == (0, ("t",))
    report = database.push_schema(one({"a": v.any(), "b": v.optional(v.string())}))
    assert (report.checked_documents, report.skipped_tables) == (0, ("t",))


@pytest.mark.case("schema-push/schema_off_then_on")
def test_bad_data_that_came_in_while_validation_was_off_is_found_when_it_is_on() -> None:
    relaxed = define_schema({"t": table(A_ONLY).index("by_a", ["a"])}, schema_validation=False)
    database, ids = open_with({"a": 1}, {"a": "bad"}, schema=relaxed)
    assert by(database, "by_a", a="bad") == [{"a": "bad"}], "indexes apply without validation"
    with pytest.raises(SchemaViolatedError, match=ids[1]):
        database.push_schema(one(A_ONLY))


@pytest.mark.case("schema-push/remove_table_keeps_data")
def test_a_table_taken_out_of_the_schema_keeps_its_documents_unvalidated() -> None:
    database, _ = open_with({"a": 1}, schema=one(A_ONLY, by_a=["a"]))
    report = database.push_schema(define_schema({}))
    assert report.diff.removed_tables == ("t",)
    insert_all(database, "t", [{"anything": True}])
    assert [bare(each) for each in read(database, lambda tx: tx.query("t").collect())] == [{"a": 1}, {"anything": True}]
    with pytest.raises(SchemaViolatedError):
        database.push_schema(one(A_ONLY))


def test_declaring_a_table_creates_it_empty() -> None:
    persistence = MemoryPersistence()
    database = open_database(persistence)
    report = database.push_schema(define_schema({"a": table(A_ONLY), "b": table(v.any())}))
    assert report.created_tables == ("a", "b")
    assert {name: database.snapshot.numbers[name] for name in ("a", "b")} == {"a": 10_001, "b": 10_002}
    assert contents(open_database(persistence).snapshot) == contents(database.snapshot)
    assert database.push_schema(define_schema({"a": table(A_ONLY), "b": table(v.any())})).created_tables == ()


def test_a_push_that_only_checks_changes_nothing() -> None:
    persistence = RecordingPersistence()
    database = open_database(persistence)
    report = database.push_schema(one(A_ONLY), check_only=True)
    assert (report.created_tables, persistence.batches, database.snapshot.schema) == (("t",), [], None)
    insert_all(database, "t", [{"a": "x"}])
    with pytest.raises(SchemaViolatedError):
        database.push_schema(one(A_ONLY), check_only=True)


def test_only_the_newest_schema_is_kept() -> None:
    persistence = MemoryPersistence()
    database = open_database(persistence)
    for schema in (one(A_ONLY), one(WITH_OPTIONAL_B), one(A_ONLY, by_a=["a"])):
        database.push_schema(schema)
    assert len(database.snapshot.tables[2].documents) == 1
    again = open_database(persistence)
    assert again.snapshot.schema.definition == one(A_ONLY, by_a=["a"])
    assert contents(again.snapshot) == contents(database.snapshot)


# -- indexes -----------------------------------------------------------------------------------------------------------


def test_a_new_index_is_filled_and_holds_documents_without_its_field() -> None:
    database, _ = open_with({"a": 2}, {"a": 1}, {"b": "x"})
    report = database.push_schema(one(v.any(), by_a=["a"], by_b=["b"]))
    assert [definition.name for _, definition in report.diff.added_indexes] == ["by_a", "by_b"]
    assert by(database, "by_a") == [{"b": "x"}, {"a": 1}, {"a": 2}]
    assert by(database, "by_b", b="x") == [{"b": "x"}]


@pytest.mark.case("indexes/removed_index")
def test_an_index_taken_out_of_the_schema_is_gone() -> None:
    database, _ = open_with({"a": 1}, schema=one(A_ONLY, by_a=["a"]))
    database.push_schema(one(A_ONLY))
    with pytest.raises(IndexInvalidError, match="not found"):
        by(database, "by_a")
    assert set(database.snapshot.table("t").indexes) == {"by_creation_time"}


def test_an_index_whose_fields_change_is_built_anew() -> None:
    database, _ = open_with({"a": 1, "b": "x"}, {"a": 2, "b": "w"}, schema=one(WITH_B, by_it=["a"]))
    database.push_schema(one(WITH_B, by_it=["b"]))
    assert by(database, "by_it") == [{"a": 2, "b": "w"}, {"a": 1, "b": "x"}]
    with pytest.raises(IndexInvalidError):
        by(database, "by_it", a=1)


@pytest.mark.case("indexes/staged_index", "indexes/staged_index_enabled")
def test_a_staged_index_is_built_but_not_used_and_enabled_without_building_it_again() -> None:
    database, _ = open_with({"a": 1})
    database.push_schema(one(A_ONLY, by_a=(["a"], True)))
    insert_all(database, "t", [{"a": 0}])
    with pytest.raises(IndexInvalidError, match="currently staged and not available to query"):
        by(database, "by_a")
    staged = database.snapshot.table("t").indexes["by_a"]
    assert len(staged.entries) == 2
    database.push_schema(one(A_ONLY, by_a=["a"]))
    assert database.snapshot.table("t").indexes["by_a"].entries is staged.entries
    assert by(database, "by_a") == [{"a": 0}, {"a": 1}]
    database.push_schema(one(A_ONLY, by_a=(["a"], True)))
    with pytest.raises(IndexInvalidError, match="staged"):
        by(database, "by_a")


def test_an_index_that_stays_is_not_built_again() -> None:
    database, _ = open_with({"a": 1}, schema=one(A_ONLY, by_a=["a"]))
    before = database.snapshot.table("t").indexes["by_a"].entries
    database.push_schema(one(WITH_OPTIONAL_B, by_b=["b"], by_a=["a"]))
    assert database.snapshot.table("t").indexes["by_a"].entries is before
    write(database, lambda tx: tx.patch(tx.query("t").first()["_id"], {"b": "x", "a": 5}))
    assert (by(database, "by_a", a=5), by(database, "by_b", b="x"), by(database, "by_a", a=1)) == (
        [{"a": 5, "b": "x"}],
        [{"a": 5, "b": "x"}],
        [],
    )


# -- races -------------------------------------------------------------------------------------------------------------


def test_a_mutation_that_began_under_another_schema_is_repeated() -> None:
    database, _ = open_with(schema=one(v.any()))
    transaction = database.begin(writable=True, reader="main:write")
    transaction.insert("t", {"a": "no number"})
    database.push_schema(one(A_ONLY))
    with pytest.raises(ConflictError, match="schema push"):
        database.commit(transaction)
    assert read(database, lambda tx: tx.query("t").count()) == 0


def interfere(monkeypatch: pytest.MonkeyPatch, action: Callable[[int], Any]) -> None:
    """Have `action` run between a push's look at the documents and its taking effect, with the number of the look."""
    looks: list[int] = []
    real = schema_push.check_documents

    def look(*arguments: Any) -> Any:
        result = real(*arguments)
        if not database_is_locked():
            looks.append(len(looks))
            action(looks[-1])
        return result

    def database_is_locked() -> bool:
        return len(looks) >= database_module._PUSH_TRIES

    monkeypatch.setattr(schema_push, "check_documents", look)


def test_a_document_written_while_a_push_looks_is_looked_at_too(monkeypatch: pytest.MonkeyPatch) -> None:
    database, _ = open_with({"a": 1})
    interfere(monkeypatch, lambda look: insert_all(database, "t", [{"a": "bad"}]) if look == 0 else None)
    with pytest.raises(SchemaViolatedError, match="bad"):
        database.push_schema(one(A_ONLY))
    assert database.snapshot.schema is None


def test_a_push_comes_through_while_others_keep_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    persistence = MemoryPersistence()
    database = open_database(persistence)
    insert_all(database, "t", [{"a": 0}])
    interfere(monkeypatch, lambda look: insert_all(database, "t", [{"a": look}]))
    report = database.push_schema(one(A_ONLY, by_a=["a"]))
    monkeypatch.undo()
    assert report.checked_documents == read(database, lambda tx: tx.query("t").count()) == 4
    assert len(by(database, "by_a")) == 4
    assert contents(open_database(persistence).snapshot) == contents(database.snapshot)


@pytest.mark.case("schema-push/two_pushes")
def test_of_two_pushes_at_once_the_overtaken_one_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    database, _ = open_with()
    mine, theirs = one(A_ONLY), one(WITH_B)
    interfere(monkeypatch, lambda look: look == 0 and database.push_schema(theirs))
    with pytest.raises(SchemaInvalidError, match="overwritten"):
        database.push_schema(mine)
    assert database.snapshot.schema.definition == theirs


def test_a_schema_is_in_force_for_writers_before_it_is_durable_and_for_readers_after() -> None:
    persistence = BlockingPersistence()
    database = open_database(persistence)
    insert_all(database, "t", [{"a": 1}])
    persistence.gate.clear()
    persistence.entered.clear()
    pusher = threading.Thread(target=lambda: database.push_schema(one(A_ONLY, by_a=["a"])))
    pusher.start()
    assert persistence.entered.wait(10)
    assert database.begin(writable=True).query("t").with_index("by_a").count() == 1
    with pytest.raises(IndexInvalidError):
        by(database, "by_a")
    persistence.gate.set()
    pusher.join(10)
    assert by(database, "by_a") == [{"a": 1}]


def test_pushes_and_writers_together_leave_every_index_complete() -> None:
    persistence = MemoryPersistence()
    # On a busy machine the writers write more than one transaction may read.
    database = open_database(persistence, limits=Limits.off())
    insert_all(database, "t", [{"a": 0}])
    is_done = threading.Event()
    written: list[int] = []

    def keep_writing(start: int) -> None:
        number = start
        while not is_done.is_set():
            try:
                write(database, lambda tx, number=number: tx.insert("t", {"a": number}))
            except ConflictError:
                continue
            written.append(number)
            number += 2

    writers = [threading.Thread(target=keep_writing, args=(start,)) for start in (1, 2)]
    for thread in writers:
        thread.start()
    for turn in range(8):
        database.push_schema(one(WITH_OPTIONAL_B, by_a=["a"]) if turn % 2 else one(WITH_OPTIONAL_B, by_b=["b"]))
    is_done.set()
    for thread in writers:
        thread.join(10)
    assert [each["a"] for each in by(database, "by_a")] == sorted([0, *written])
    assert contents(open_database(persistence).snapshot) == contents(database.snapshot)
