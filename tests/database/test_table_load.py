"""Documents of one table that are being loaded: nbconvex.database.table_load."""

from __future__ import annotations

import math

import pytest

from nbconvex.errors import (
    CallerError,
    DocumentInvalidError,
    LimitExceededError,
    UniqueViolatedError,
    ValueInvalidError,
)
from nbconvex.limits import Limits
from nbconvex.values.codec import decode_document
from nbconvex.values.ids import encode_id
from nbconvex.values.scalars import Int64
from nbconvex.values.schema import define_schema, table
from nbconvex.values.validators import v
from tests.database.stores import insert_all, open_database

SCHEMA = define_schema(
    {
        "t": table({"a": v.number(), "n": v.optional(v.int64()), "o": v.optional(v.id("other"))}),
        "other": table({}),
        "people": table({"mail": v.optional(v.string())}).index("by_mail", ["mail"], unique=True),
    }
)


def opened(name: str = "t", mode: str = "empty", **more):
    database = open_database(schema=SCHEMA, **more)
    return database, database.begin_bulk().open(name, mode)


def test_a_document_is_what_an_insert_would_have_stored() -> None:
    _, into = opened()
    document = {"a": 1, "n": 7}
    into.add(document)
    into.add({"a": 2.0})
    stored = [decode_document(payload) for _, payload in into.rows()]
    assert [{name: each[name] for name in each if name[0] != "_"} for each in stored] == [
        {"a": 1, "n": Int64(7)},
        {"a": 2.0},
    ]
    assert list(stored[0])[:2] == ["_id", "_creationTime"]
    assert document == {"a": 1, "n": 7}, "what was given is not changed"
    assert [encode_id(10_001, internal) for internal, _ in into.rows()] == [each["_id"] for each in stored]
    assert stored[1]["_creationTime"] == math.nextafter(stored[0]["_creationTime"], math.inf)


@pytest.mark.parametrize(
    ("document", "error", "said"),
    [
        ({"a": "x"}, DocumentInvalidError, "does not match"),
        ({}, DocumentInvalidError, 'missing the required field "a"'),
        ({"a": 1, "z": 1}, DocumentInvalidError, 'extra field "z"'),
        ({"a": 1, "o": "x"}, DocumentInvalidError, "does not match"),
        ({"a": 1, "o": encode_id(10_001, bytes(16))}, DocumentInvalidError, 'belongs to table "t"'),
        ({"a": {1, 2}}, ValueInvalidError, "set"),
        ({"a": 2**60}, ValueInvalidError, "beyond"),
        ({"a": 1, "_x": 1}, ValueInvalidError, "underscore"),
        ({"a": 1, "_id": 5}, ValueInvalidError, "the text of an id"),
        ({"a": 1, "_id": "x"}, ValueInvalidError, "unable to decode"),
        ({"a": 1, "_id": encode_id(10_002, bytes(16))}, ValueInvalidError, 'an id of the table "other"'),
        ({"a": 1, "_id": encode_id(10_777, bytes(16))}, ValueInvalidError, "a table with the number 10777"),
        ({"a": 1, "_creationTime": 0}, ValueInvalidError, "above 0"),
        ({"a": 1, "_creationTime": 2**53}, ValueInvalidError, "below"),
        ({"a": 1, "_creationTime": math.nan}, ValueInvalidError, "milliseconds"),
        ({"a": 1, "_creationTime": True}, ValueInvalidError, "milliseconds"),
        ({"a": 1, "_creationTime": "now"}, ValueInvalidError, "milliseconds"),
        ("text", ValueInvalidError, "must be an object"),
        (None, ValueInvalidError, "must be an object"),
    ],
)
def test_what_does_not_fit_is_not_taken_in(document, error, said) -> None:
    _, into = opened()
    with pytest.raises(error, match=said):
        into.add(document)
    assert len(into) == 0


def test_missing_system_fields_are_as_absent_ones() -> None:
    _, into = opened()
    assert into.add({"_id": None, "_creationTime": None, "a": 1})
    assert not into.has_own_ids


def test_a_document_may_be_as_large_as_any_other() -> None:
    database = open_database(limits=Limits(document_bytes=200))
    into = database.begin_bulk().open("t", "empty")
    into.add({"x": "x" * (200 - 61 - 2 - 2 - 2)})
    with pytest.raises(LimitExceededError, match="limit document_bytes: 200"):
        into.add({"x": "x" * (200 - 61 - 2 - 2 - 2 + 1)})


def test_two_documents_do_not_share_a_unique_value() -> None:
    _, into = opened("people")
    first = into.add({"mail": "ada@x"})
    into.add({})
    into.add({})
    with pytest.raises(UniqueViolatedError, match=f'"{first}" has mail = "ada@x" already'):
        into.add({"mail": "ada@x"})
    assert len(into) == 3


@pytest.mark.parametrize(("mode", "refused"), [("append", True), ("replace", False)])
def test_a_unique_value_of_a_document_that_stays_is_taken(mode, refused) -> None:
    database = open_database(schema=SCHEMA)
    insert_all(database, "people", [{"mail": "ada@x"}])
    into = database.begin_bulk().open("people", mode)
    if refused:
        with pytest.raises(UniqueViolatedError):
            into.add({"mail": "ada@x"})
    else:
        into.add({"mail": "ada@x"})


def test_after_a_misfit_nothing_is_kept() -> None:
    _, into = opened()
    into.add({"a": 1})
    into.forget()
    assert (len(into), list(into.rows())) == (0, [])


def test_errors_say_what_to_do() -> None:
    _, into = opened()
    with pytest.raises(CallerError, match="leave the column _id out"):
        into.add({"a": 1, "_id": encode_id(10_002, bytes(16))})
