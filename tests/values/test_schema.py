"""Tables and schemas."""
# ruff: noqa: F821 - Id["users"] names a table, not a type

import dataclasses
import json
from typing import NotRequired, TypedDict

import pytest

from nbconvex.errors import SchemaInvalidError
from nbconvex.values.ids import encode_id
from nbconvex.values.scalars import Id
from nbconvex.values.schema import (
    IndexDefinition,
    SchemaDefinition,
    TableDefinition,
    define_schema,
    define_table,
    table,
)
from nbconvex.values.validator_report import ValidationProblem
from nbconvex.values.validators import v

MESSAGE_ID = encode_id(10001, bytes(16))
TABLES = {10001: "messages"}


class Message:
    body: str
    stars: float
    mood: str | None
    author: Id["users"]
    draft: bool = False


class MessageDict(TypedDict):
    _id: Id["messages"]
    _creationTime: float
    body: str
    stars: float
    mood: str | None
    author: Id["users"]
    draft: NotRequired[bool]


@dataclasses.dataclass
class MessageClass:
    body: str
    stars: float
    mood: str | None
    author: Id["users"]
    draft: bool = False


FIELDS = {
    "body": v.string(),
    "stars": v.number(),
    "mood": v.nullable(v.string()),
    "author": v.id("users"),
    "draft": v.optional(v.boolean()),
}


@pytest.mark.case("schema/annotation_schema", "schema/system_fields_accepted")
@pytest.mark.parametrize("shape", [Message, MessageDict, MessageClass, v.object(FIELDS), {**FIELDS, "_id": v.any()}])
def test_every_spelling_makes_the_same_table(shape):
    assert table(shape) == table(FIELDS) == define_table(FIELDS)


def test_an_index_makes_a_new_definition():
    plain = table(FIELDS)
    indexed = plain.index("by_body", ["body", "stars"]).index("later", ["mood"], staged=True)
    assert dict(plain.indexes) == {}
    assert dict(indexed.indexes) == {
        "by_body": IndexDefinition("by_body", ("body", "stars")),
        "later": IndexDefinition("later", ("mood",), staged=True),
    }


@pytest.mark.case("schema/schema_doc_validator")
def test_whole_documents_have_system_fields():
    schema = define_schema({"messages": table({"body": v.string()})})
    document = {"_id": MESSAGE_ID, "_creationTime": 1.0, "body": "x"}
    assert schema.doc("messages").check(document, TABLES) is document
    with pytest.raises(ValidationProblem, match='missing the required field "_id"'):
        schema.doc("messages").check({"_creationTime": 1.0, "body": "x"}, TABLES)
    assert schema.id("messages") == v.id("messages")


@pytest.mark.case("schema/schema_doc_union", "schema/union_table")
def test_every_member_of_a_union_gets_system_fields():
    schema = define_schema(
        {"shapes": table(v.union(v.object({"a": v.string()}), v.union(v.object({"b": v.number()}))))}
    )
    system = {"_id": v.id("shapes"), "_creationTime": v.number()}
    assert schema.doc("shapes") == v.union(
        v.object({**system, "a": v.string()}), v.union(v.object({**system, "b": v.number()}))
    )
    validator = schema.tables["shapes"].validator
    for document in ({"a": "x"}, {"b": 1}):
        assert validator.check(document) is document
    with pytest.raises(ValidationProblem):
        validator.check({"a": "x", "b": 1})


@pytest.mark.case("schema/any_table")
def test_tables_of_anything_take_anything():
    schema = define_schema({"things": table(v.any()).index("by_deep", ["a.b"])})
    assert schema.doc("things") == v.any()
    assert schema.tables["things"].validator.check({"x": [1]}) == {"x": [1]}


def test_a_schema_survives_being_kept_as_json():
    schema = define_schema(
        {
            "messages": table(Message).index("by_author", ["author", "stars"]).index("late", ["mood"], staged=True),
            "shapes": table(v.union(v.object({"o": v.object({"c": v.string()})}))).index("by_c", ["o.c"]),
            "things": table(v.any()),
        },
        schema_validation=False,
        strict_table_names=False,
    )
    assert SchemaDefinition.from_json(json.loads(json.dumps(schema.to_json()))) == schema


@pytest.mark.parametrize("tree", [{}, {"tables": [{}]}, {"tables": 5}])
def test_other_json_is_no_schema(tree):
    with pytest.raises(SchemaInvalidError, match="not a schema in JSON"):
        SchemaDefinition.from_json(tree)


def test_near_misses_of_table_names_are_seen():
    schema = define_schema({"messages": table(FIELDS), "users": table({})})
    assert schema.near_miss("mesages") == "messages"
    assert schema.near_miss("messages") is None
    assert schema.near_miss("invoices") is None
    with pytest.raises(SchemaInvalidError, match=r'no table "mesages"\. Did you mean "messages"'):
        schema.doc("mesages")
    with pytest.raises(SchemaInvalidError, match="Its tables are messages, users"):
        schema.id("invoices")
    with pytest.raises(SchemaInvalidError, match="Its tables are none"):
        define_schema({}).id("invoices")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: table(None), "usually the cell that defines it has not been run"),
        (lambda: table("messages"), "table takes a dict of fields, a validator or a typed class"),
        (lambda: table(str), "table takes a dict of fields"),
        (lambda: table({"a": None}), 'table: the field "a" has no validator'),
        (lambda: define_schema({"a": None}), 'table "a" has no definition (it is None)'),
        (lambda: define_schema({"a": {}}), 'table "a" must be a table definition'),
        (lambda: define_schema([table({})]), "define_schema takes a dict"),
        (lambda: define_schema({f"t{n}": table({}) for n in range(10_001)}), "there are at most 10,000"),
    ],
)
def test_what_is_no_definition_is_refused(make, words):
    with pytest.raises(SchemaInvalidError) as caught:
        make()
    assert words in str(caught.value)


def test_an_index_can_be_unique_and_is_kept_as_that() -> None:
    unique = table({"a": v.string()}).index("by_a", ["a"], unique=True)
    assert unique.indexes["by_a"] == IndexDefinition("by_a", ("a",), unique=True)
    assert str(unique.indexes["by_a"]) == "by_a (a) unique"
    assert TableDefinition.from_json(unique.to_json()) == unique
    plain = table({"a": v.string()}).index("by_a", ["a"])
    # What older stores hold: the word is only written where it is true.
    assert plain.to_json()["indexes"] == [{"indexDescriptor": "by_a", "fields": ["a"], "staged": False}]
    assert TableDefinition.from_json(plain.to_json()) == plain


def test_a_staged_index_cannot_be_unique() -> None:
    with pytest.raises(SchemaInvalidError, match='index "by_a" cannot be staged and unique'):
        table({"a": v.string()}).index("by_a", ["a"], unique=True, staged=True)
