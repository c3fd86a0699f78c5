"""A `%%schema` cell made from documents: nbconvex.codegen.schema_cell."""

from __future__ import annotations

import pytest

import nbconvex
from nbconvex.codegen.schema_cell import schema_cell, schema_from_data
from nbconvex.errors import CallerError, NotAllowedError
from nbconvex.testing import convex_test
from nbconvex.values.scalars import Int64
from nbconvex.values.schema import define_schema, table
from nbconvex.values.validators import v

EVIL = '"}); import os #'


@pytest.fixture
def t():
    with convex_test() as t:
        yield t


def fill(ctx):
    ada = ctx.db.insert("users", {"name": "Ada", "admin": True})
    ctx.db.insert("users", {"name": "Grace"})
    ctx.db.insert("messages", {"by": ada, "body": "hi", "marks": [1, None], "size": Int64(3)})
    ctx.db.insert("messages", {"by": ada, "body": 5, "marks": [], "meta": {"lang": "en"}})
    ctx.db.insert("words", {"counts": {EVIL: 1}})
    ctx.db.insert("wide", {"place": {f"a_rather_long_name_of_field_{at}": {"x": at} for at in range(4)}})


def pushed(backend, text: str):
    """Put the cell in force, as a notebook does."""
    head, _, body = text.partition("\n")
    assert head == "%%schema"
    return backend.define_schema_cell(body, namespace={"v": v, "table": table})


@pytest.mark.case("tooling/schema_from_data")
def test_every_document_fits_the_cell_and_others_do_not(t) -> None:
    t.run(fill)
    text = schema_from_data(backend=t.backend)
    assert 'users = table({\n    "name": v.string(),\n    "admin": v.optional(v.boolean()),\n})' in text
    assert '    "by": v.id("users"),\n    "body": v.union(v.string(), v.number()),\n' in text
    assert '    "marks": v.array(v.union(v.number(), v.null())),\n    "size": v.optional(v.int64()),\n' in text
    assert '    "meta": v.optional(v.object({"lang": v.string()})),\n' in text
    assert repr(text) == text
    assert max(map(len, text.splitlines())) <= 100
    assert pushed(t.backend, text).checked_documents == 6
    with pytest.raises(nbconvex.NbconvexError):
        t.run(lambda ctx: ctx.db.insert("users", {"name": 1}))
    # What is in force now gives the same cell.
    assert schema_from_data(backend=t.backend) == text


def test_declared_tables_stay_with_their_indexes_and_rules(t) -> None:
    t.run(fill)
    user = table({"name": v.string(default="x"), "admin": v.optional(v.boolean())})
    schema = {
        "users": user.index("by_name", ["name"], unique=True).search_index("words", search_field="name"),
        "points": table({"at": v.array(v.number()), "kind": v.string()}).vector_index(
            "near", vector_field="at", dimensions=3, filter_fields=["kind"], staged=True
        ),
        "either": table(v.union(v.object({"a": v.string()}), v.object({"b": v.number()}))),
    }
    t.backend.push_schema(schema)
    text = schema_cell(t.backend.database.snapshot, ["messages"])
    assert "words" not in text.partition("wide")[0].replace('"words"', "")
    pushed(t.backend, text)
    kept = t.backend.schema.tables
    assert {name: kept[name] for name in schema} == schema
    assert sorted(kept) == ["either", "messages", "points", "users"]


def test_a_schema_that_checks_nothing_is_not_believed_and_keeps_its_indexes(t) -> None:
    t.run(fill)
    t.backend.push_schema(
        define_schema({"users": table({"name": v.number()}).index("by_name", ["name"])}, schema_validation=False)
    )
    text = schema_cell(t.backend.database.snapshot, ["users"])
    assert '"name": v.string()' in text
    assert '.index("by_name", ["name"])' in text
    pushed(t.backend, text)


def test_a_table_of_anything_stays_one(t) -> None:
    t.run(fill)
    t.backend.push_schema({"users": table(v.any())})
    assert schema_cell(t.backend.database.snapshot, ["users"]) == "%%schema\nusers = table(v.any())"


def test_a_table_whose_default_has_no_text_is_concluded_from_its_documents(t) -> None:
    t.run(fill)
    declared = table(
        {"name": v.string(default=lambda: "x"), "admin": v.optional(v.boolean()), "gone": v.optional(v.string())}
    )
    t.backend.push_schema({"users": declared.index("by_name", ["name"]).index("by_gone", ["gone"])})
    text = schema_cell(t.backend.database.snapshot, ["users"])
    assert "# its index by_gone (gone) is on fields that no document has" in text
    assert '.index("by_name", ["name"])' in text
    pushed(t.backend, text)


def test_names_that_python_or_the_cell_uses_do_no_harm(t) -> None:
    t.run(lambda ctx: [ctx.db.insert(name, {"n": 1}) for name in ("class", "v", "other")] and None)
    t.run(lambda ctx: ctx.db.delete(ctx.db.insert("empty", {})))
    text = schema_cell(t.backend.database.snapshot)
    assert "# class is no name in Python: rename the table\n# table({" in text
    assert "# empty: no documents to tell its fields by" in text
    pushed(t.backend, text)
    assert sorted(t.backend.schema.tables) == ["other", "v"]


def test_wrong_uses_are_taught(t) -> None:
    t.run(fill)
    with pytest.raises(CallerError, match=r'there is no table "user"\. Tables: messages, users, wide, words'):
        schema_from_data("user", backend=t.backend)
    with pytest.raises(NotAllowedError, match="plain code"):
        t.query(lambda ctx: schema_from_data())
    assert schema_from_data("words") == nbconvex.schema_from_data("words")
