"""Searches in transactions: what they find, what they count as read, what is said about wrong arguments."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbconvex.database import bulk
from nbconvex.database.database import Database
from nbconvex.database.transaction import Transaction
from nbconvex.database.vector_search import vector_search
from nbconvex.errors import ConflictError, NbconvexError
from nbconvex.limits import Limits
from nbconvex.storage.memory import MemoryPersistence
from nbconvex.values.codec import decode_document
from nbconvex.values.scalars import UNSET, Int64
from nbconvex.values.schema import define_schema, table
from nbconvex.values.validators import v
from tests.database.snapshot_checks import check_consistent
from tests.database.stores import contents, insert_all, open_database, write
from tests.database.vectors import is_vector, require_nearest

MOVIES = table(v.any()).vector_index("by_v", vector_field="v", dimensions=3, filter_fields=["genre"])
SCHEMA = define_schema(
    {
        "movies": MOVIES.vector_index("by_w", vector_field="w.x", dimensions=2).index("by_genre", ["genre"]),
        "log": table(v.any()),
        "years": table({"v": v.array(v.number()), "year": v.int64()})
        .vector_index("by_v", vector_field="v", dimensions=2, filter_fields=["year"])
        .vector_index("staged", vector_field="v", dimensions=2, staged=True),
    }
)
Search = Callable[[Transaction], Any]


def search(tx: Transaction, vector: Any = (1, 0, 0), table: Any = "movies", index: Any = "by_v", **more: Any) -> Any:
    return vector_search(tx, table, index, vector, maximum=("vector_results", 256), **more)


def found(database: Database, **more: Any) -> list[str]:
    return [each["_id"] for each in search(database.begin(writable=False), **more)]


# -- what is found ---------------------------------------------------------------------------------------------------


def test_results_are_ids_and_scores() -> None:
    database = open_database(schema=SCHEMA)
    ids = insert_all(database, "movies", [{"v": [0, 1, 0]}, {"v": [2, 0, 0], "title": "x"}, {"title": "none"}])
    assert search(database.begin(writable=False)) == [{"_id": ids[1], "_score": 1.0}, {"_id": ids[0], "_score": 0.0}]
    assert found(database, limit=1) == [ids[1]]
    assert found(database, min_score=0.5) == [ids[1]]
    assert found(database, limit=1.0) == [ids[1]], "a whole number is one, however it came"


def test_a_dotted_field_and_a_second_index_are_searched_on_their_own() -> None:
    database = open_database(schema=SCHEMA)
    ids = insert_all(database, "movies", [{"w": {"x": [0, 1]}}, {"w": {"x": [1, 1]}, "v": [1, 0, 0]}, {"w": [1, 2]}])
    assert found(database, vector=[1, 0], index="by_w") == [ids[1], ids[0]]
    assert found(database) == [ids[1]]


def test_an_int_in_a_filter_on_a_field_of_int64_is_meant_as_one() -> None:
    database = open_database(schema=SCHEMA)
    ids = insert_all(database, "years", [{"v": [1, 0], "year": 1999}, {"v": [1, 0], "year": Int64(7)}])
    assert found(database, vector=[1, 0], table="years", filter=lambda q: q.eq("year", 1999)) == [ids[0]]


def test_own_writes_are_found_and_undone_with_their_savepoint() -> None:
    database = open_database(schema=SCHEMA)
    (kept,) = insert_all(database, "movies", [{"v": [0, 1, 0]}])
    tx = database.begin(writable=True)
    first = tx.insert("movies", {"v": [1, 0, 0]})
    assert [each["_id"] for each in search(tx)] == [first, kept]
    savepoint = tx.savepoint()
    tx.delete(kept)
    tx.patch(first, {"v": UNSET})
    second = tx.insert("movies", {"v": [1, 1, 1]})
    assert [each["_id"] for each in search(tx)] == [second]
    tx.rollback(savepoint)
    assert [each["_id"] for each in search(tx)] == [first, kept]
    assert found(database) == [kept], "nobody else sees them"


def test_a_snapshot_is_searched_as_it_was() -> None:
    database = open_database(schema=SCHEMA)
    (first,) = insert_all(database, "movies", [{"v": [1, 0, 0]}])
    before = database.snapshot
    (second,) = insert_all(database, "movies", [{"v": [1, 0, 0.5]}])
    write(database, lambda tx: tx.delete(first))
    assert found(database) == [second]
    assert [each["_id"] for each in search(database.begin_at(before))] == [first]


def test_a_store_that_is_opened_again_finds_the_same() -> None:
    persistence = MemoryPersistence()
    database = open_database(persistence, schema=SCHEMA)
    insert_all(database, "movies", [{"v": [n, 1, 0], "genre": n % 2} for n in range(20)])
    write(database, lambda tx: tx.delete(tx.query("movies").first()["_id"]))
    check_consistent(database.snapshot)
    expected = search(database.begin(writable=False), filter=lambda q: q.eq("genre", 1))
    again = open_database(persistence)
    assert contents(again.snapshot) == contents(database.snapshot)
    assert search(again.begin(writable=False), filter=lambda q: q.eq("genre", 1)) == expected != []


def test_an_index_that_comes_later_has_what_was_there() -> None:
    database = open_database(schema=define_schema({"movies": table(v.any())}))
    ids = insert_all(database, "movies", [{"v": [0, 1, 0]}, {"v": [1, 0, 0]}])
    database.push_schema(SCHEMA)
    assert found(database) == ids[::-1]
    check_consistent(database.snapshot)
    index = database.snapshot.table("movies").content["by_v"]
    assert index.matrix_bytes > 0
    database.push_schema(define_schema({"movies": MOVIES.index("by_title", ["title"])}))
    kept = database.snapshot.table("movies").content["by_v"]
    assert kept.matrix_bytes == index.matrix_bytes, "an index that stays keeps its matrix"


@pytest.mark.parametrize("mode", ["append", "replace"])
@pytest.mark.parametrize("writes_max", [0, 4_000], ids=["table made anew", "ordinary writes"])
def test_a_bulk_load_is_found_and_concerns_who_searched(
    monkeypatch: pytest.MonkeyPatch, mode: Any, writes_max: int
) -> None:
    monkeypatch.setattr(bulk, "_WRITES_MAX", writes_max)
    database = open_database(schema=SCHEMA)
    (before,) = insert_all(database, "movies", [{"v": [1, 0, 0]}])
    assert found(database) == [before]
    old = database.snapshot
    tx = database.begin(writable=True)
    search(tx)
    tx.insert("log", {})
    load = database.begin_bulk()
    into = load.open("movies", mode)
    ids = [into.add({"v": [1, number, 0], "genre": number % 2}) for number in range(1, 30)]
    database.commit_bulk(load)
    assert found(database, limit=3) == ([before] if mode == "append" else []) + ids[: 2 + (mode == "replace")]
    assert found(database, limit=2, filter=lambda q: q.eq("genre", 0)) == [ids[1], ids[3]]
    assert [each["_id"] for each in search(database.begin_at(old))] == [before]
    check_consistent(database.snapshot)
    with pytest.raises(ConflictError):
        database.commit(tx)


def test_a_table_without_documents_has_no_results() -> None:
    assert found(open_database(schema=SCHEMA)) == []


# -- what is read ----------------------------------------------------------------------------------------------------


def has_conflict(database: Database, reading: Search, change: Callable[[Transaction], Any]) -> bool:
    """Whether a mutation that searches and then writes elsewhere must be repeated because of `change`."""
    tx = database.begin(writable=True)
    reading(tx)
    tx.insert("log", {})
    write(database, change)
    try:
        database.commit(tx)
    except ConflictError:
        return True
    return False


def drama(tx: Transaction) -> Any:
    return search(tx, filter=lambda q: q.eq("genre", "drama"))


@pytest.mark.parametrize(
    ("reading", "change", "conflicts"),
    [
        (search, lambda tx, _: tx.insert("movies", {"v": [9, 9, 9]}), True),
        (search, lambda tx, _: tx.insert("movies", {"v": [9, 9]}), False),
        (search, lambda tx, _: tx.insert("movies", {"title": "x"}), False),
        (search, lambda tx, ids: tx.delete(ids[1]), True),
        (search, lambda tx, ids: tx.patch(ids[0], {"v": [0, 0, 1]}), True),
        (search, lambda tx, ids: tx.patch(ids[0], {"v": UNSET}), True),
        (search, lambda tx, ids: tx.patch(ids[0], {"title": "x"}), False),
        (search, lambda tx, ids: tx.patch(ids[2], {"v": [1, 2, 3]}), True),
        (search, lambda tx, _: tx.insert("log", {"v": [1, 0, 0]}), False),
        (drama, lambda tx, _: tx.insert("movies", {"v": [1, 0, 0], "genre": "drama"}), True),
        (drama, lambda tx, _: tx.insert("movies", {"v": [1, 0, 0], "genre": "noir"}), False),
        (drama, lambda tx, ids: tx.patch(ids[0], {"genre": "noir"}), True),
        (drama, lambda tx, ids: tx.patch(ids[1], {"genre": "drama"}), True),
        (drama, lambda tx, ids: tx.patch(ids[1], {"v": [1, 0, 0]}), False),
        (drama, lambda tx, ids: tx.patch(ids[0], {"title": "x"}), False),
        (lambda tx: search(tx, [1, 0], index="by_w"), lambda tx, ids: tx.patch(ids[0], {"v": [0, 0, 1]}), False),
    ],
)  # fmt: skip
def test_what_a_search_reads_is_its_part_of_the_index(reading: Search, change: Any, conflicts: bool) -> None:
    database = open_database(schema=SCHEMA)
    ids = insert_all(
        database, "movies", [{"v": [1, 0, 0], "genre": "drama"}, {"v": [0, 1, 0], "genre": "noir"}, {"title": "none"}]
    )
    assert has_conflict(database, reading, lambda tx: change(tx, ids)) is conflicts


def test_a_table_without_vector_index_pays_nothing_and_touches_nothing() -> None:
    database = open_database(schema=SCHEMA)
    insert_all(database, "log", [{"v": [1, 0, 0]}])
    (record,) = database.write_log.since(database.head - 1) or ()
    assert {index for (_, index), _ in record.pairs()} == {"by_id", "by_creation_time"}


def test_a_search_is_one_of_the_database_queries_of_its_transaction() -> None:
    database = open_database(schema=SCHEMA)
    tx = database.begin(writable=False)
    search(tx)
    assert tx.metrics.report()["databaseQueries"]["used"] == 1
    assert tx.metrics.report()["documentsRead"]["used"] == 0


# -- wrong arguments -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"vector": []}, "must be non-empty"),
        ({"vector": [1, 2]}, 'vector index "movies.by_v" has 3 dimensions, but the vector of this search has 2'),
        ({"vector": [1, 2, "x"]}, "is made of numbers, got 'x' at position 2"),
        ({"vector": [1, True, 2]}, "is made of numbers, got True at position 1"),
        ({"vector": [Int64(1), 2, 3]}, "is made of numbers"),
        ({"vector": [1, float("nan"), 2]}, "nan at position 1, which has no direction"),
        ({"vector": [float("-inf"), 0, 2]}, "-inf at position 0"),
        ({"vector": "abc"}, "is a list of numbers, got str"),
        ({"vector": {"vector": [1, 2, 3], "limit": 3}}, "takes its options by name"),
        ({"vector": {1, 2, 3}}, "sorted(x)"),
        ({"limit": 0}, "a whole number from 1 to 256, got 0"),
        ({"limit": 2.5}, "a whole number from 1 to 256, got 2.5"),
        ({"limit": True}, "a whole number from 1 to 256"),
        ({"limit": "10"}, "a whole number from 1 to 256"),
        ({"limit": 257}, "at most 256 results, 257 were asked for"),
        ({"min_score": "high"}, "min_score is a number between -1 and 1"),
        ({"min_score": float("nan")}, "min_score is a number"),
        ({"filter": lambda q: q.eq("title", "x")}, 'has no filter field "title"; its filter fields are [genre]'),
        ({"filter": lambda q: q.and_(q.eq("genre", "x"))}, "combination of eq and or_"),
        ({"index": "by_genre"}, "There is an index of that name, which is of another kind"),
        (
            {"index": "by_vv"},
            'Vector index movies.by_vv not found. Did you mean "by_v"? Vector indexes of "movies": by_v',
        ),
        ({"index": 7}, "the index is named by a string, got int"),
        ({"table": "log"}, '"log" has no vector index'),
        ({"table": "nowhere"}, '"nowhere" has no vector index'),
        ({"table": "_tables"}, "has no vector index"),
        ({"table": ["movies"]}, "the table is named by a string, got list"),
        ({"table": "years", "index": "staged", "vector": [1, 0]}, "currently staged and not available to query"),
    ],
)
def test_each_mistake_is_told_what_it_is(arguments: dict[str, Any], words: str) -> None:
    database = open_database(schema=SCHEMA)
    insert_all(database, "movies", [{"v": [1, 0, 0]}])
    with pytest.raises(NbconvexError) as raised:
        search(database.begin(writable=False), **arguments)
    assert words in str(raised.value)


def test_numpy_numbers_are_numbers_and_an_array_is_told_how_to_become_a_list() -> None:
    numpy = pytest.importorskip("numpy")
    database = open_database(schema=SCHEMA)
    ids = insert_all(database, "movies", [{"v": [1, 0, 0]}])
    assert found(database, vector=list(numpy.array([1, 0, 0], numpy.float32))) == ids
    with pytest.raises(NbconvexError, match="tolist"):
        found(database, vector=numpy.array([1.0, 0.0, 0.0]))


def test_conditions_have_a_limit_of_their_own() -> None:
    database = open_database(schema=SCHEMA, limits=Limits(vector_conditions=2))
    with pytest.raises(NbconvexError, match="vector_conditions: 2"):
        found(database, filter=lambda q: q.or_(*[q.eq("genre", n) for n in range(3)]))


# -- against a model -------------------------------------------------------------------------------------------------

VECTORS = st.lists(st.integers(-2, 2), min_size=3, max_size=3) | st.sampled_from([UNSET, [1, 2], None])
CHANGE = st.tuples(
    st.sampled_from(["insert", "insert", "patch", "genre", "delete"]), st.integers(0, 50), VECTORS, st.integers(0, 1)
)
STEP = st.tuples(st.sampled_from(["commit", "commit", "abandon", "search past"]), st.lists(CHANGE, max_size=4))


def change(tx: Transaction, ids: list[str], kind: str, which: int, vector: Any, genre: int) -> None:
    if kind == "insert" or not ids:
        ids.append(tx.insert("movies", {"genre": genre} if vector is UNSET else {"v": vector, "genre": genre}))
    elif kind == "delete":
        tx.delete(ids.pop(which % len(ids)))
    else:
        tx.patch(ids[which % len(ids)], {"v": vector} if kind == "patch" else {"genre": genre})


def check_search(tx: Transaction, rng: random.Random) -> None:
    """A search of a transaction finds what a naive one finds among the documents that the transaction reads."""
    genre = rng.choice([None, 0, 1])
    vector = [rng.randint(-2, 2) for _ in range(3)]
    limit = rng.choice([1, 3, 200])
    matching = None if genre is None else (lambda q: q.eq("genre", genre))
    results = search(tx, vector, limit=limit, filter=matching)
    stored = {
        document["_id"]: document["v"]
        for _, payload in (tx.table("movies") or pytest.fail("no table")).documents.entries()
        if is_vector((document := decode_document(payload)).get("v"), 3) and genre in {None, document["genre"]}
    }
    require_nearest([(each["_id"], each["_score"]) for each in results], stored, vector, limit)


@settings(max_examples=60)
@given(steps=st.lists(STEP, max_size=10), seed=st.integers(0, 2**32))
def test_any_history_is_searched_as_by_hand(steps: list[tuple[str, list[Any]]], seed: int) -> None:
    """Commits, transactions that are given up, and old snapshots, searched before, while and after."""
    rng = random.Random(seed)
    database = open_database(schema=SCHEMA)
    ids: list[str] = []
    past = [database.snapshot]
    for kind, changes in steps:
        if kind == "search past":
            check_search(database.begin_at(rng.choice(past)), rng)
        tx = database.begin(writable=True)
        mine = list(ids)
        for each in changes:
            change(tx, mine, *each)
            if rng.random() < 0.4:
                check_search(tx, rng)
        if kind == "commit":
            database.commit(tx)
            ids = mine
            past.append(database.snapshot)
        check_search(database.begin(writable=False), rng)
    check_consistent(database.snapshot)
