"""What a transaction writes: changed documents, refused values, writes that change nothing, limits."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nbconvex.database.database import Database
from nbconvex.database.transaction import Transaction
from nbconvex.errors import (
    CallerError,
    DocumentNotFoundError,
    LimitExceededError,
    NotAllowedError,
    ValueInvalidError,
)
from nbconvex.limits import MIB, Limits
from nbconvex.values.codec import document_size
from nbconvex.values.ids import encode_id
from nbconvex.values.scalars import UNSET, Int64
from nbconvex.values.schema import define_schema, table
from nbconvex.values.sort_key import encode_key
from nbconvex.values.validators import v
from tests.database.stores import RecordingPersistence, bare, insert_all, open_database, read, write

INDEXED = define_schema({"t": table(v.any()).index("by_x", ["x"]).index("by_deep", ["o.a"])})


def open_one(document: dict[str, Any]) -> tuple[Database, str]:
    """A database with one document in table t, and its id."""
    database = open_database(schema=INDEXED)
    [stored] = insert_all(database, "t", [document])
    return database, stored


def after(database: Database, stored: str, run: Callable[[Transaction], Any]) -> dict[str, Any] | None:
    """The document, without system fields, after `run` was committed."""
    write(database, run)
    return bare(read(database, lambda tx: tx.get(stored)))


# -- writing -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Changed:
    name: str
    stored: dict[str, Any]
    run: Callable[[Transaction, str], Any]
    result: dict[str, Any]


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(
            Changed(
                "patch removes",
                {"body": "a", "e": [1]},
                lambda tx, i: tx.patch(i, {"e": UNSET, "body": "b"}),
                {"body": "b"},
            ),
            marks=pytest.mark.case("db-write/patch_undefined_removes"),
        ),
        Changed("patch removes what is not there", {"a": 1}, lambda tx, i: tx.patch(i, {"z": UNSET}), {"a": 1}),
        pytest.param(
            Changed(
                "nested objects are replaced",
                {"o": {"a": 1, "b": 2}},
                lambda tx, i: tx.patch(i, {"o": {"a": UNSET, "b": 3}}),
                {"o": {"b": 3}},
            ),
            marks=pytest.mark.case("db-write/patch_nested_undefined"),
        ),
        pytest.param(
            Changed(
                "replace with UNSET", {"a": 1, "b": 2}, lambda tx, i: tx.replace(i, {"a": 1, "b": UNSET}), {"a": 1}
            ),
            marks=pytest.mark.case("db-write/replace_undefined_field"),
        ),
        pytest.param(
            Changed("replace drops", {"a": 1, "b": 2}, lambda tx, i: tx.replace(i, {"a": 1}), {"a": 1}),
            marks=pytest.mark.case("db-write/replace_drops_fields"),
        ),
        pytest.param(
            Changed("its own id", {"a": 1}, lambda tx, i: tx.patch(i, {"_id": i, "a": 2}), {"a": 2}),
            marks=pytest.mark.case("db-write/patch_own_id"),
        ),
        Changed("its own whole document", {"a": 1}, lambda tx, i: tx.replace(i, {**tx.get(i), "a": 2}), {"a": 2}),
        Changed("null is a value", {"a": 1}, lambda tx, i: tx.patch(i, {"a": None}), {"a": None}),
        Changed("empty patch", {"a": 1}, lambda tx, i: tx.patch(i, {}), {"a": 1}),
        Changed("empty replace", {"a": 1}, lambda tx, i: tx.replace(i, {}), {}),
    ],
)
def test_a_document_is_changed(case: Changed) -> None:
    database, stored = open_one(case.stored)
    assert after(database, stored, lambda tx: case.run(tx, stored)) == case.result


@pytest.mark.case("creation-time/kept_on_replace_and_patch")
def test_a_document_keeps_its_id_and_creation_time() -> None:
    database, stored = open_one({"a": 1})
    before = read(database, lambda tx: tx.get(stored))
    after(database, stored, lambda tx: tx.patch(stored, {"a": 2}))
    after(database, stored, lambda tx: tx.replace(stored, {"b": 2}))
    now = read(database, lambda tx: tx.get(stored))
    assert now == {"b": 2, "_id": stored, "_creationTime": before["_creationTime"]}


@pytest.mark.case("db-write/patch_other_id", "db-write/patch_creation_time_other")
@pytest.mark.parametrize("operation", ["patch", "replace"])
@pytest.mark.parametrize(
    "fields", [{"_id": "other"}, {"_id": None}, {"_creationTime": 5.0}, {"_creationTime": None}, {"_creationTime": "x"}]
)
def test_system_fields_cannot_be_changed(operation: str, fields: dict[str, Any]) -> None:
    database, stored = open_one({"a": 1})
    with pytest.raises(ValueInvalidError, match="does not match the document"):
        write(database, lambda tx: getattr(tx, operation)(stored, fields))


def test_a_patch_cannot_remove_a_system_field() -> None:
    database, stored = open_one({"a": 1})
    with pytest.raises(ValueInvalidError, match="_id does not match"):
        write(database, lambda tx: tx.patch(stored, {"_id": UNSET}))


@pytest.mark.case("db-write/patch_missing", "db-write/replace_missing", "db-write/db_write_delete_missing")
@pytest.mark.parametrize(
    ("verb", "run"),
    [
        ("Update", lambda tx, i: tx.patch(i, {})),
        ("Replace", lambda tx, i: tx.replace(i, {})),
        ("Delete", lambda tx, i: tx.delete(i)),
    ],
)
@pytest.mark.parametrize("where", ["deleted before", "deleted in the same transaction", "never existed", "no table"])
def test_writing_to_a_document_that_is_not_there_names_it(verb: str, run: Any, where: str) -> None:
    database, stored = open_one({})
    transaction = database.begin(writable=True)
    if where == "never existed":
        stored = encode_id(10_001, b"y" * 16)
    elif where == "no table":
        stored = encode_id(20_000, b"y" * 16)
    elif where == "deleted before":
        write(database, lambda tx: tx.delete(stored))
        transaction = database.begin(writable=True)
    else:
        transaction.delete(stored)
    with pytest.raises(DocumentNotFoundError, match=f"{verb} on nonexistent document ID {stored}"):
        run(transaction, stored)


@pytest.mark.case("db-write/insert_system_table")
@pytest.mark.parametrize(
    ("run", "words"),
    [
        (lambda tx: tx.insert("_storage", {}), "read-only"),
        (lambda tx: tx.insert("_mine", {}), "read-only"),
        (lambda tx: tx.insert("_tables", {}), "read-only"),
        (lambda tx: tx.delete(encode_id(12, b"x" * 16)), "read-only"),
        (lambda tx: tx.patch(encode_id(11, b"x" * 16), {}), "read-only"),
        (lambda tx: tx.get(encode_id(1, b"x" * 16)), "cannot be read"),
    ],
)
def test_system_tables_are_read_only(run: Any, words: str) -> None:
    with pytest.raises(NotAllowedError, match=words):
        write(open_database(), run)


@pytest.mark.parametrize("name", ["", "a-b", "9a", "a b", "é", "x" * 65, 5, None, "___"])
def test_a_table_s_name_is_an_identifier(name: Any) -> None:
    database = open_database()
    with pytest.raises(CallerError):
        write(database, lambda tx: tx.insert(name, {}))
    assert write(database, lambda tx: tx.insert("x" * 64, {}))


@pytest.mark.parametrize("run", [lambda tx: tx.insert("t", {}), lambda tx: tx.insert("new", {})])
def test_a_reading_transaction_does_not_write(run: Any) -> None:
    with pytest.raises(NotAllowedError, match="only reads"):
        read(open_one({})[0], run)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        pytest.param("text", ("object",), marks=pytest.mark.case("db-write/insert_non_object")),
        ([1], ("object",)),
        (None, ("object",)),
        (UNSET, ()),
        pytest.param({"a": {"b": {1, 2}}}, ("set", ".a.b", "list"), marks=pytest.mark.case("values/set_refused")),
        pytest.param(
            {"at": dt.datetime(2024, 1, 1)},  # noqa: DTZ001 - whatever it is, it is refused
            ("datetime", ".at", "timestamp"),
            marks=pytest.mark.case("values/datetime_refused_or_converted"),
        ),
        pytest.param(
            {"f": pd.DataFrame({"a": [1]})}, ("DataFrame", ".f"), marks=pytest.mark.case("values/dataframe_refused")
        ),
        pytest.param({"a": [1, UNSET]}, (".a[1]",), marks=pytest.mark.case("values/undefined_in_array_refused")),
        pytest.param({"a": {"$x": 1}}, ("$x", "reserved"), marks=pytest.mark.case("values/object_key_dollar")),
        pytest.param(
            {"_x": 1}, ("_x", "underscore", "system fields"), marks=pytest.mark.case("values/top_level_underscore")
        ),
        ({"_id": "x"}, ("_id", "given by the database")),
        ({"_creationTime": 1.0}, ("_creationTime", "given by the database")),
        ({"n": 2**53 + 1}, ("2**53", "Int64")),
        ({"n": object()}, (".n",)),
        ({1: 2}, ("strings",)),
        ({"a b": 1}, ("a b",)),
    ],
)
def test_what_is_no_document_is_refused_naming_the_place(value: Any, words: tuple[str, ...]) -> None:
    database = open_database()
    transaction = database.begin(writable=True)
    with pytest.raises(ValueInvalidError) as raised:
        transaction.insert("fresh", value)
    assert [word for word in words if word not in str(raised.value)] == []
    assert not transaction.writes, "a value that is refused leaves no empty table behind"


@pytest.mark.case(
    "db-write/default_handles_int_in_python",
    "values/numpy_scalar_converted",
    "values/tuple_as_array",
    "values/nested_underscore",
    "values/minus_zero_kept",
    "values/int64_bounds",
)
@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (5, 5),
        (5.0, 5.0),
        (-0.0, -0.0),
        (math.nan, math.nan),
        (np.float64(1.5), 1.5),
        (np.int64(3), 3),
        ((1, (2,)), [1, [2]]),
        ({"_x": 1}, {"_x": 1}),
        (Int64(-(2**63)), Int64(-(2**63))),
        (Int64(2**63 - 1), Int64(2**63 - 1)),
        (b"\0\xff", b"\0\xff"),
        ("a\0\U0001f600", "a\0\U0001f600"),
        (True, True),
        ({"a": UNSET, "b": None}, {"b": None}),
        (2**53, 2**53),
    ],
)
def test_a_value_comes_back_as_what_it_was(given: Any, stored: Any) -> None:
    database, identity = open_one({"x": given})
    document = read(database, lambda tx: tx.get(identity))
    assert type(document["x"]) is type(stored)
    assert encode_key(document["x"]) == encode_key(stored)
    assert read(database, lambda tx: tx.query("t").with_index("by_x", x=stored).count()) == 1


def test_an_int64_has_64_bits() -> None:
    for number in (-(2**63) - 1, 2**63):
        with pytest.raises(ValueInvalidError):
            Int64(number)


# -- writes that write nothing -----------------------------------------------------------------------------------------


@pytest.mark.case("db-write/patch_equal_is_noop")
@pytest.mark.parametrize(
    ("run", "writes"),
    [
        (lambda tx, i: tx.patch(i, {"n": 5}), False),
        (lambda tx, i: tx.patch(i, {"n": 5.0}), False),
        (lambda tx, i: tx.patch(i, {}), False),
        (lambda tx, i: tx.patch(i, {"missing": UNSET}), False),
        (lambda tx, i: tx.replace(i, {"o": {"b": 2, "a": 1}, "z": 0.0, "n": 5}), False),
        (lambda tx, i: tx.replace(i, tx.get(i)), False),
        (lambda tx, i: tx.patch(i, {"n": Int64(5)}), True),
        (lambda tx, i: tx.patch(i, {"n": True}), True),
        (lambda tx, i: tx.patch(i, {"z": -0.0}), True),
        (lambda tx, i: tx.patch(i, {"n": None}), True),
        (lambda tx, i: tx.patch(i, {"n": UNSET}), True),
        (lambda tx, i: tx.patch(i, {"o": {"a": 1}}), True),
        (lambda tx, i: tx.delete(tx.insert("t", {})), False),
    ],
)
def test_a_write_that_leaves_a_document_equal_commits_nothing(run: Any, writes: bool) -> None:
    persistence = RecordingPersistence()
    database = open_database(persistence, schema=INDEXED)
    [stored] = insert_all(database, "t", [{"n": 5, "z": 0.0, "o": {"a": 1, "b": 2}}])
    before, head, told = len(persistence.batches), database.head, []
    database.listen(told.append)
    write(database, lambda tx: run(tx, stored))
    changed = (len(persistence.batches) - before, database.head > head, len(told))
    assert changed == ((1, True, 1) if writes else (0, False, 0))


# -- limits on one document --------------------------------------------------------------------------------------------


def document_of(size: int) -> dict[str, Any]:
    empty = document_size({"body": ""})
    return {"body": "x" * (size - empty)}


@pytest.mark.case("limits/document_exactly_limit", "limits/document_too_large")
@pytest.mark.parametrize("operation", ["insert", "patch", "replace"])
def test_a_document_has_at_most_one_mebibyte(operation: str) -> None:
    database, stored = open_one({})
    runs: dict[str, Callable[[Transaction, Any], Any]] = {
        "insert": lambda tx, document: tx.insert("t", document),
        "patch": lambda tx, document: tx.patch(stored, document),
        "replace": lambda tx, document: tx.replace(stored, document),
    }
    run = runs[operation]
    assert document_size(document_of(MIB)) == MIB
    write(database, lambda tx: run(tx, document_of(MIB)))
    with pytest.raises(LimitExceededError, match=r"1,048,577.*1,048,576") as raised:
        write(database, lambda tx: run(tx, document_of(MIB + 1)))
    assert (raised.value.limit, raised.value.actual) == ("document_bytes", MIB + 1)


def test_a_document_that_has_become_too_large_can_still_be_deleted() -> None:
    database, stored = open_one(document_of(5_000))
    database.limits = Limits(document_bytes=1_000)
    write(database, lambda tx: tx.delete(stored))
    assert read(database, lambda tx: tx.get(stored)) is None


@pytest.mark.case("limits/array_too_long")
def test_an_array_has_at_most_8192_elements() -> None:
    database = open_database()
    write(database, lambda tx: tx.insert("t", {"a": [0] * 8_192}))
    with pytest.raises(LimitExceededError, match=r"8,193.*8,192"):
        write(database, lambda tx: tx.insert("t", {"a": [0] * 8_193}))


@pytest.mark.case("limits/metrics_write")
def test_creating_a_table_is_not_counted_as_a_write_of_the_function() -> None:
    transaction = open_database().begin(writable=True)
    document = transaction.get(transaction.insert("fresh", {"a": 1}))
    assert (transaction.metrics.documents_written, transaction.metrics.written_bytes) == (1, document_size(document))


# -- bringing documents back -------------------------------------------------------------------------------------------


def test_a_document_is_restored_under_its_id_and_creation_time() -> None:
    database, stored = open_one({"x": 1})
    document = read(database, lambda tx: tx.get(stored))
    with pytest.raises(CallerError, match="exists"):
        write(database, lambda tx: tx.restore("t", document))
    write(database, lambda tx: tx.delete(stored))
    write(database, lambda tx: tx.restore("t", document))
    assert read(database, lambda tx: tx.query("t").with_index("by_x", x=1).collect()) == [document]
    with pytest.raises(CallerError, match="another table"):
        write(database, lambda tx: tx.restore("u", document))


@pytest.mark.parametrize("time", [UNSET, None, "today", 0, -1.0, 2**53, math.nan])
def test_a_document_is_not_restored_without_a_sensible_creation_time(time: Any) -> None:
    database, _ = open_one({})
    document = {"_id": encode_id(10_001, b"z" * 16), "_creationTime": time}
    with pytest.raises(ValueInvalidError, match="_creationTime"):
        write(database, lambda tx: tx.restore("t", document))


def test_the_random_generator_is_seeded_by_the_transaction() -> None:
    database = open_database()
    first, second = database.begin(writable=True), database.begin(writable=True)
    assert first.random.random() != second.random.random()
    assert open_database().begin(writable=True).random.random() == open_database().begin(writable=True).random.random()
