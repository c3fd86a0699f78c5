"""References with on_delete: where one may stand, and what is said where it may not."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict

import pytest

from nbconvex.errors import SchemaInvalidError
from nbconvex.values.references import Reference
from nbconvex.values.scalars import UNSET, Id
from nbconvex.values.schema import SchemaDefinition, define_schema, table
from nbconvex.values.schema_diff import is_superset
from nbconvex.values.validator_json import validator_from_json
from nbconvex.values.validators import v

USERS = table({"name": v.string()})
CASCADE = v.id("users", on_delete="cascade")
SET_NULL = v.id("users", on_delete="set_null")


def schema_of(field: Any, *, index: list[str] | None = None, **options: Any) -> SchemaDefinition:
    messages = table({"author": field, "time": v.optional(v.number())})
    fields = ["author"] if index is None else index
    return define_schema(
        {"users": USERS, "messages": messages.index("by_author", fields, **options) if fields else messages}
    )


def the_reference(field: Any, **options: Any) -> Reference:
    [reference] = schema_of(field, **options).references("messages")
    return reference


@pytest.mark.parametrize(
    ("field", "on_delete", "becomes"),
    [
        (CASCADE, "cascade", None),
        (v.optional(CASCADE), "cascade", None),
        (v.id("users", on_delete="restrict"), "restrict", None),
        (v.nullable(SET_NULL), "set_null", None),
        (v.optional(v.nullable(SET_NULL)), "set_null", None),
        (v.optional(SET_NULL), "set_null", UNSET),
    ],
)
def test_a_reference_is_found_with_what_becomes_of_its_field(field: Any, on_delete: str, becomes: Any) -> None:
    assert the_reference(field) == Reference("messages", "author", "users", on_delete, "by_author", becomes)


def test_an_index_that_begins_with_the_field_will_do() -> None:
    assert the_reference(CASCADE, index=["author", "time"]).index == "by_author"


def test_nested_objects_and_unions_are_looked_into() -> None:
    schema = define_schema({
        "users": USERS,
        "t": table(
            v.union(v.object({"of": v.object({"user": CASCADE})}), v.object({"of": v.object({"user": CASCADE})}))
        ).index("by_user", ["of.user"]),
    })  # fmt: skip
    assert schema.references("t") == (Reference("t", "of.user", "users", "cascade", "by_user"),)
    assert schema.references("users") == ()


def test_one_field_may_refer_to_several_tables_each_in_its_way() -> None:
    schema = define_schema({
        "users": USERS,
        "bots": USERS,
        "t": table({"by": v.union(CASCADE, v.id("bots", on_delete="restrict"))}).index("by_by", ["by"]),
    })  # fmt: skip
    assert [(each.target, each.on_delete) for each in schema.references("t")] == [
        ("users", "cascade"), ("bots", "restrict"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("field", "options", "words"),
    [
        (
            CASCADE,
            {"index": []},
            (
                'table "messages", field "author": on_delete="cascade" needs an index that begins with this field, to '
                'find the documents that refer to one of "users"\n'
                '  Write instead:  messages = table({...}).index("by_author", ["author"])'
            ),
        ),
        (CASCADE, {"index": ["time", "author"]}, "needs an index that begins with this field"),
        (CASCADE, {"staged": True}, "needs an index that begins with this field"),
        (SET_NULL, {}, "needs a field that may be null or absent"),
        (v.array(CASCADE), {}, "stands in a list, which no index finds by its parts"),
        (v.record(CASCADE, v.string()), {}, "stands in the keys of a record"),
        (v.record(v.string(), CASCADE), {}, "stands in a record"),
        (v.object({}, rest=CASCADE), {}, "stands in further fields of an object"),
        (v.array(v.object({"of": v.nullable(CASCADE)})), {}, 'field "author.of": v.id("users", on_delete="cascade")'),
        (v.id("usres", on_delete="cascade"), {}, "names a table that the schema does not have; it has users, messages"),
        (v.id("_storage", on_delete="cascade"), {}, "system table"),
        (v.union(CASCADE, v.id("users")), {}, "on_delete must be the same"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_what_to_write(field: Any, options: Any, words: str) -> None:
    with pytest.raises(SchemaInvalidError) as raised:
        schema_of(field, **options)
    assert words in str(raised.value)


def test_plain_ids_may_stand_anywhere() -> None:
    assert schema_of(v.array(v.id("users"))).references("messages") == ()
    assert schema_of(v.record(v.id("nowhere"), v.id("users")), index=["time"]).references("messages") == ()


def test_an_unknown_action_is_refused() -> None:
    with pytest.raises(SchemaInvalidError, match="on_delete is one of cascade, set_null, restrict, got 'delete'"):
        v.id("users", on_delete="delete")


def test_the_validator_is_kept_compared_and_printed_with_it() -> None:
    assert str(CASCADE) == 'v.id("users", on_delete="cascade")'
    assert validator_from_json(CASCADE.to_json()) == CASCADE != v.id("users")
    assert v.id("users").to_json() == {"type": "id", "tableName": "users"}
    # The shape is the same: no document has to be looked at for it.
    assert is_superset(CASCADE, v.id("users"))
    assert is_superset(v.id("users"), CASCADE)
    assert not is_superset(CASCADE, v.id("teams"))
    schema = schema_of(CASCADE)
    assert SchemaDefinition.from_json(schema.to_json()) == schema


def test_a_typed_class_spells_it_with_annotated() -> None:
    message = TypedDict("message", {"author": Annotated[Id["users"], CASCADE]})  # noqa: F821, UP013 - a table's name
    schema = define_schema({"users": USERS, "messages": table(message).index("by_author", ["author"])})
    assert [each.on_delete for each in schema.references("messages")] == ["cascade"]
