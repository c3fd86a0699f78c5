"""Columns and types of tables, from validators and from documents."""

from __future__ import annotations

from collections import Counter

import pytest

from nbconvex import Int64, v
from nbconvex.storage.tables.columns import (
    count_column,
    counted_shape,
    declared_shape,
    kind_of,
    quoted,
    type_of,
    unique_names,
)
from nbconvex.values.validators import Validator


@pytest.mark.parametrize(
    ("validator", "sql"),
    [
        (v.number(), "DOUBLE"),
        (v.int64(), "BIGINT"),
        (v.id("users"), "VARCHAR"),
        (v.boolean(), "BOOLEAN"),
        (v.bytes(), "BLOB"),
        (v.string(), "VARCHAR"),
        (v.literal("a"), "VARCHAR"),
        (v.literal(Int64(3)), "BIGINT"),
        (v.union(v.literal("a"), v.literal("b")), "VARCHAR"),
        (v.union(v.number(), v.null()), "DOUBLE"),
        (v.union(v.number(), v.string()), "JSON"),
        (v.any(), "JSON"),
        (v.null(), "VARCHAR"),
        (v.array(v.array(v.number())), "DOUBLE[][]"),
        (v.object({"a": v.number(), 'b"c': v.array(v.string())}), 'STRUCT("a" DOUBLE, "b""c" VARCHAR[])'),
        (v.object({"a": v.number(), "A": v.number()}), "JSON"),
        (v.object({}), "JSON"),
        (v.record(v.string(), v.int64()), "MAP(VARCHAR, BIGINT)"),
    ],
)
def test_a_validator_has_a_type(validator: Validator, sql: str) -> None:
    assert type_of(validator).sql == sql


def test_a_declared_shape_has_the_fields_in_the_order_of_the_schema() -> None:
    shape = declared_shape(v.object({"body": v.string(), "age": v.optional(v.number())}))
    assert shape is not None
    assert shape.definition == '"_id" VARCHAR, "_creationTime" DOUBLE, "body" VARCHAR, "age" DOUBLE'


def test_only_a_field_that_may_be_absent_and_null_needs_telling_apart() -> None:
    nullable = v.union(v.string(), v.null())
    for fields, has_nulls in (({"a": nullable}, False), ({"a": v.optional(v.string())}, False),
                              ({"a": v.optional(nullable)}, True), ({"a": v.optional(v.any())}, True)):  # fmt: skip
        shape = declared_shape(v.object(fields))
        assert shape is not None
        assert shape.has_nulls is has_nulls, fields


def test_a_union_of_objects_has_the_fields_of_all_of_them() -> None:
    shape = declared_shape(v.union(v.object({"kind": v.literal("a"), "x": v.number()}), v.object({"x": v.string()})))
    assert shape is not None
    assert [(column.name, column.type.sql) for column in shape.columns] == [("kind", "VARCHAR"), ("x", "JSON")]


def test_what_leaves_its_fields_open_has_no_declared_shape() -> None:
    assert declared_shape(None) is None
    assert declared_shape(v.any()) is None
    assert declared_shape(v.union(v.object({"a": v.number()}), v.any())) is None


def test_names_that_differ_in_case_only_are_made_unique() -> None:
    assert unique_names(["a", "A", "b", "a_2"]) == ["a", "A_2", "b", "a_2_2"]
    shape = declared_shape(v.object({"Name": v.string(), "name": v.number()}))
    assert shape is not None
    assert [(column.field, column.name) for column in shape.columns] == [("Name", "Name"), ("name", "name_2")]


def test_quotes_in_a_name_are_doubled() -> None:
    assert quoted('a"b') == '"a""b"'


@pytest.mark.parametrize(
    ("value", "kind"),
    [(1, "DOUBLE"), (True, "BOOLEAN"), (Int64(1), "BIGINT"), (None, "null"), ({}, "JSON"), ([], "[]"),
     ([1, 2.5, None], "[]DOUBLE"), (["a", 1], "[]JSON"), ([[1]], "[]JSON"), (b"x", "BLOB")],
)  # fmt: skip
def test_a_value_has_a_kind(value: object, kind: str) -> None:
    assert kind_of(value) == kind
    assert count_column([value]) == Counter({kind: 1})


def test_a_counted_shape_depends_on_what_there_is_alone() -> None:
    counts = {
        "z": Counter({"DOUBLE": 2, "null": 1}),
        "mixed": Counter({"DOUBLE": 1, "VARCHAR": 1}),
        "list": Counter({"[]": 1, "[]VARCHAR": 3}),
        "lists": Counter({"[]DOUBLE": 1, "[]VARCHAR": 3}),
        "only_empty": Counter({"[]": 1}),
        "gone": Counter({"DOUBLE": 0}),
        "only_null": Counter({"null": 4}),
    }
    shape = counted_shape(counts)
    assert [(column.name, column.type.sql) for column in shape.columns] == [
        ("list", "VARCHAR[]"), ("lists", "JSON"), ("mixed", "JSON"), ("only_empty", "JSON"), ("only_null", "VARCHAR"),
        ("z", "DOUBLE"),
    ]  # fmt: skip
    assert shape.has_nulls
    assert counted_shape(dict(reversed(counts.items()))) == shape
