"""References after a load: nbconvex.database.load_references."""

from __future__ import annotations

import pytest

from nbconvex.database import bulk as bulk_module
from nbconvex.errors import ReferenceViolatedError
from nbconvex.values.ids import encode_id
from nbconvex.values.schema import define_schema, table
from nbconvex.values.validators import v
from tests.database.stores import bare, insert_all, open_database, read

SCHEMA = define_schema(
    {
        "users": table({"name": v.string()}),
        "posts": table({"user": v.optional(v.id("users", on_delete="cascade"))}).index("by_user", ["user"]),
    }
)
ADA, BEA = encode_id(10_001, bytes(16)), encode_id(10_001, bytes(range(16)))


@pytest.fixture(params=["few", "many"], autouse=True)
def amount(request, monkeypatch) -> None:
    if request.param == "many":
        monkeypatch.setattr(bulk_module, "_WRITES_MAX", 0)


def load(database, mode="empty", **tables) -> None:
    bulk = database.begin_bulk()
    for name, documents in tables.items():
        into = bulk.open(name, mode)
        for document in documents:
            into.add(document)
    database.commit_bulk(bulk)


def count(database, name: str) -> int:
    return len(read(database, lambda tx: tx.query(name).collect()))


def test_both_sides_may_come_at_once_in_any_order() -> None:
    database = open_database(schema=SCHEMA)
    load(database, posts=[{"user": ADA}, {}], users=[{"_id": ADA, "name": "Ada"}])
    assert (count(database, "posts"), count(database, "users")) == (2, 1)


def test_a_reference_to_what_is_there_already_is_fine() -> None:
    database = open_database(schema=SCHEMA)
    (user,) = insert_all(database, "users", [{"name": "Ada"}])
    load(database, posts=[{"user": user}])
    load(database, "append", posts=[{"user": user}], users=[{"_id": BEA, "name": "Bea"}])
    load(database, "append", posts=[{"user": BEA}])
    assert count(database, "posts") == 3


def test_a_reference_to_nothing_is_refused() -> None:
    database = open_database(schema=SCHEMA)
    with pytest.raises(
        ReferenceViolatedError, match=f'"{ADA}", and table "users" would have none.*So do 1 others'
    ) as caught:
        load(database, posts=[{"user": ADA}, {"user": BEA}])
    assert (caught.value.table, caught.value.field, caught.value.count) == ("posts", "user", 2)
    assert count(database, "posts") == 0


def test_replacing_what_others_refer_to_is_refused_unless_they_come_too() -> None:
    database = open_database(schema=SCHEMA)
    load(database, posts=[{"user": ADA}], users=[{"_id": ADA, "name": "Ada"}])
    with pytest.raises(ReferenceViolatedError, match="Import both tables at once"):
        load(database, "replace", users=[{"_id": BEA, "name": "Bea"}])
    load(database, "replace", users=[{"_id": ADA, "name": "Ada!"}])
    load(database, "replace", users=[{"_id": BEA, "name": "Bea"}], posts=[{"user": BEA}])
    assert [bare(each) for each in read(database, lambda tx: tx.query("posts").collect())] == [{"user": BEA}]


def test_tables_without_kept_references_are_not_looked_at() -> None:
    database = open_database(schema=define_schema({"posts": table({"user": v.id("users")}), "users": table({})}))
    load(database, posts=[{"user": encode_id(10_002, bytes(16))}])
    assert count(database, "posts") == 1
