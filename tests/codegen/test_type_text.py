"""Validators as TypeScript types."""

from __future__ import annotations

import pytest
from hypothesis import given

from nbconvex.codegen.type_text import document_text, field_paths, has_other_fields, tables_named, type_text
from nbconvex.values.page_validators import pagination_opts_validator, pagination_result_validator
from nbconvex.values.scalars import Int64
from nbconvex.values.validators import Validator, v
from tests.codegen.balance import is_balanced
from tests.values.strategies import validators

DOCUMENT = v.object({"a": v.string(), "b": v.optional(v.object({"c": v.union(v.object({"d": v.null()}), v.null())}))})


@pytest.mark.parametrize(
    ("validator", "text"),
    [
        (v.null(), "null"),
        (v.number(), "number"),
        (v.integer(), "number"),
        (v.int64(), "bigint"),
        (v.boolean(), "boolean"),
        (v.nullable(v.datetime()), "number | null"),
        (v.string(), "string"),
        (v.bytes(), "ArrayBuffer"),
        (v.any(), "any"),
        (v.id("users"), 'Id<"users">'),
        (v.literal('a "b"'), '"a \\"b\\""'),
        (v.literal(5), "5"),
        (v.literal(5.0), "5"),
        (v.literal(-0.0), "0"),
        (v.literal(-5.5), "-5.5"),
        (v.literal(1e300), "1e+300"),
        (v.literal(True), "true"),
        (v.literal(Int64(-5)), "-5n"),
        (v.array(v.string()), "string[]"),
        (v.array(v.array(v.int64())), "bigint[][]"),
        (v.array(v.nullable(v.string())), "Array<string | null>"),
        (v.array(v.object({"a": v.null()})), "{ a: null }[]"),
        (v.object({}), "Record<string, never>"),
        (v.object({}, rest=v.any()), "Record<string, any>"),
        (v.object({"a": v.string(), "b": v.optional(v.int64())}), "{ a: string; b?: bigint }"),
        (v.object({"a b": v.null(), "class": v.null(), "": v.null()}), '{ "a b": null; class: null; "": null }'),
        (v.object({"a": v.string()}, rest=v.number()), "{ a: string; [key: string]: string | number }"),
        (
            v.object({"a": v.optional(v.number())}, rest=v.number()),
            "{ a?: number; [key: string]: number | undefined }",
        ),
        (v.object({"a": v.string()}, rest=v.any()), "{ a: string; [key: string]: any }"),
        (v.record(v.string(), v.number()), "Record<string, number>"),
        (v.record(v.id("users"), v.nullable(v.number())), 'Record<Id<"users">, number | null>'),
        (v.union(), "never"),
        (v.union(v.string()), "string"),
        (v.union(v.number(), v.integer(), v.null()), "number | null"),
        (v.union(v.string(), v.any()), "any"),
        (v.optional(v.string()), "string"),
        (pagination_opts_validator, "PaginationOptions"),
        (pagination_result_validator(v.array(v.null())), "PaginationResult<null[]>"),
        (v.object({"page": v.array(v.null())}), "{ page: null[] }"),
    ],
    ids=str,
)
def test_each_kind_has_its_type(validator: Validator, text: str) -> None:
    assert type_text(validator) == text


def test_long_types_are_broken_into_lines_from_the_outside() -> None:
    names = [f"field_with_a_long_name_{n}" for n in range(4)]
    inner = v.object(dict.fromkeys(names, v.string()))
    assert type_text(v.object({"list": v.array(inner), "short": v.object({"a": v.null()})}), "  ") == (
        "{\n    list: {\n"
        + "".join(f"      {name}: string;\n" for name in names)
        + "    }[];\n    short: { a: null };\n  }"
    )


def test_a_document_has_its_system_fields_in_every_member_of_a_union() -> None:
    assert document_text(v.any(), "t", "") == "any"
    assert document_text(v.object({}), "t", "") == '{ _id: Id<"t">; _creationTime: number }'
    union = v.union(v.object({"a": v.null()}), v.union(v.object({"b": v.null()})))
    assert document_text(union, "t", "") == (
        '{ _id: Id<"t">; _creationTime: number; a: null } | { _id: Id<"t">; _creationTime: number; b: null }'
    )
    rest = v.object({"a": v.optional(v.string())}, rest=v.number())
    assert document_text(rest, "t", "") == '{ _id: Id<"t">; _creationTime: number; a?: string; [key: string]: any }'


def test_paths_lead_into_objects_and_through_unions() -> None:
    assert field_paths(DOCUMENT) == {"a", "b", "b.c", "b.c.d"}
    assert field_paths(v.any()) == set()


def test_whether_there_are_other_fields_is_known() -> None:
    assert not has_other_fields(DOCUMENT)
    assert has_other_fields(v.any())
    assert has_other_fields(v.union(DOCUMENT, v.object({}, rest=v.null())))


def test_tables_are_found_wherever_ids_are() -> None:
    ids = [v.id(name) for name in "abcdefg"]
    validator = v.object(
        {"x": v.array(ids[0]), "y": v.record(ids[1], ids[2]), "z": v.union(ids[3], v.optional(ids[4]).required())},
        rest=v.object({"deep": v.optional(ids[5])}),
    )
    assert sorted(tables_named(validator)) == ["a", "b", "c", "d", "e", "f"]
    assert list(tables_named(None)) == []


@given(validators)
def test_every_validator_has_a_balanced_type(validator: Validator) -> None:
    text = type_text(validator)
    assert is_balanced(text)
    assert type_text(validator) == text
