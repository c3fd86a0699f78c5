"""Unique indexes at work: in one transaction, after a rollback, between two transactions, against a naive model."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbconvex.database.database import Database
from nbconvex.database.guarded_transaction import GuardedTransaction, Written
from nbconvex.database.system_tables import TABLES_TABLE
from nbconvex.database.transaction import Transaction
from nbconvex.errors import CallerError, ConflictError, UniqueViolatedError
from nbconvex.limits import Limits
from nbconvex.storage.memory import MemoryPersistence
from nbconvex.values.codec import decode_document
from nbconvex.values.scalars import UNSET
from nbconvex.values.schema import SchemaDefinition, define_schema, table
from nbconvex.values.validators import v
from tests.database.stores import bare, insert_all, open_database, read, write

USERS = table({"email": v.optional(v.nullable(v.string())), "name": v.string()})


def unique_emails() -> SchemaDefinition:
    return define_schema({"users": USERS.index("by_email", ["email"], unique=True), "notes": table({"a": v.any()})})


def ada(name: str = "Ada") -> dict[str, Any]:
    return {"email": "ada@x.org", "name": name}


def users(database: Database) -> list[Any]:
    return [bare(each) for each in read(database, lambda tx: tx.query("users").collect())]


# -- one transaction ---------------------------------------------------------------------------------------------------


def test_a_second_document_with_the_value_is_refused_and_named() -> None:
    database = open_database(schema=unique_emails())
    [first] = insert_all(database, "users", [ada()])
    with pytest.raises(UniqueViolatedError) as raised:
        insert_all(database, "users", [ada("Imposter")])
    error = raised.value
    assert (error.table, error.index, error.values, error.document_id) == (
        "users", "by_email", {"email": "ada@x.org"}, first,
    )  # fmt: skip
    assert str(error) == (
        f'Failed to write to table "users": the document with ID "{first}" has email = "ada@x.org" already, and index '
        '"by_email" is unique. Look for such a document first, and patch it if there is one.\n'
        '  Write instead:  ctx.db.query("users").with_index("by_email", email=...).unique()'
    )
    assert users(database) == [ada()]


def test_the_transactions_own_writes_count() -> None:
    database = open_database(schema=unique_emails())
    tx = database.begin(writable=True)
    tx.insert("users", ada())
    with pytest.raises(UniqueViolatedError):
        tx.insert("users", ada("Imposter"))
    # Caught: what was refused has left nothing, and the rest commits.
    database.commit(tx)
    assert users(database) == [ada()]


def test_patch_and_replace_are_checked_and_may_keep_their_own_value() -> None:
    database = open_database(schema=unique_emails())
    first, second = insert_all(database, "users", [ada(), {"email": "bob@x.org", "name": "Bob"}])
    tx = database.begin(writable=True)
    with pytest.raises(UniqueViolatedError):
        tx.patch(second, {"email": "ada@x.org"})
    with pytest.raises(UniqueViolatedError):
        tx.replace(second, ada("Bob"))
    tx.patch(first, {"name": "Ada L."})
    tx.replace(first, ada("Ada Lovelace"))
    database.commit(tx)
    assert [each["name"] for each in users(database)] == ["Ada Lovelace", "Bob"]


def test_a_value_is_free_once_its_document_is_gone_or_has_another() -> None:
    database = open_database(schema=unique_emails())
    first, second = insert_all(database, "users", [ada(), {"email": "bob@x.org", "name": "Bob"}])

    def move(tx: Transaction) -> None:
        tx.delete(first)
        tx.patch(second, {"email": "ada@x.org"})
        tx.insert("users", {"email": "bob@x.org", "name": "Bob II"})

    write(database, move)
    assert users(database) == [ada("Bob"), {"email": "bob@x.org", "name": "Bob II"}]


def test_absent_and_null_may_stand_in_many_documents() -> None:
    database = open_database(schema=unique_emails())
    ids = insert_all(database, "users", [{"name": "a"}, {"name": "b"}, {"name": "c", "email": None}, ada()])
    write(database, lambda tx: tx.patch(ids[0], {"email": None}))
    write(database, lambda tx: tx.patch(ids[3], {"email": UNSET}))
    assert insert_all(database, "users", [ada()])


def test_several_fields_are_unique_together() -> None:
    members = table({"team": v.string(), "profile": v.object({"nick": v.string()})})
    database = open_database(
        schema=define_schema({"members": members.index("by_nick", ["team", "profile.nick"], unique=True)})
    )
    insert_all(database, "members", [{"team": "a", "profile": {"nick": "x"}}, {"team": "b", "profile": {"nick": "x"}}])
    with pytest.raises(UniqueViolatedError, match=r'team = "a" and profile\.nick = "x" already') as raised:
        insert_all(database, "members", [{"team": "a", "profile": {"nick": "x"}}])
    assert '.with_index("by_nick", team=..., **{"profile.nick": ...})' in str(raised.value)


def test_a_string_that_begins_another_is_another_value() -> None:
    database = open_database(schema=unique_emails())
    insert_all(database, "users", [{"email": each, "name": ""} for each in ("a\0", "a", "a\0b", "ab", "")])
    for taken in ("a\0", "a", "a\0b", "ab", ""):
        with pytest.raises(UniqueViolatedError):
            insert_all(database, "users", [{"email": taken, "name": ""}])


def test_an_import_is_checked_too() -> None:
    database = open_database(schema=unique_emails())
    [first] = insert_all(database, "users", [ada()])
    document = read(database, lambda tx: tx.get(first))
    assert document is not None
    write(database, lambda tx: tx.delete(first))
    insert_all(database, "users", [ada("Other")])
    with pytest.raises(UniqueViolatedError):
        write(database, lambda tx: tx.restore("users", document))


def test_a_rolled_back_sub_transaction_gives_its_values_back() -> None:
    database = open_database(schema=unique_emails())
    tx = database.begin(writable=True)
    savepoint = tx.savepoint()
    tx.insert("users", ada("nested"))
    with pytest.raises(UniqueViolatedError):
        tx.insert("users", ada("nested twice"))
    tx.rollback(savepoint)
    tx.insert("users", ada())
    database.commit(tx)
    assert users(database) == [ada()]


def test_a_rolled_back_change_takes_its_old_value_back() -> None:
    database = open_database(schema=unique_emails())
    [first] = insert_all(database, "users", [ada()])
    tx = database.begin(writable=True)
    savepoint = tx.savepoint()
    tx.patch(first, {"email": "new@x.org"})
    tx.insert("users", ada("nested"))
    tx.rollback(savepoint)
    with pytest.raises(UniqueViolatedError):
        tx.insert("users", ada("again"))


def test_only_a_schema_with_rules_makes_guarded_transactions() -> None:
    plain = open_database(schema=define_schema({"users": USERS}))
    assert type(plain.begin(writable=True)) is Transaction
    assert type(open_database().begin(writable=True)) is Transaction
    ruled = open_database(schema=unique_emails())
    assert type(ruled.begin(writable=True)) is GuardedTransaction
    assert type(ruled.begin(writable=False)) is Transaction


def test_a_reopened_store_keeps_the_rule() -> None:
    persistence = MemoryPersistence()
    insert_all(open_database(persistence, schema=unique_emails()), "users", [ada()])
    with pytest.raises(UniqueViolatedError):
        insert_all(open_database(persistence), "users", [ada()])


# -- several transactions ----------------------------------------------------------------------------------------------


def test_two_transactions_that_insert_one_value_conflict_and_the_second_then_finds_the_first() -> None:
    database = open_database(schema=unique_emails())
    one, two = database.begin(writable=True), database.begin(writable=True)
    one.insert("users", ada("one"))
    two.insert("users", ada("two"))
    database.commit(one)
    with pytest.raises(ConflictError) as raised:
        database.commit(two)
    assert raised.value.table == "users"
    with pytest.raises(UniqueViolatedError):
        insert_all(database, "users", [ada("two")])
    assert users(database) == [ada("one")]


def test_inserts_of_different_values_do_not_conflict() -> None:
    database = open_database(schema=unique_emails())
    one, two = database.begin(writable=True), database.begin(writable=True)
    one.insert("users", ada())
    two.insert("users", {"email": "bob@x.org", "name": "Bob"})
    database.commit(one)
    database.commit(two)
    assert len(users(database)) == 2


def test_of_many_threads_that_want_one_name_exactly_one_gets_it() -> None:
    database = open_database(schema=unique_emails())
    threads, rounds = 8, 12
    barrier = threading.Barrier(threads)
    won: list[tuple[int, int]] = []
    refused: list[int] = []

    def claim(number: int) -> None:
        for turn in range(rounds):
            barrier.wait()
            while True:
                tx = database.begin(writable=True)
                try:
                    tx.insert("users", {"email": f"{turn}@x.org", "name": str(number)})
                    database.commit(tx)
                except ConflictError:
                    continue
                except UniqueViolatedError:
                    refused.append(turn)
                else:
                    won.append((turn, number))
                break

    workers = [threading.Thread(target=claim, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(turn for turn, _ in won) == list(range(rounds))
    assert len(refused) == rounds * (threads - 1)
    assert len({each["email"] for each in users(database)}) == len(users(database)) == rounds


# -- against a model ---------------------------------------------------------------------------------------------------

VALUES = st.sampled_from(["a", "a", "a\0", 1, 1.0, None, UNSET])
STEPS = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.sampled_from([*["insert"] * 3, "patch", "replace", "delete", "save", "back", "commit", "commit"]),
        st.integers(0, 5), VALUES,
    ),
    min_size=20, max_size=40,
)  # fmt: skip


def same(one: Any, two: Any) -> bool:
    return one is not None and one is not UNSET and type(one) is not bool and one == two


class NaiveUnique:
    """One client's view: documents by id, and whether a value is taken."""

    def __init__(self, documents: dict[str, Any]) -> None:
        self.documents = dict(documents)
        self.begun_with = frozenset(documents)
        self.marks: list[tuple[dict[str, Any], Any]] = []

    def is_taken(self, value: Any, by_other_than: str | None) -> bool:
        return any(same(value, each) for key, each in self.documents.items() if key != by_other_than)


@settings(deadline=None, max_examples=80)
@given(STEPS)
def test_histories_of_two_clients_keep_values_unique_in_every_snapshot(steps: list[tuple[int, str, int, Any]]) -> None:
    rows = table(v.any()).index("by_a", ["a"], unique=True)
    database = open_database(schema=define_schema({"t": rows}), limits=Limits.off())
    committed: dict[str, Any] = {}
    clients: list[tuple[Transaction, NaiveUnique] | None] = [None, None]
    for number, step, which, value in steps:
        if clients[number] is None:
            clients[number] = (database.begin(writable=True), NaiveUnique(committed))
        tx, model = clients[number]  # type: ignore[misc] # it was just made
        if step == "commit":
            clients[number] = None
            try:
                database.commit(tx)
            except ConflictError:
                continue
            stored = {each["_id"]: each.get("a", UNSET) for each in read(database, lambda tx: tx.query("t").collect())}
            assert model.documents.keys() - model.begun_with <= stored.keys(), "what was inserted is there"
            committed = stored
            values = [each for each in stored.values() if each is not None and each is not UNSET]
            assert len(values) == len(set(values))
            continue
        apply(tx, model, step, which, value)


def apply(tx: Transaction, model: NaiveUnique, step: str, which: int, value: Any) -> None:
    """One step of one client: refused exactly where the model says so."""
    if step == "save":
        model.marks.append((dict(model.documents), tx.savepoint()))
    elif step == "back":
        if model.marks:
            model.documents, savepoint = model.marks.pop()
            tx.rollback(savepoint)
    elif step == "insert":
        expect(model.is_taken(value, None), lambda: model.documents.update({tx.insert("t", {"a": value}): value}))
    elif model.documents:
        key = sorted(model.documents)[which % len(model.documents)]
        if step == "delete":
            tx.delete(key)
            del model.documents[key]
        else:
            write_one = tx.patch if step == "patch" else tx.replace
            expect(
                model.is_taken(value, key),
                lambda: (write_one(key, {"a": value}), model.documents.update({key: value})),
            )


def expect(is_refused: bool, act: Any) -> None:
    if is_refused:
        with pytest.raises(UniqueViolatedError):
            act()
    else:
        act()


def test_the_error_is_one_that_user_code_may_catch() -> None:
    assert issubclass(UniqueViolatedError, CallerError)


# -- who hears of writes -----------------------------------------------------------------------------------------------


class Recorder:
    """Hears of writes to "t"; does what `then` says about each."""

    tables = frozenset({"t"})

    def __init__(self, then: Any = None) -> None:
        self.heard: list[tuple[Any, Any, int]] = []
        self._then = then

    def react(self, transaction: GuardedTransaction, written: Written) -> Exception | None:
        before, after = (
            None if each is None else decode_document(each)["a"] for each in (written.before, written.after)
        )
        self.heard.append((before, after, written.depth))
        if self._then is not None:
            return self._then(transaction, written)  # type: ignore[no-any-return]
        return None


def watched(recorder: Recorder) -> tuple[Database, GuardedTransaction]:
    database = open_database()
    database.watch = recorder
    tx = database.begin(writable=True)
    assert isinstance(tx, GuardedTransaction)
    return database, tx


def test_each_write_is_heard_of_with_what_was_there_right_before() -> None:
    recorder = Recorder()
    _, tx = watched(recorder)
    key = tx.insert("t", {"a": 1})
    tx.patch(key, {"a": 2})
    tx.patch(key, {"a": 2})
    tx.insert("others", {"a": 1})
    tx.delete(key)
    assert recorder.heard == [(None, 1, 1), (1, 2, 1), (2, None, 1)]


def test_what_a_watch_writes_stands_in_line_and_counts_deeper() -> None:
    def count_up(tx: GuardedTransaction, written: Written) -> None:
        if written.depth < 3:
            tx.insert("t", {"a": written.depth * 10})
            tx.insert("t", {"a": written.depth * 10 + 1})

    recorder = Recorder(count_up)
    _, tx = watched(recorder)
    tx.insert("t", {"a": 0})
    assert [(after, depth) for _, after, depth in recorder.heard] == [
        (0, 1), (10, 2), (11, 2), (20, 3), (21, 3), (20, 3), (21, 3),
    ]  # fmt: skip
    tx.insert("t", {"a": 5})
    assert recorder.heard[7] == (None, 5, 1)


def test_the_first_error_comes_out_when_all_was_heard_of_and_the_write_stays() -> None:
    errors = iter([KeyError("first"), None, ValueError("third"), None])
    recorder = Recorder(lambda tx, written: next(errors))
    database, tx = watched(recorder)
    with tx.quiet():
        tx.insert("t", {"a": 0})
    with pytest.raises(KeyError):
        tx.insert("t", {"a": 1})
    tx.insert("t", {"a": 2})
    with pytest.raises(ValueError, match="third"):
        tx.insert("t", {"a": 3})
    database.commit(tx)
    assert [after for _, after, _ in recorder.heard] == [1, 2, 3]
    assert read(database, lambda tx: tx.query("t").count()) == 4


def test_writes_of_a_rolled_back_sub_transaction_leave_the_line() -> None:
    def nested(tx: GuardedTransaction, written: Written) -> None:
        if written.depth == 1:
            tx.insert("t", {"a": "kept"})
            savepoint = tx.savepoint()
            tx.insert("t", {"a": "undone"})
            tx.rollback(savepoint)

    recorder = Recorder(nested)
    _, tx = watched(recorder)
    tx.insert("t", {"a": 0})
    assert [after for _, after, _ in recorder.heard] == [0, "kept"]


def test_system_tables_are_not_watched() -> None:
    recorder = Recorder()
    _, tx = watched(recorder)
    tx.put_system(TABLES_TABLE, {"name": "x", "number": 10_001})
    assert recorder.heard == []
