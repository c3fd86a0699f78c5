"""Changing documents by hand: nbconvex.dashboard.table_edits."""

from __future__ import annotations

from typing import Any

import pytest

from nbconvex.backend import Backend
from nbconvex.dashboard.table_edits import TableEdits, document_text, field_text
from nbconvex.errors import (
    CallerError,
    DocumentInvalidError,
    DocumentNotFoundError,
    LimitExceededError,
    NotAllowedError,
    ReferenceViolatedError,
    StorageError,
    UniqueViolatedError,
    ValueInvalidError,
)
from nbconvex.values.scalars import Int64
from nbconvex.values.schema import table
from nbconvex.values.validators import v

TEXT = '{"channel": "a", "body": "hi", "likes": 5, "when": "2026-01-31"}'


@pytest.fixture
def edits(store) -> TableEdits:
    return TableEdits(store)


def stored(store: Backend, document_id: str) -> dict[str, Any]:
    document = store.database.begin(writable=False).get(document_id)
    assert document is not None
    return document


def test_a_document_is_added_as_the_schema_means_it(store, edits) -> None:
    document = stored(store, edits.insert("messages", TEXT))
    assert document["likes"] == Int64(5)
    assert document["when"].year == 2026


def test_a_field_is_set_and_removed(store, edits) -> None:
    document_id = edits.insert("messages", TEXT)
    edits.set_field("messages", document_id, "likes", "7", "Int64(5)")
    edits.set_field("messages", document_id, "body", "more", None)
    edits.unset_field("messages", document_id, "when", None)
    document = stored(store, document_id)
    assert (document["likes"], document["body"], "when" in document) == (Int64(7), "more", False)


def test_a_document_is_replaced_and_keeps_its_id(store, edits) -> None:
    document_id = edits.insert("messages", TEXT)
    was = document_text(stored(store, document_id))
    edits.replace("messages", document_id, '{"channel": "b", "body": "", "likes": 0}', was)
    document = stored(store, document_id)
    assert document["channel"] == "b"
    assert document["_id"] == document_id


def test_what_was_changed_meanwhile_is_not_overwritten_unawares(store, edits) -> None:
    document_id = edits.insert("messages", TEXT)
    seen = document_text(stored(store, document_id))
    edits.set_field("messages", document_id, "body", "theirs", None)
    with pytest.raises(CallerError, match='"body" has been changed meanwhile, to: theirs'):
        edits.set_field("messages", document_id, "body", "mine", "hi")
    with pytest.raises(CallerError, match="changed meanwhile"):
        edits.replace("messages", document_id, TEXT, seen)
    edits.set_field("messages", document_id, "body", "mine", None)
    assert stored(store, document_id)["body"] == "mine"


def test_validators_and_unique_indexes_hold(store, edits) -> None:
    ada, grace = (edits.insert("users", f'{{"name": "{name}"}}') for name in ("Ada", "Grace"))
    with pytest.raises(UniqueViolatedError):
        edits.set_field("users", grace, "name", "Ada", None)
    with pytest.raises(DocumentInvalidError, match="required field"):
        edits.unset_field("users", ada, "name", None)
    with pytest.raises(DocumentInvalidError):
        edits.insert("users", '{"name": 5}')
    assert stored(store, grace)["name"] == "Grace"


@pytest.mark.case("tooling/edit_cell_in_grid")
def test_an_edit_runs_triggers_and_is_told_to_those_who_follow(store, edits) -> None:
    @store.trigger("messages")
    def note(ctx: Any, change: Any) -> None:
        if change.operation == "update":
            ctx.db.insert("notes", {"was": change.old_doc["body"], "now": change.new_doc["body"]})

    @store.query
    def bodies(ctx: Any) -> list[str]:
        return [each["body"] for each in ctx.db.query("messages").collect()]

    document_id = edits.insert("messages", TEXT)
    seen: list[Any] = []
    with store.subscribe(bodies, {}, lambda update: seen.append(update.value)):
        edits.set_field("messages", document_id, "body", "changed", "hi")
        assert store.live.settle()
    assert seen == [["hi"], ["changed"]]
    notes = store.database.begin(writable=False).query("notes").collect()
    assert [(each["was"], each["now"]) for each in notes] == [("hi", "changed")]
    with pytest.raises(DocumentInvalidError):
        edits.set_field("messages", document_id, "likes", "many", None)


def test_a_trigger_that_refuses_keeps_the_document(store, edits) -> None:
    @store.trigger("users")
    def never(ctx: Any, change: Any) -> None:
        raise ValueError("users stay as they are")

    with pytest.raises(ValueError, match="stay as they are"):
        edits.insert("users", '{"name": "Ada"}')
    assert len(store.database.snapshot.table("users").documents) == 0


def test_deleting_follows_what_the_schema_says_of_references(store, edits) -> None:
    store.push_schema({
        "users": table({"name": v.string()}),
        "pets": table({"owner": v.id("users", on_delete="cascade")}).index("by_owner", ["owner"]),
        "cards": table({"owner": v.id("users", on_delete="restrict")}).index("by_owner", ["owner"]),
    })  # fmt: skip
    ada = edits.insert("users", '{"name": "Ada"}')
    for _ in range(2):
        edits.insert("pets", f'{{"owner": "{ada}"}}')
    assert edits.delete("users", [ada]) == 3
    grace = edits.insert("users", '{"name": "Grace"}')
    edits.insert("cards", f'{{"owner": "{grace}"}}')
    with pytest.raises(ReferenceViolatedError):
        edits.delete("users", [grace])


def test_several_documents_go_together_or_not_at_all(store, edits) -> None:
    ids = [edits.insert("users", f'{{"name": "{name}"}}') for name in "abc"]
    with pytest.raises(ValueInvalidError):
        edits.delete("users", [ids[0], "nonsense"])
    assert edits.delete("users", [*ids, ids[0]]) == 3
    with pytest.raises(CallerError, match="from 1 to"):
        edits.delete("users", [])


def test_limits_hold_as_for_every_mutation(store, edits) -> None:
    with pytest.raises(LimitExceededError):
        edits.insert("notes", '{"text": "' + "x" * 1_100_000 + '"}')


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1]", "a document is an object"),
        ("word", "a document is an object"),
        ('{"_id": "x"}', "_id is given by the database"),
        ('{"a": }', "cannot be read"),
    ],
)
def test_a_text_that_is_no_document_is_refused(edits, text, said) -> None:
    with pytest.raises(CallerError, match=said):
        edits.insert("notes", text)


def test_what_the_database_gives_cannot_be_changed(edits) -> None:
    document_id = edits.insert("messages", TEXT)
    for field in ("_id", "_creationTime"):
        with pytest.raises(CallerError, match="cannot be changed"):
            edits.set_field("messages", document_id, field, "5", None)
    with pytest.raises(NotAllowedError):
        edits.insert("_storage", "{}")


def test_a_document_that_is_gone_is_said_to_be(edits) -> None:
    document_id = edits.insert("messages", TEXT)
    edits.delete("messages", [document_id])
    with pytest.raises(DocumentNotFoundError):
        edits.set_field("messages", document_id, "body", "x", None)


def test_changes_stand_in_the_log(store, edits) -> None:
    edits.insert("users", '{"name": "Ada"}')
    assert [each.path for each in store.logs] == ["dashboard:insert"]


def test_a_store_that_is_closed_refuses(store, edits) -> None:
    store.close()
    with pytest.raises(StorageError, match="closed"):
        edits.insert("users", '{"name": "Ada"}')


def test_fields_are_written_in_lines_where_they_are_long() -> None:
    assert field_text({"a": [1, 2]}, "a") == "[1, 2]"
    assert field_text({"a": ["x" * 50, "y" * 50]}, "a").count("\n") == 3
    assert field_text({}, "a") == "UNSET"
