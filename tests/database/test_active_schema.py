"""The schema in force, as transactions use it."""

from __future__ import annotations

import pytest

from nbconvex.database.active_schema import ActiveSchema
from nbconvex.values.scalars import Int64
from nbconvex.values.schema import define_schema, table
from nbconvex.values.validator_report import ValidationProblem
from nbconvex.values.validators import v
from tests.database.stores import insert_all, open_database

TABLES = {
    "messages": table({"n": v.int64(), "a": v.any()}).index("by_n", ["n"]).index("by_na", ["n", "a"], staged=True)
}


def test_a_check_converts_what_it_accepts_and_refuses_the_rest() -> None:
    check = ActiveSchema(define_schema(TABLES)).checks["messages"]
    assert check({"n": 5, "a": None}, {}) == {"n": Int64(5), "a": None}
    with pytest.raises(ValidationProblem):
        check({"n": "5", "a": None}, {})


def test_without_validation_there_is_nothing_to_check_and_indexes_stay() -> None:
    active = ActiveSchema(define_schema(TABLES, schema_validation=False))
    assert (active.checks, active.int64_fields) == ({}, {})
    assert active.indexes_of("messages") == {"by_n": (("n",), False), "by_na": (("n", "a"), True)}


def test_indexed_fields_that_hold_64_bit_integers_only_are_known() -> None:
    assert ActiveSchema(define_schema(TABLES)).int64_fields == {"messages": {"n"}}


def test_a_table_that_is_not_listed_has_no_checks_and_no_indexes() -> None:
    active = ActiveSchema(define_schema(TABLES))
    assert (active.checks.get("other"), active.indexes_of("other")) == (None, {})


def test_each_push_puts_another_object_in_force_and_nothing_else_does() -> None:
    database = open_database(schema=define_schema(TABLES))
    first = database.snapshot.schema
    insert_all(database, "messages", [{"n": 1, "a": 2}])
    assert database.snapshot.schema is first
    database.push_schema(define_schema(TABLES))
    assert database.snapshot.schema is not first
    assert database.snapshot.schema.definition == first.definition
