"""What a transaction writes, against the schema in force."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from nbconvex.database.database import Database
from nbconvex.errors import CallerError, DocumentInvalidError, LimitExceededError, SchemaViolatedError
from nbconvex.limits import Limits
from nbconvex.storage.memory import MemoryPersistence
from nbconvex.values.scalars import UNSET, Int64
from nbconvex.values.schema import SchemaDefinition, define_schema, table
from nbconvex.values.validators import v
from tests.database.stores import bare, insert_all, open_database, read, write

# -- against the schema ------------------------------------------------------------------------------------------------

MESSAGES = define_schema(
    {
        "users": table({"name": v.string()}),
        "posts": table({}),
        "messages": table(
            {
                "body": v.string(),
                "tags": v.optional(v.array(v.string())),
                "user": v.optional(v.id("users")),
                "big": v.optional(v.int64()),
                "n": v.optional(v.number()),
            }
        ),
        "shapes": table(
            v.union(
                v.object({"kind": v.literal("circle"), "r": v.number()}),
                v.object({"kind": v.literal("square"), "side": v.number()}),
            )
        ),
        "anything": table(v.any()),
    }
)


@pytest.mark.case("schema-validation/message_shape")
def test_a_document_that_does_not_fit_is_told_with_path_value_and_validator() -> None:
    with pytest.raises(DocumentInvalidError) as raised:
        write(open_database(schema=MESSAGES), lambda tx: tx.insert("messages", {"body": 1}))
    lines = str(raised.value).splitlines()
    assert lines[0].startswith('Failed to insert or update a document in table "messages" because it does not match')
    assert [line.partition(":")[0] for line in lines[1:]] == ["Path", "Value", "Validator"]
    assert lines[3] == "Validator: v.string()"


@pytest.mark.case(
    "schema-validation/replace_breaks", "schema-validation/array_element", "schema-validation/id_other_table"
)
@pytest.mark.parametrize(
    ("run", "words"),
    [
        (lambda tx, message, post: tx.replace(message, {}), "body"),
        (lambda tx, message, post: tx.patch(message, {"body": UNSET}), "body"),
        (lambda tx, message, post: tx.patch(message, {"body": None}), ".body"),
        (lambda tx, message, post: tx.patch(message, {"extra": 1}), "extra"),
        (lambda tx, message, post: tx.insert("messages", {"body": "", "tags": ["a", 1]}), ".tags[1]"),
        (lambda tx, message, post: tx.insert("messages", {"body": "", "user": post}), "posts"),
        (lambda tx, message, post: tx.insert("messages", {"body": "", "user": "hello"}), "hello"),
        (lambda tx, message, post: tx.insert("shapes", {"kind": "circle", "side": 1}), "shapes"),
        (lambda tx, message, post: tx.insert("shapes", {"kind": "circle", "r": 1, "side": 1}), "shapes"),
    ],
)
def test_writes_are_checked_one_by_one(run: Any, words: str) -> None:
    database = open_database(schema=MESSAGES)
    message, post = write(database, lambda tx: (tx.insert("messages", {"body": "hi"}), tx.insert("posts", {})))
    transaction = database.begin(writable=True)
    with pytest.raises(DocumentInvalidError) as raised:
        run(transaction, message, post)
    assert words in str(raised.value)
    assert not transaction.writes


@pytest.mark.case(
    "schema-validation/id_existing_table_ok", "schema/union_table", "schema/any_table", "schema/unlisted_table_usable"
)
def test_what_fits_is_accepted_and_what_is_not_listed_is_not_checked() -> None:
    database = open_database(schema=MESSAGES)
    transaction = database.begin(writable=True)
    user = transaction.insert("users", {"name": "ada"})
    transaction.insert("messages", {"body": "hi", "user": user})
    transaction.insert("shapes", {"kind": "circle", "r": 1})
    transaction.insert("shapes", {"kind": "square", "side": 1.5})
    transaction.insert("anything", {"whatever": [None]})
    transaction.insert("unlisted_things", {"whatever": {"a": 1}})
    database.commit(transaction)
    assert [
        read(database, lambda tx, name=name: tx.query(name).count()) for name in ("users", "shapes", "unlisted_things")
    ] == [1, 2, 1]


def test_the_id_of_a_table_created_in_the_same_transaction_is_checked_too() -> None:
    database = open_database(schema=define_schema({"links": table({"to": v.id("later")})}))
    transaction = database.begin(writable=True)
    target = transaction.insert("later", {})
    transaction.insert("links", {"to": target})
    other = transaction.insert("much_later", {})
    with pytest.raises(DocumentInvalidError, match="much_later"):
        transaction.insert("links", {"to": other})


def test_a_plain_int_is_stored_as_the_type_that_the_schema_asks_for() -> None:
    database = open_database(schema=MESSAGES)
    stored = write(database, lambda tx: tx.insert("messages", {"body": "", "big": 5, "n": 5}))
    assert bare(read(database, lambda tx: tx.get(stored))) == {"body": "", "big": Int64(5), "n": 5}
    assert type(read(database, lambda tx: tx.get(stored))["big"]) is Int64
    write(database, lambda tx: tx.patch(stored, {"big": 6}))
    assert type(read(database, lambda tx: tx.get(stored))["big"]) is Int64


@pytest.mark.case("schema/unlisted_table_strict_hint")
def test_a_near_miss_of_a_table_s_name_is_noted_when_it_is_created_or_not_found() -> None:
    def notes(tx: Any, work: Callable[[Any], Any]) -> list[str]:
        work(tx)
        return [each.rpartition(". ")[2] for each in tx.notes]

    database = open_database(schema=MESSAGES)
    begin = partial(database.begin, writable=True)
    meant = ['Did you mean "messages"?']
    assert notes(begin(), lambda tx: [tx.query("mesages").collect(), tx.query("mesages").first()]) == meant
    assert notes(begin(), lambda tx: tx.query("nothing_like_it").collect()) == []
    created = begin()
    assert notes(created, lambda tx: tx.insert("mesages", {"anything": 1})) == meant
    database.commit(created)
    assert notes(begin(), lambda tx: [tx.insert("mesages", {}), tx.query("mesages").collect()]) == []
    relaxed = open_database(schema=define_schema(dict(MESSAGES.tables), strict_table_names=False))
    assert notes(relaxed.begin(writable=True), lambda tx: tx.insert("mesages", {})) == []


# -- defaults ----------------------------------------------------------------------------------------------------------


def with_defaults(**more: Any) -> SchemaDefinition:
    fields = {"name": v.string(), "mood": v.string(default="fine"), "tags": v.array(v.string(), default=list), **more}
    return define_schema({"users": table(fields)})


def filled(database: Database) -> list[Any]:
    return [bare(each) for each in read(database, lambda tx: tx.query("users").collect())]


def test_absent_fields_are_filled_when_a_document_is_written() -> None:
    database = open_database(schema=with_defaults())
    [first, second] = insert_all(database, "users", [{"name": "a"}, {"name": "b", "mood": "bad", "tags": ["x"]}])
    assert filled(database) == [
        {"name": "a", "mood": "fine", "tags": []}, {"name": "b", "mood": "bad", "tags": ["x"]},
    ]  # fmt: skip
    write(database, lambda tx: tx.replace(first, {"name": "a", "tags": ["y"]}))
    write(database, lambda tx: tx.patch(second, {"mood": UNSET, "tags": UNSET}))
    assert filled(database) == [
        {"name": "a", "mood": "fine", "tags": ["y"]}, {"name": "b", "mood": "fine", "tags": []},
    ]  # fmt: skip


def test_flat_documents_are_filled_too() -> None:
    database = open_database(
        schema=define_schema({"users": table({"n": v.number(default=5), "a": v.string(default="x")})})
    )
    insert_all(database, "users", [{}, {"n": 1}])
    assert filled(database) == [{"n": 5, "a": "x"}, {"n": 1, "a": "x"}]


def test_what_is_filled_counts_for_the_size_of_a_document() -> None:
    schema = define_schema({"users": table({"a": v.array(v.string(), default=["x" * 900])})})
    database = open_database(schema=schema, limits=Limits(document_bytes=500))
    with pytest.raises(LimitExceededError, match='a document of "users" has'):
        insert_all(database, "users", [{}])


def test_old_documents_are_filled_when_they_are_written_next() -> None:
    old = define_schema({"users": table({"name": v.string()})})
    database = open_database(schema=old)
    [key] = insert_all(database, "users", [{"name": "a"}])
    with pytest.raises(SchemaViolatedError, match="Its default is for documents that are written from now on"):
        database.push_schema(define_schema({"users": table({"name": v.string(), "mood": v.string(default="fine")})}))
    database.push_schema(
        define_schema({"users": table({"name": v.string(), "mood": v.optional(v.string(default="fine"))})})
    )
    assert filled(database) == [{"name": "a"}]
    write(database, lambda tx: tx.patch(key, {}))
    assert filled(database) == [{"name": "a", "mood": "fine"}]
    database.push_schema(define_schema({"users": table({"name": v.string(), "mood": v.string(default="fine")})}))


def test_a_restored_document_is_filled() -> None:
    database = open_database(schema=with_defaults())
    [key] = insert_all(database, "users", [{"name": "a"}])
    document = read(database, lambda tx: tx.get(key))
    assert document is not None
    write(database, lambda tx: tx.delete(key))
    write(
        database, lambda tx: tx.restore("users", {"_id": key, "_creationTime": document["_creationTime"], "name": "b"})
    )
    assert filled(database) == [{"name": "b", "mood": "fine", "tags": []}]


def test_a_function_makes_a_default_and_has_to_be_there_again_after_a_restart() -> None:
    persistence = MemoryPersistence()
    numbers = iter(range(10))

    def next_number() -> int:
        return next(numbers)

    database = open_database(persistence, schema=with_defaults(number=v.number(default=next_number)))
    insert_all(database, "users", [{"name": "a"}, {"name": "b"}])
    assert [each["number"] for each in filled(database)] == [0, 1]
    reopened = open_database(persistence)
    with pytest.raises(CallerError, match=r"next_number, which is code, .* run the %%schema cell again"):
        insert_all(reopened, "users", [{"name": "c"}])
    insert_all(reopened, "users", [{"name": "c", "number": 7}])
    assert reopened.push_schema(with_defaults(number=v.number(default=next_number))).diff.is_empty
    insert_all(reopened, "users", [{"name": "d"}])
    assert [each["number"] for each in filled(reopened)] == [0, 1, 7, 2]


def test_a_schema_that_checks_nothing_fills_nothing() -> None:
    schema = define_schema(dict(with_defaults().tables), schema_validation=False)
    database = open_database(schema=schema)
    insert_all(database, "users", [{"name": "a"}])
    assert filled(database) == [{"name": "a"}]
