"""What a commit touched: nbconvex.database.commit_record."""

from __future__ import annotations

from nbconvex.values.schema import define_schema, table
from nbconvex.values.validators import v
from tests.database.stores import insert_all, open_database, write


def test_a_record_has_the_keys_before_and_after_in_every_index() -> None:
    database = open_database(schema=define_schema({"t": table({"a": v.number()}).index("by_a", ["a"])}))
    (document_id,) = insert_all(database, "t", [{"a": 1}])
    head = database.head
    write(database, lambda tx: tx.patch(document_id, {"a": 2}))
    (record,) = database.write_log.since(head)
    touched = [index[1] for index, _ in record.pairs()]
    assert touched == ["by_id", "by_creation_time", "by_a", "by_creation_time", "by_a"]
    assert not record.dropped


def test_a_table_that_goes_is_named_whole() -> None:
    database = open_database()
    insert_all(database, "t", [{"a": 1}])
    head = database.head
    database.drop_table("t")
    (record,) = database.write_log.since(head)
    assert record.dropped == {10_001}


def test_of_a_table_born_in_the_commit_only_ids_are_touched() -> None:
    database = open_database()
    head = database.head
    insert_all(database, "t", [{"a": 1}])
    (record,) = database.write_log.since(head)
    assert [index for index, _ in record.pairs() if index[0] == 10_001] == [(10_001, "by_id")]
