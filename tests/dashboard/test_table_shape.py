"""What a table looks like: nbconvex.dashboard.table_shape."""

from __future__ import annotations

from nbconvex.dashboard.table_shape import columns_of, described, fields_of, indexes_of, template_of
from nbconvex.values.spelling import read_spelled
from nbconvex.values.validators import v
from tests.dashboard.conftest import MESSAGES


def test_columns_are_those_of_the_schema_then_those_of_the_documents() -> None:
    validator = v.object({"b": v.string(), "a": v.string()})
    documents = [{"_id": "x", "_creationTime": 1.0, "z": 1, "a": "y"}]
    assert columns_of(validator, documents) == ["_id", "b", "a", "z", "_creationTime"]
    assert columns_of(None, []) == ["_id", "_creationTime"]


def test_fields_of_several_shapes_stand_beside_each_other() -> None:
    shapes = v.union(v.object({"kind": v.literal("a"), "x": v.number()}), v.object({"kind": v.literal("b")}))
    assert list(fields_of(shapes)) == ["kind", "x"]
    assert described(shapes)[1] == {"name": "x", "type": "v.float64()"}
    assert fields_of(v.any()) == {}


def test_indexes_say_what_they_are_on_and_of_which_kind(store) -> None:
    table = store.database.snapshot.table("users")
    assert indexes_of(table, store.schema.tables["users"]) == [
        {"name": "by_id", "fields": ["_id"], "kind": "index", "marks": ["built in"]},
        {"name": "by_creation_time", "fields": ["_creationTime"], "kind": "index", "marks": ["built in"]},
        {"name": "by_name", "fields": ["name"], "kind": "index", "marks": ["unique"]},
    ]


def test_indexes_for_words_and_for_vectors_are_listed_too(store) -> None:
    definition = MESSAGES.search_index("words", search_field="body", filter_fields=["channel"])
    store.push_schema({"messages": definition})
    words = indexes_of(store.database.snapshot.table("messages"), definition)[-1]
    assert (words["name"], words["kind"]) == ("words", "search index")


def test_template_has_what_a_document_needs_and_can_be_read() -> None:
    validator = v.object({
        "name": v.string(), "age": v.number(), "tags": v.array(v.string()), "mood": v.nullable(v.string()),
        "kind": v.literals("cat", "dog"), "home": v.object({"city": v.string(), "zip": v.optional(v.string())}),
        "nickname": v.optional(v.string()),
    })  # fmt: skip
    assert read_spelled(template_of(validator)) == {
        "name": "", "age": 0, "tags": [], "mood": None, "kind": "cat", "home": {"city": ""},
    }  # fmt: skip
    assert read_spelled(template_of(None)) == {}
