"""Documents by their place: against lists, what is read, and what moves the place."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbconvex.database.database import Database
from nbconvex.database.query import Query
from nbconvex.errors import CallerError
from nbconvex.values.schema import define_schema, table
from nbconvex.values.validators import v
from tests.database.stores import insert_all, open_database, read, write

SCHEMA = define_schema({
    "scores": table({"player": v.string(), "score": v.number()}).index("by_score", ["score"])
    .search_index("search_player", search_field="player")
})  # fmt: skip


def open_with(*scores: int) -> Database:
    database = open_database(schema=SCHEMA)
    insert_all(database, "scores", [{"player": f"p{at}", "score": score} for at, score in enumerate(scores)])
    return database


@given(
    st.lists(st.integers(0, 20), max_size=12), st.integers(-14, 14), st.integers(1, 5), st.integers(1, 5),
    st.booleans(), st.booleans(), st.sampled_from([None, 3, 30]), st.integers(0, 12),
)  # fmt: skip
def test_places_are_those_of_a_list(
    scores: list[int], position: int, number: int, size: int, is_descending: bool, has_filter: bool, low: int | None,
    committed: int,
) -> None:  # fmt: skip
    """With and without an index, a range, a filter, from both ends, and with documents that are not committed."""
    database = open_with(*scores[:committed])
    expected = scores if low is None else sorted(score for score in scores if score >= low)
    expected = [score for score in expected if not has_filter or score % 2]
    expected = expected[::-1] if is_descending else expected

    def run(tx: Any) -> tuple[Any, Any]:
        for score in scores[committed:]:
            tx.insert("scores", {"player": "new", "score": score})

        def query() -> Query:
            found = tx.query("scores")
            found = found if low is None else found.with_index("by_score", lambda q: q.gte("score", low))
            found = found.order("desc" if is_descending else "asc")
            return found.filter(lambda each: each["score"] % 2) if has_filter else found

        return query().at(position), query().page(number, size=size)

    one, page = write(database, run)
    at = expected[position] if -len(expected) <= position < len(expected) else None
    assert (one and one["score"]) == at
    assert [each["score"] for each in page.pop("page")] == expected[(number - 1) * size : number * size]
    assert page == {"number": number, "pages": -(-len(expected) // size), "total": len(expected)}


@pytest.mark.case("helpers/aggregate_at_rank")
def test_the_score_at_a_percentile_and_the_rank_of_a_score() -> None:
    database = open_with(*range(1_000, 0, -1))
    transaction = database.begin(writable=False)
    scores = lambda: transaction.query("scores").with_index("by_score")  # noqa: E731
    assert scores().at(int(0.95 * scores().count()))["score"] == 951
    assert transaction.metrics.documents_read == 1, "what is passed over is not read"
    better = transaction.query("scores").with_index("by_score", lambda q: q.gt("score", 990))
    assert better.count() + 1 == 11
    assert scores().page(20, size=50)["page"][-1]["score"] == 1_000
    assert transaction.metrics.documents_read == 51


BEFORE, BEHIND = "a score before all", "a score behind all"


@pytest.mark.parametrize(
    ("change", "is_concerned"),
    [
        (lambda tx, ids, scores: tx.insert("scores", {"player": "x", "score": scores[BEFORE]}), True),
        (lambda tx, ids, scores: tx.insert("scores", {"player": "x", "score": scores[BEHIND]}), False),
        (lambda tx, ids, scores: tx.delete(ids[0]), True),
        (lambda tx, ids, scores: tx.delete(ids[3]), False),
        (lambda tx, ids, scores: tx.patch(ids[0], {"score": scores[BEHIND]}), True),
        (lambda tx, ids, scores: tx.patch(ids[3], {"score": scores[BEFORE]}), True),
        (lambda tx, ids, scores: tx.patch(ids[0], {"player": "x"}), False),
        (lambda tx, ids, scores: tx.patch(ids[2], {"player": "x"}), True),
        (lambda tx, ids, scores: tx.patch(ids[3], {"player": "x"}), False),
    ],
)
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_who_comes_or_goes_before_a_place_moves_it(change: Any, is_concerned: bool, order: str) -> None:
    database = open_with(10, 20, 30, 40)
    scores = {BEFORE: 5, BEHIND: 99} if order == "asc" else {BEFORE: 99, BEHIND: 5}
    ordered = lambda tx: tx.query("scores").with_index("by_score").order(order)  # noqa: E731
    ids = [each["_id"] for each in read(database, lambda tx: ordered(tx).collect())]
    transaction = database.begin(writable=False)
    assert ordered(transaction).at(2)["_id"] == ids[2]
    database.note_fields(transaction.reads)
    before = database.head
    write(database, lambda tx: change(tx, ids, scores))
    [record] = database.write_log.since(before)  # type: ignore[misc]
    assert (transaction.reads.overlaps(record) is not None) == is_concerned


def test_a_search_has_places_too() -> None:
    database = open_database(schema=SCHEMA)
    insert_all(database, "scores", [{"player": "ada " * n, "score": n} for n in (1, 2, 3)])
    search = lambda tx: tx.query("scores").with_search_index("search_player", lambda q: q.search("player", "ada"))  # noqa: E731
    every = read(database, lambda tx: search(tx).collect())
    assert read(database, lambda tx: [search(tx).at(0), search(tx).at(-1), search(tx).at(3)]) == [
        every[0],
        every[2],
        None,
    ]
    assert read(database, lambda tx: search(tx).page(2, size=2)) == {
        "page": every[2:], "number": 2, "pages": 2, "total": 3,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda q: q.at(1.5), r"takes a position(.|\n)*\.at\(0\)"),
        (lambda q: q.at(True), "takes a position"),
        (lambda q: q.page(0, size=5), "the number is 1 or more"),
        (lambda q: q.page(1, size=0), "the size is 1 or more"),
        (lambda q: q.page(1, size=40_000), "at most"),
    ],
)
def test_a_wrong_place_is_explained(ask: Any, words: str) -> None:
    with pytest.raises(CallerError, match=words):
        read(open_with(1), lambda tx: ask(tx.query("scores")))


def test_a_table_that_does_not_exist_has_no_places() -> None:
    database = open_database()
    assert read(database, lambda tx: tx.query("none").at(0)) is None
    assert read(database, lambda tx: tx.query("none").page(1, size=5)) == {
        "page": [], "number": 1, "pages": 0, "total": 0,
    }  # fmt: skip
