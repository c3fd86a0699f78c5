"""What does not fit a schema, field by field: nbconvex.database.misfits."""

from __future__ import annotations

from typing import Any

from nbconvex import Int64, define_schema, table, v
from nbconvex.database.misfits import is_checked, misfits
from nbconvex.values.codec import decode_document
from tests.database.stores import open_database


def filled(documents: list[dict[str, Any]], schema: Any = None) -> Any:
    database = open_database()
    if schema is not None:
        database.push_schema(schema)
    tx = database.begin(writable=True)
    for document in documents:
        tx.insert("users", document)
    database.commit(tx)
    return database.snapshot


def schema_of(fields: dict[str, Any], **options: Any) -> Any:
    return define_schema({"users": table(fields), "empty": table({"x": v.string()})}, **options)


def found(snapshot: Any, fields: dict[str, Any]) -> set[tuple[str, str, int]]:
    of_table = misfits(snapshot, schema_of(fields)).get("users", [])
    return {(each.name, each.kind, each.count) for each in of_table}


def test_every_misfit_of_a_document_counts() -> None:
    snapshot = filled([{"name": "a", "zip": "1", "nick": 1}, {"name": "b", "zip": 2}, {"zip": "3"}])
    fields = {"name": v.string(), "zip": v.number(), "age": v.number(), "note": v.optional(v.string())}
    assert found(snapshot, fields) == {
        ("name", "missing", 1), ("zip", "wrong", 2), ("age", "missing", 3), ("nick", "extra", 1),
    }  # fmt: skip


def test_misfit_knows_a_sample_the_types_and_what_is_asked_for() -> None:
    snapshot = filled([{"zip": "1"}, {"zip": None}, {"zip": "2"}, {"zip": 5}])
    [misfit] = misfits(snapshot, schema_of({"zip": v.number()}))["users"]
    assert misfit.found == {"string": 2, "null": 1}
    assert (str(misfit.wanted), misfit.present) == ("v.float64()", None)
    assert misfit.sample in {each["_id"] for each in filled_ids(snapshot)}


def filled_ids(snapshot: Any) -> list[dict[str, Any]]:
    return [decode_document(payload) for _, payload in snapshot.table("users").documents.entries()]


def test_number_where_a_64_bit_integer_is_asked_for_is_a_misfit() -> None:
    snapshot = filled([{"n": 5}, {"n": Int64(5)}])
    assert found(snapshot, {"n": v.int64()}) == {("n", "wrong", 1)}


def test_schema_in_force_says_what_a_field_is_now() -> None:
    old = schema_of({"zip": v.union(v.string(), v.number()), "nick": v.optional(v.string())})
    snapshot = filled([{"zip": "1", "nick": "x"}], old)
    by_name = {each.name: each for each in misfits(snapshot, schema_of({"zip": v.number()}))["users"]}
    assert str(by_name["zip"].present) == "v.union(v.string(), v.float64())"
    assert str(by_name["nick"].present) == "v.optional(v.string())"
    assert by_name["nick"].wanted is None
    assert is_checked(snapshot, "users")
    assert not is_checked(snapshot, "other")
    assert not is_checked(filled([], schema_of({"zip": v.any()}, schema_validation=False)), "users")


def test_what_fits_and_what_is_no_plain_object_is_left_out() -> None:
    snapshot = filled([{"kind": "a"}])
    assert misfits(snapshot, schema_of({"kind": v.string()})) == {}
    union = define_schema({"users": table(v.union(v.object({"x": v.string()}), v.object({"y": v.string()})))})
    assert misfits(snapshot, union) == {}


def test_nested_misfit_is_one_of_its_field() -> None:
    snapshot = filled([{"address": {"city": 1}}, {"address": {"city": "x", "zip": 1}}, {"address": {"city": "x"}}])
    assert found(snapshot, {"address": v.object({"city": v.string()})}) == {("address", "wrong", 2)}
