"""References with on_delete at work: deletions, dangling ids, two transactions, against a naive model."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbconvex.database.database import Database
from nbconvex.database.transaction import Transaction
from nbconvex.errors import (
    ConflictError,
    LimitExceededError,
    ReferenceViolatedError,
    SchemaInvalidError,
    SchemaViolatedError,
)
from nbconvex.limits import Limits
from nbconvex.values.scalars import UNSET
from nbconvex.values.schema import SchemaDefinition, define_schema, table
from nbconvex.values.validators import v
from tests.database.stores import bare, insert_all, open_database, read, write


def schema_of(field: Any, **more: Any) -> SchemaDefinition:
    """Users, and messages that refer to them by the field "author"."""
    messages = table({"author": field, "body": v.optional(v.string())}).index("by_author", ["author"])
    return define_schema({"users": table({"name": v.optional(v.string())}), "messages": messages, **more})


CASCADE = schema_of(v.optional(v.id("users", on_delete="cascade")))
SET_NULL = schema_of(v.nullable(v.id("users", on_delete="set_null")))
UNSETTING = schema_of(v.optional(v.id("users", on_delete="set_null")))
RESTRICT = schema_of(v.id("users", on_delete="restrict"))
PLAIN = schema_of(v.optional(v.id("users")))


def opened(schema: SchemaDefinition, *, messages: int = 2, **options: Any) -> tuple[Database, str, str]:
    """A database with two users, of whom the first has written messages."""
    database = open_database(schema=schema, **options)
    ada, bob = insert_all(database, "users", [{"name": "Ada"}, {"name": "Bob"}])
    insert_all(database, "messages", [{"author": ada, "body": str(n)} for n in range(messages)])
    return database, ada, bob


def count(database: Database, name: str) -> int:
    return read(database, lambda tx: tx.query(name).count())


def messages(database: Database) -> list[Any]:
    return [bare(each) for each in read(database, lambda tx: tx.query("messages").collect())]


# -- deletions ---------------------------------------------------------------------------------------------------------


@pytest.mark.case("helpers/cascade_delete")
def test_cascade_deletes_the_referring_documents_in_the_same_transaction() -> None:
    database, ada, bob = opened(CASCADE)
    [kept] = insert_all(database, "messages", [{"author": bob}])
    commits = len(database.write_log.since(0) or ())
    tx = database.begin(writable=True)
    tx.delete(ada)
    assert [each["_id"] for each in tx.query("messages").collect()] == [kept]
    database.commit(tx)
    assert messages(database) == [{"author": bob}]
    assert len(database.write_log.since(0) or ()) == commits + 1


def test_set_null_empties_the_field() -> None:
    database, ada, _ = opened(SET_NULL, messages=1)
    write(database, lambda tx: tx.delete(ada))
    assert messages(database) == [{"author": None, "body": "0"}]


def test_set_null_takes_a_field_out_that_may_only_be_absent() -> None:
    database, ada, _ = opened(UNSETTING, messages=1)
    write(database, lambda tx: tx.delete(ada))
    assert messages(database) == [{"body": "0"}]


@pytest.mark.case("helpers/restrict_delete")
def test_restrict_refuses_the_deletion_with_table_and_count() -> None:
    database, ada, bob = opened(RESTRICT, messages=3)
    tx = database.begin(writable=True)
    with pytest.raises(ReferenceViolatedError, match=r'3 documents refer to it in "messages\.author"'):
        tx.delete(ada)
    # Caught: nothing of it is left, and another one may go.
    tx.delete(bob)
    database.commit(tx)
    assert (count(database, "users"), count(database, "messages")) == (1, 3)


def test_the_transactions_own_writes_refer_and_no_longer_refer() -> None:
    database, ada, bob = opened(RESTRICT, messages=1)
    [message] = read(database, lambda tx: [each["_id"] for each in tx.query("messages").collect()])
    tx = database.begin(writable=True)
    tx.patch(message, {"author": bob})
    tx.delete(ada)
    with pytest.raises(ReferenceViolatedError):
        tx.delete(bob)
    tx.delete(message)
    tx.delete(bob)
    database.commit(tx)
    assert count(database, "users") == 0


def test_cycles_and_trees_go_as_a_whole() -> None:
    nodes = table({"up": v.nullable(v.id("nodes", on_delete="cascade"))}).index("by_up", ["up"])
    database = open_database(schema=define_schema({"nodes": nodes}))
    [root] = insert_all(database, "nodes", [{"up": None}])
    level = [root]
    for _ in range(6):
        level = insert_all(database, "nodes", [{"up": each} for each in level for _ in range(2)])
    write(database, lambda tx: tx.patch(root, {"up": level[0]}))
    [other] = insert_all(database, "nodes", [{"up": None}])
    write(database, lambda tx: tx.patch(other, {"up": other}))
    write(database, lambda tx: tx.delete(level[-1]))
    assert count(database, "nodes") == 127
    write(database, lambda tx: tx.delete(root))
    assert read(database, lambda tx: [each["_id"] for each in tx.query("nodes").collect()]) == [other]
    write(database, lambda tx: tx.delete(other))
    assert count(database, "nodes") == 0


def test_a_long_chain_needs_no_stack() -> None:
    nodes = table({"up": v.nullable(v.id("nodes", on_delete="cascade"))}).index("by_up", ["up"])
    database = open_database(schema=define_schema({"nodes": nodes}), limits=Limits.off())
    tx = database.begin(writable=True)
    first = above = tx.insert("nodes", {"up": None})
    for _ in range(2_000):
        above = tx.insert("nodes", {"up": above})
    database.commit(tx)
    write(database, lambda tx: tx.delete(first))
    assert count(database, "nodes") == 0


def test_a_deletion_that_is_too_large_is_refused_before_anything_is_written() -> None:
    database, ada, bob = opened(CASCADE, messages=5, limits=Limits(documents_written=5))
    tx = database.begin(writable=True)
    with pytest.raises(LimitExceededError, match='take 5 others along by on_delete \\(of "messages"\\)') as raised:
        tx.delete(ada)
    assert (raised.value.limit, raised.value.actual) == ("documents_written", 6)
    assert tx.writes == {}
    tx.delete(bob)
    database.commit(tx)
    assert (count(database, "users"), count(database, "messages")) == (1, 5)


def test_a_deletion_that_reads_too_much_says_what_it_reads() -> None:
    database, ada, _ = opened(CASCADE, messages=5, limits=Limits(documents_read=5))
    with pytest.raises(LimitExceededError, match="looks at all that refer to it") as raised:
        write(database, lambda tx: tx.delete(ada))
    assert raised.value.limit == "documents_read"


def test_a_rolled_back_deletion_brings_everything_back() -> None:
    database, ada, _ = opened(CASCADE)
    tx = database.begin(writable=True)
    savepoint = tx.savepoint()
    tx.delete(ada)
    tx.rollback(savepoint)
    assert tx.query("messages").count() == 2
    assert tx.get(ada) is not None


# -- dangling ids ------------------------------------------------------------------------------------------------------


def test_a_document_that_refers_to_one_that_is_not_there_is_refused() -> None:
    database, _, bob = opened(CASCADE)
    write(database, lambda tx: tx.delete(bob))
    with pytest.raises(ReferenceViolatedError) as raised:
        insert_all(database, "messages", [{"author": bob}])
    error = raised.value
    assert (error.table, error.field, error.document_id, error.count) == ("messages", "author", bob, 0)
    assert str(error) == (
        f'Failed to write to table "messages": its field "author" refers to the document with ID "{bob}", and table '
        '"users" has none with this ID (any more). Write that one first.'
    )
    [message, _] = read(database, lambda tx: [each["_id"] for each in tx.query("messages").collect()])
    for change in (lambda tx: tx.patch(message, {"author": bob}), lambda tx: tx.replace(message, {"author": bob})):
        with pytest.raises(ReferenceViolatedError):
            write(database, change)
    write(database, lambda tx: tx.patch(message, {"author": UNSET}))
    insert_all(database, "messages", [{}])


def test_what_this_transaction_has_written_or_deleted_counts() -> None:
    database, ada, _ = opened(CASCADE, messages=0)
    tx = database.begin(writable=True)
    fresh = tx.insert("users", {})
    tx.insert("messages", {"author": fresh})
    tx.delete(ada)
    with pytest.raises(ReferenceViolatedError):
        tx.insert("messages", {"author": ada})
    database.commit(tx)
    assert messages(database) == [{"author": fresh}]


def test_plain_ids_are_not_asked_for_documents() -> None:
    database, ada, _ = opened(PLAIN)
    write(database, lambda tx: tx.delete(ada))
    assert count(database, "messages") == 2


# -- two transactions --------------------------------------------------------------------------------------------------


def test_a_deletion_and_a_new_reference_conflict_in_either_order() -> None:
    database, ada, bob = opened(CASCADE, messages=0)
    deleting, referring = database.begin(writable=True), database.begin(writable=True)
    deleting.delete(ada)
    referring.insert("messages", {"author": ada})
    database.commit(deleting)
    with pytest.raises(ConflictError):
        database.commit(referring)
    with pytest.raises(ReferenceViolatedError):
        insert_all(database, "messages", [{"author": ada}])
    deleting, referring = database.begin(writable=True), database.begin(writable=True)
    referring.insert("messages", {"author": bob})
    deleting.delete(bob)
    database.commit(referring)
    with pytest.raises(ConflictError):
        database.commit(deleting)
    write(database, lambda tx: tx.delete(bob))
    assert (count(database, "users"), count(database, "messages")) == (0, 0)


# -- schemas -----------------------------------------------------------------------------------------------------------


def test_a_schema_over_dangling_ids_is_refused_with_a_count_and_a_sample() -> None:
    database, ada, bob = opened(PLAIN)
    write(database, lambda tx: tx.delete(ada))
    insert_all(database, "messages", [{"author": bob}, {}])
    [first, *_] = sorted(
        read(
            database,
            lambda tx: [each["_id"] for each in tx.query("messages").with_index("by_author", author=ada).collect()],
        )
    )
    before = database.snapshot
    with pytest.raises(SchemaViolatedError) as raised:
        database.push_schema(CASCADE)
    assert raised.value.problems == (
        (
            'Field "author" of table "messages" cannot have on_delete="cascade": in 2 documents it refers to a '
            f'document of "users" that does not exist, e.g. in the one with ID "{first}" to "{ada}". Change or delete '
            "those documents, then run the cell again."
        ),
    )
    assert database.snapshot is before


def test_a_schema_over_sound_data_is_taken_and_its_table_cannot_be_dropped() -> None:
    database, ada, _ = opened(PLAIN)
    report = database.push_schema(CASCADE)
    assert report.checked_documents == 0
    assert report.diff.changed_tables == ("messages",)
    with pytest.raises(SchemaInvalidError):
        database.drop_table("users")
    write(database, lambda tx: tx.delete(ada))
    assert count(database, "messages") == 0


# -- against a model ---------------------------------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.sampled_from(["user", *["message"] * 2, "point", *["remove"] * 2, "save", "back", *["commit"] * 2]),
        st.integers(0, 3), st.integers(0, 3),
    ),
    min_size=20, max_size=40,
)  # fmt: skip
ACTIONS = st.sampled_from([(CASCADE, "cascade"), (SET_NULL, "set_null"), (RESTRICT, "restrict")])


class NaiveReferences:
    """Users by id, and messages by id with their author (None for none)."""

    def __init__(self, users: set[str], messages: dict[str, str | None]) -> None:
        self.users = set(users)
        self.messages = dict(messages)
        self.marks: list[tuple[set[str], dict[str, str | None], Any]] = []

    def remove(self, user: str, action: str) -> bool:
        """Whether the user may go; what follows is done."""
        referring = [key for key, author in self.messages.items() if author == user]
        if action == "restrict" and referring:
            return False
        self.users.remove(user)
        for key in referring:
            if action == "cascade":
                del self.messages[key]
            else:
                self.messages[key] = None
        return True


@settings(deadline=None, max_examples=80)
@given(ACTIONS, STEPS)
def test_histories_of_two_clients_leave_no_dangling_id_in_any_snapshot(
    kept: tuple[SchemaDefinition, str], steps: list[tuple[int, str, int, int]]
) -> None:
    schema, action = kept
    database = open_database(schema=schema, limits=Limits.off())
    clients: list[tuple[Transaction, NaiveReferences] | None] = [None, None]
    committed = NaiveReferences(set(), {})
    for number, step, which, target in steps:
        client = clients[number]
        if client is None:
            client = clients[number] = (
                database.begin(writable=True), NaiveReferences(committed.users, committed.messages),
            )  # fmt: skip
        tx, model = client
        if step == "commit":
            clients[number] = None
            try:
                database.commit(tx)
            except ConflictError:
                continue
            users = {each["_id"] for each in read(database, lambda tx: tx.query("users").collect())}
            found = {
                each["_id"]: each.get("author") for each in read(database, lambda tx: tx.query("messages").collect())
            }
            assert {author for author in found.values() if author is not None} <= users
            committed = NaiveReferences(users, found)
        else:
            play(tx, model, action, step, which, target)
            seen = {each["_id"]: each.get("author") for each in tx.query("messages").collect()}
            assert seen == model.messages


def play(tx: Transaction, model: NaiveReferences, action: str, step: str, which: int, target: int) -> None:
    """One step of one client: what is refused is what the model says."""
    users, written = sorted(model.users), sorted(model.messages)
    if step == "save":
        model.marks.append((set(model.users), dict(model.messages), tx.savepoint()))
    elif step == "back":
        if model.marks:
            model.users, model.messages, savepoint = model.marks.pop()
            tx.rollback(savepoint)
    elif step == "user" or not users:
        model.users.add(tx.insert("users", {}))
    elif step == "message" or (step == "point" and not written):
        user = users[which % len(users)]
        model.messages[tx.insert("messages", {"author": user})] = user
    elif step == "point":
        message, user = written[which % len(written)], users[target % len(users)]
        tx.patch(message, {"author": user})
        model.messages[message] = user
    else:
        user = users[which % len(users)]
        if model.remove(user, action):
            tx.delete(user)
        else:
            with pytest.raises(ReferenceViolatedError):
                tx.delete(user)
