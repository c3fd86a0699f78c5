"""Content indexes of a table: kept, filled, followed, and heard of by commits."""

from __future__ import annotations

from typing import Any

import pytest

from nbconvex.database import content_index as content_index_module
from nbconvex.database.content_index import contents_of, made_for
from nbconvex.database.text_index import TextIndex
from nbconvex.errors import ConflictError
from nbconvex.storage.memory import MemoryPersistence
from nbconvex.values.content_indexes import SearchIndexDefinition
from nbconvex.values.schema import SchemaDefinition, define_schema, table
from nbconvex.values.validators import v
from tests.database.snapshot_checks import check_consistent
from tests.database.stores import contents, insert_all, open_database, write

BODY = SearchIndexDefinition("words", "body")


def schema(*, staged: bool = False, filter_fields: tuple[str, ...] = ()) -> SchemaDefinition:
    plain = table(v.any()).index("by_n", ["n"])
    searched = plain.search_index("words", search_field="body", filter_fields=filter_fields, staged=staged)
    return define_schema({"t": searched})


def words(database: Any) -> TextIndex:
    index: TextIndex = database.snapshot.table("t").content["words"]
    return index


def test_a_push_fills_the_index_keeps_it_and_drops_it() -> None:
    database = open_database()
    insert_all(database, "t", [{"body": "one two"}, {"body": "two"}, {}])
    database.push_schema(schema(staged=True))
    assert (words(database).documents, words(database).definition.staged) == (2, True)
    blocks = words(database).blocks
    database.push_schema(schema())
    assert (words(database).blocks, words(database).definition.staged) == (blocks, False), "only switched on"
    database.push_schema(schema(filter_fields=("n",)))
    assert words(database).blocks is not blocks, "with other fields it is another index"
    check_consistent(database.snapshot)
    weight = database.snapshot.memory_bytes
    database.push_schema(define_schema({"t": table(v.any()).index("by_n", ["n"])}))
    assert not database.snapshot.table("t").content
    assert database.snapshot.memory_bytes < weight


def test_an_index_is_there_again_after_opening_the_store() -> None:
    persistence = MemoryPersistence()
    database = open_database(persistence, schema=schema(filter_fields=("n",)))
    ids = insert_all(database, "t", [{"body": f"word{n % 3} all", "n": n} for n in range(20)])
    write(database, lambda tx: [tx.patch(ids[0], {"body": "other"}), tx.delete(ids[1])])
    again = open_database(persistence, seed=2)
    assert contents(again.snapshot) == contents(database.snapshot)
    assert again.snapshot.memory_bytes == database.snapshot.memory_bytes


def test_a_transaction_sees_its_own_writes_and_its_rollback_undoes_them() -> None:
    database = open_database(schema=schema())
    insert_all(database, "t", [{"body": "one"}])
    transaction = database.begin(writable=True)

    def found() -> list[str]:
        index: Any = transaction.table("t").content["words"]
        return [word.decode() for word, _ in index.words_with(b"")]

    transaction.insert("t", {"body": "two"})
    savepoint = transaction.savepoint()
    transaction.insert("t", {"body": "three"})
    assert found() == ["one", "three", "two"]
    transaction.rollback(savepoint)
    assert found() == ["one", "two"]
    assert words(database).documents == 1, "nobody else sees it"


def test_a_commit_touches_words_beside_the_keys_of_ordered_indexes() -> None:
    database = open_database(schema=schema())
    head = database.head
    [one] = insert_all(database, "t", [{"body": "one two", "n": 1}])
    write(database, lambda tx: tx.patch(one, {"body": "two three"}))
    number = database.snapshot.table("t").number
    records = database.write_log.since(head)
    assert records is not None
    touched = [[(index, key) for index, key in each.pairs()] for each in records]
    found = [sorted(key[1:-17].decode() for index, key in each if index == (number, "words")) for each in touched]
    assert found == [["one", "two"], ["one", "three", "two"]]
    ordered = [[index[1] for index, _ in each if index[1] != "words"] for each in touched]
    assert ordered == [["by_id", "by_creation_time", "by_n"]] * 2


def test_an_index_is_kept_as_long_as_its_definition_is_the_same() -> None:
    made = made_for(BODY)
    assert contents_of({"words": made}, {"words": BODY}, list)["words"] is made
    other = SearchIndexDefinition("words", "title")
    assert contents_of({"words": made}, {"words": other}, list)["words"].definition == other
    assert contents_of({"words": made}, {}, list) == {}


def test_a_definition_that_no_index_serves_is_said_so() -> None:
    class Odd:
        KIND = "odd index"

    with pytest.raises(TypeError, match="no index keeps a odd index"):
        made_for(Odd())  # type: ignore[arg-type]


def test_texts_of_one_commit_share_the_keys_of_their_words() -> None:
    database = open_database(schema=schema())
    head = database.head
    insert_all(database, "t", [{"body": f"all word{n % 10}"} for n in range(100)])
    [record] = database.write_log.since(head) or ()
    words_touched = sorted(key[1:-17].decode() for index, key in record.pairs() if index[1] == "words")
    assert words_touched == ["all", *(f"word{n}" for n in range(10))]
    assert not record.dropped


def test_a_commit_of_very_many_words_concerns_whoever_read_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content_index_module, "TOUCHED_MAX", 50)
    database = open_database(schema=schema())
    reader = database.begin(writable=True)
    reader.query("t").with_search_index("words", lambda q: q.search("body", "nothing")).collect()
    reader.insert("other", {})
    head = database.head
    insert_all(database, "t", [{"body": f"word{n}"} for n in range(60)])
    [record] = database.write_log.since(head) or ()
    assert record.dropped == {database.snapshot.table("t").number}
    assert not [index for index, _ in record.pairs() if index[1] == "words"]
    with pytest.raises(ConflictError):
        database.commit(reader)
