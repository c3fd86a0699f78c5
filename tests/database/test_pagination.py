"""Pages: without gaps, without overlap, under every change in between."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbconvex.database.database import Database
from nbconvex.database.query import Query
from nbconvex.errors import CallerError, CursorInvalidError, LimitExceededError
from nbconvex.limits import Limits
from nbconvex.values.schema import define_schema, table
from nbconvex.values.validators import v
from tests.database.stores import insert_all, open_database, read, write

SCHEMA = define_schema(
    {"t": table(v.any()).index("by_author", ["author"]).index("by_x", ["x"]).index("by_xn", ["x", "n"])}
)
Chain = Callable[[Query], Query]
Page = dict[str, Any]


def whole(query: Query) -> Query:
    return query


def by_x(query: Query) -> Query:
    return query.with_index("by_x")


def open_with(*documents: dict[str, Any], limits: Limits | None = None) -> Database:
    database = open_database(schema=SCHEMA, limits=limits)
    insert_all(database, "t", documents)
    return database


def numbered(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"n": n, **more} for n in range(count)]


def page_of(database: Database, chain: Chain = whole, /, **options: Any) -> Page:
    return read(database, lambda tx: chain(tx.query("t")).paginate(**options))


def ns(page: Page) -> list[int]:
    return [document["n"] for document in page["page"]]


def pages_of(database: Database, chain: Chain = whole, **options: Any) -> Iterator[Page]:
    """Pages until one says that it is the last."""
    cursor = None
    for _ in range(200):
        page = page_of(database, chain, cursor=cursor, **options)
        yield page
        if page["isDone"]:
            return
        cursor = page["continueCursor"]
    pytest.fail("the pages never came to an end")


@pytest.mark.case("pagination/basic_pages", "pagination/one_paginate_ok", "pagination/separate_calls_ok")
def test_pages_of_an_index_range() -> None:
    authors = ["sarah", "lee", "sarah", "sarah", "max", "sarah", "sarah"]
    database = open_with(*[{"n": n, "author": author} for n, author in enumerate(authors)])
    sarah: Chain = lambda q: q.with_index("by_author", author="sarah")  # noqa: E731
    first = page_of(database, sarah, num_items=2, cursor=None)
    assert (ns(first), first["isDone"]) == ([0, 2], False)
    second = page_of(database, sarah, num_items=4, cursor=first["continueCursor"])
    assert (ns(second), second["isDone"]) == ([3, 5, 6], True)


@pytest.mark.case("pagination/after_done")
def test_past_the_end_is_an_empty_page_that_is_done() -> None:
    database = open_with(*numbered(2))
    last = page_of(database, num_items=5)
    again = page_of(database, num_items=5, cursor=last["continueCursor"])
    assert again == {"page": [], "isDone": True, "continueCursor": last["continueCursor"]}


def test_the_end_stays_the_end_when_more_is_inserted() -> None:
    database = open_with(*numbered(2))
    last = page_of(database, num_items=5)
    insert_all(database, "t", [{"n": 9}])
    assert page_of(database, num_items=5, cursor=last["continueCursor"])["page"] == []


@pytest.mark.case("pagination/exact_fill")
def test_a_page_filled_by_the_last_document_is_not_done_before_the_end_is_seen() -> None:
    database = open_with(*numbered(4))
    found = [(ns(page), page["isDone"]) for page in pages_of(database, num_items=4)]
    assert found == [([0, 1, 2, 3], False), ([], True)]


@pytest.mark.case("pagination/max_rows")
def test_a_page_that_may_read_few_rows_must_be_split() -> None:
    database = open_with(*numbered(10))
    page = page_of(database, num_items=10, maximum_rows_read=3)
    assert (ns(page), page["pageStatus"], page["isDone"]) == ([0, 1, 2], "SplitRequired", False)
    assert "splitCursor" in page
    rest = page_of(database, num_items=10, cursor=page["continueCursor"])
    assert ns(page) + ns(rest) == list(range(10))


@pytest.mark.case("pagination/max_bytes")
def test_at_least_one_row_is_read_however_few_bytes_are_allowed() -> None:
    database = open_with(*numbered(5))
    pages = list(pages_of(database, num_items=5, maximum_bytes_read=1))
    assert (ns(pages[0]), pages[0]["pageStatus"], pages[0]["isDone"]) == ([0], "SplitRequired", False)
    assert [ns(page) for page in pages] == [[0], [1], [2], [3], [4], []]


@pytest.mark.case("pagination/filter_and_max_rows")
def test_filtered_rows_count_as_read() -> None:
    database = open_with(*numbered(10))
    even_pairs: Chain = lambda q: q.filter(lambda d: d["n"] % 3 == 0)  # noqa: E731
    page = page_of(database, even_pairs, num_items=10, maximum_rows_read=5)
    assert (ns(page), page["pageStatus"], page["isDone"]) == ([0, 3], "SplitRequired", False)
    assert ns(page_of(database, even_pairs, num_items=10, cursor=page["continueCursor"])) == [6, 9]


def test_a_page_whose_rows_are_all_filtered_is_empty_and_goes_on() -> None:
    database = open_with(*numbered(10))
    late: Chain = lambda q: q.filter(lambda d: d["n"] > 7)  # noqa: E731
    pages = list(pages_of(database, late, num_items=1, maximum_rows_read=3))
    assert [number for page in pages for number in ns(page)] == [8, 9]
    assert (ns(pages[0]), pages[0]["isDone"], "splitCursor" in pages[0]) == ([], False, False)


@pytest.mark.case("pagination/delete_cursor_document")
def test_a_cursor_survives_the_deletion_of_its_document() -> None:
    database = open_with(*numbered(5))
    first = page_of(database, num_items=2)
    write(database, lambda tx: tx.delete(first["page"][1]["_id"]))
    assert ns(page_of(database, num_items=2, cursor=first["continueCursor"])) == [2, 3]


@pytest.mark.case("pagination/delete_with_index", "pagination/delete_with_composite_index")
@pytest.mark.parametrize("index", ["by_x", "by_xn"])
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_deletions_between_pages_skip_and_repeat_nothing(index: str, order: str) -> None:
    database = open_with(*[{"n": n, "x": "same"} for n in range(8)])
    chain: Chain = lambda q: q.with_index(index, x="same").order(order)  # noqa: E731
    found: list[int] = []
    cursor = None
    for size in (1, 2, 9):
        page = page_of(database, chain, num_items=size, cursor=cursor)
        found += ns(page)
        cursor = page["continueCursor"]
        for document in page["page"]:
            write(database, lambda tx, gone=document["_id"]: tx.delete(gone))
    assert found == (list(range(8)) if order == "asc" else list(range(7, -1, -1)))


@pytest.mark.case("pagination/insert_before_cursor", "pagination/insert_after_cursor")
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_inserts_before_a_cursor_shift_nothing_and_those_behind_it_come_next(order: str) -> None:
    database = open_with(*[{"n": n, "x": 10 * n} for n in range(6)])
    chain: Chain = lambda q: by_x(q).order(order)  # noqa: E731
    first = page_of(database, chain, num_items=3)
    before, after = (5, 25) if order == "asc" else (45, 25)
    insert_all(database, "t", [{"n": 100, "x": before}, {"n": 200, "x": after}])
    rest = [3, 4, 5] if order == "asc" else [2, 1, 0]
    assert ns(page_of(database, chain, num_items=9, cursor=first["continueCursor"])) == [200, *rest]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param({"num_items": 0}, "at least 1", marks=pytest.mark.case("pagination/zero_items")),
        pytest.param({"num_items": math.nan}, "positive number", marks=pytest.mark.case("pagination/nan_items")),
        pytest.param({"num_items": 32_001}, "too many items", marks=pytest.mark.case("pagination/too_many_items")),
        ({"num_items": -1}, "positive number"),
        ({"num_items": math.inf}, "too many items"),
        ({}, "num_items"),
        ({"num_items": True}, "num_items"),
        ({"num_items": "5"}, "num_items"),
        pytest.param(
            {"num_items": 1, "maximum_rows_read": 0},
            "greater than 0",
            marks=pytest.mark.case("pagination/zero_max_rows"),
        ),
        ({"num_items": 1, "maximum_bytes_read": 0}, "greater than 0"),
        ({"num_items": 1, "maximum_rows_read": math.nan}, "greater than 0"),
        ({"num_items": 1, "maximum_rows_read": "many"}, "greater than 0"),
        ({"num_items": 1, "page": 2}, "no option 'page'"),
    ],
)
def test_options_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(CallerError, match=words):
        page_of(open_with(*numbered(3)), **options)


def test_an_infinite_maximum_is_none() -> None:
    page = page_of(open_with(*numbered(3)), num_items=2, maximum_rows_read=math.inf, maximum_bytes_read=math.inf)
    assert len(page["page"]) == 2


def test_a_client_s_options_are_taken_as_they_come() -> None:
    database = open_with(*numbered(5))
    options = {"numItems": 2.0, "cursor": None, "id": 17, "endCursor": None, "maximumRowsRead": None}
    first = read(database, lambda tx: tx.query("t").paginate(options))
    assert ns(first) == [0, 1]
    second = read(database, lambda tx: tx.query("t").paginate({**options, "cursor": first["continueCursor"]}))
    assert ns(second) == [2, 3]


@pytest.mark.case("pagination/garbage_cursor")
@pytest.mark.parametrize("cursor", ["abc", "", 5, "é", {"a": 1}])
def test_what_is_no_cursor_is_refused(cursor: Any) -> None:
    with pytest.raises(CursorInvalidError) as raised:
        page_of(open_with(*numbered(3)), num_items=1, cursor=cursor)
    assert str(raised.value).startswith("InvalidCursor")


@pytest.mark.case("pagination/foreign_cursor")
@pytest.mark.parametrize(
    "other",
    [
        lambda q: q.order("desc"),
        by_x,
        lambda q: q.with_index("by_x", x=1),
        lambda q: q.filter(lambda q: q.eq(q.field("n"), 1)),
    ],
)
def test_a_cursor_of_another_query_is_refused(other: Chain) -> None:
    database = open_with(*numbered(3))
    cursor = page_of(database, num_items=1)["continueCursor"]
    with pytest.raises(CursorInvalidError) as raised:
        page_of(database, other, num_items=1, cursor=cursor)
    assert str(raised.value).startswith("InvalidCursor")
    assert raised.value.data == {"isConvexSystemError": True, "paginationError": "InvalidCursor"}
    with pytest.raises(CursorInvalidError):
        page_of(database, other, num_items=1, end_cursor=cursor)


def test_a_cursor_does_not_outlive_a_change_of_its_index_s_fields() -> None:
    """Its key would be a position in another order. Source: semantics 5, "its JSON and indexed fields"."""
    database = open_with(*[{"n": n, "x": n} for n in range(4)])
    cursor = page_of(database, by_x, num_items=2)["continueCursor"]
    database.push_schema(define_schema({"t": table(v.any()).index("by_x", ["n"])}))
    with pytest.raises(CursorInvalidError):
        page_of(database, by_x, num_items=2, cursor=cursor)


def test_a_function_paginates_once_unless_it_says_otherwise() -> None:
    database = open_with(*numbered(5))
    transaction = database.begin(writable=False)
    transaction.query("t").paginate(num_items=1)
    with pytest.raises(CallerError, match="single paginated query"):
        transaction.query("t").paginate(num_items=1)
    assert ns(transaction.query("t").paginate(num_items=3, allow_several=True)) == [0, 1, 2]


# -- splitting ---------------------------------------------------------------------------------------------------------


@pytest.mark.case("pagination/split_recommended")
@pytest.mark.parametrize(
    ("items", "options", "status"),
    [
        (8, {"maximum_rows_read": 10}, "SplitRecommended"),
        (7, {"maximum_rows_read": 10}, None),
        (8, {}, None),
        (8, {"maximum_bytes_read": 640}, "SplitRecommended"),
        (10, {"maximum_rows_read": 9}, "SplitRequired"),
    ],
)
def test_a_page_near_its_limits_should_be_split(items: int, options: dict[str, int], status: str | None) -> None:
    database = open_with(*numbered(20))
    page = page_of(database, num_items=items, **options)
    assert page.get("pageStatus") == status
    assert "splitCursor" in page
    halves = page_of(database, num_items=99, end_cursor=page["splitCursor"])
    assert abs(len(halves["page"]) - items / 2) <= 1


def test_a_page_of_very_many_documents_should_be_split() -> None:
    database = open_with(*numbered(6), limits=Limits(page_split_documents=4))
    assert page_of(database, num_items=5)["pageStatus"] == "SplitRecommended"
    assert "pageStatus" not in page_of(database, num_items=4)


@pytest.mark.parametrize(("items", "has_split"), [(1, False), (2, False), (3, True)])
def test_a_page_of_two_documents_is_not_split(items: int, has_split: bool) -> None:
    assert ("splitCursor" in page_of(open_with(*numbered(9)), num_items=items)) == has_split


@pytest.mark.case("pagination/split_halves_equal_whole")
@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("step", [1, 2])
def test_two_halves_equal_the_page(order: str, step: int) -> None:
    database = open_with(*[{"n": n, "x": n % 5} for n in range(40)])
    chain: Chain = lambda q: by_x(q).order(order).filter(lambda q: q.eq(q.mod(q.field("n"), step), 0))  # noqa: E731
    start = page_of(database, chain, num_items=3)["continueCursor"]
    page = page_of(database, chain, num_items=7, cursor=start)
    split, end = page["splitCursor"], page["continueCursor"]
    left = page_of(database, chain, num_items=1, cursor=start, end_cursor=split)
    right = page_of(database, chain, num_items=1, cursor=split, end_cursor=end)
    assert ns(left) + ns(right) == ns(page)
    assert (left["continueCursor"], right["continueCursor"]) == (split, end)
    assert len(ns(left)) in {3, 4}


def test_up_to_an_end_everything_is_read_whatever_the_limits_of_the_page() -> None:
    database = open_with(*numbered(10))
    end = page_of(database, num_items=8)["continueCursor"]
    page = page_of(database, num_items=1, end_cursor=end, maximum_rows_read=1, maximum_bytes_read=1)
    assert (ns(page), page["isDone"], page["continueCursor"]) == (list(range(8)), False, end)


def test_a_page_up_to_an_end_that_uses_much_should_be_split() -> None:
    """A watched page grows between its ends; only its status tells the client to split it."""
    database = open_with(*numbered(10, body="x" * 100))
    end = page_of(database, num_items=8)["continueCursor"]
    for options in ({"maximum_rows_read": 5}, {"maximum_bytes_read": 500}):
        page = page_of(database, num_items=1, end_cursor=end, **options)
        assert page["pageStatus"] == "SplitRecommended"


def test_an_end_before_the_start_gives_nothing() -> None:
    database = open_with(*numbered(6))
    early, late = (page_of(database, num_items=size)["continueCursor"] for size in (2, 4))
    page = page_of(database, num_items=9, cursor=late, end_cursor=early)
    assert page["page"] == []


def test_pages_count_against_the_limits_of_the_transaction() -> None:
    database = open_with(*numbered(9), limits=Limits(documents_read=5))
    end = page_of(database, num_items=3)["continueCursor"]
    assert len(page_of(database, num_items=9, end_cursor=end)["page"]) == 3
    transaction = database.begin(writable=False)
    transaction.query("t").take(4)
    with pytest.raises(LimitExceededError):
        transaction.query("t").paginate(num_items=3)


# -- a watched page ----------------------------------------------------------------------------------------------------


def rerun(database: Database, page_end: str | None, chain: Chain = whole, **options: Any) -> tuple[Page, str | None]:
    """A page as a live query runs it: with the end it had before, and what to keep for the next time."""
    transaction = database.begin(writable=False)
    transaction.page_end = page_end
    return chain(transaction.query("t")).paginate(**options), transaction.page_end


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_a_watched_page_keeps_its_end_and_grows_and_shrinks(order: str) -> None:
    database = open_with(*[{"n": n, "x": 10 * n} for n in range(6)])
    chain: Chain = lambda q: by_x(q).order(order)  # noqa: E731
    first, end = rerun(database, None, chain, num_items=3)
    assert end == first["continueCursor"]
    next_before = page_of(database, chain, num_items=9, cursor=end)
    inside, outside = (15, 25) if order == "asc" else (35, 25)
    insert_all(database, "t", [{"n": 100, "x": inside}, {"n": 200, "x": outside}])
    grown, end_again = rerun(database, end, chain, num_items=3)
    assert (len(grown["page"]), grown["continueCursor"], end_again) == (4, end, end)
    assert 100 in ns(grown)
    next_after = page_of(database, chain, num_items=9, cursor=end)
    assert ns(next_after) == [200, *ns(next_before)]
    for document in grown["page"]:
        write(database, lambda tx, gone=document["_id"]: tx.delete(gone))
    shrunk, _ = rerun(database, end, chain, num_items=3)
    assert (shrunk["page"], shrunk["isDone"], shrunk["continueCursor"]) == ([], False, end)


def test_a_watched_last_page_stays_the_last_and_takes_what_is_inserted() -> None:
    database = open_with(*numbered(2))
    _, end = rerun(database, None, num_items=3)
    insert_all(database, "t", numbered(5))
    page, _ = rerun(database, end, num_items=3)
    assert (ns(page), page["isDone"]) == ([0, 1, 0, 1, 2, 3, 4], True)


def test_only_the_first_page_of_a_function_keeps_its_end() -> None:
    database = open_with(*numbered(9))
    transaction = database.begin(writable=False)
    first = transaction.query("t").paginate(num_items=2)
    transaction.query("t").order("desc").paginate(num_items=4, allow_several=True)
    assert transaction.page_end == first["continueCursor"]
    again = database.begin(writable=False)
    again.page_end = transaction.page_end
    again.query("t").paginate(num_items=2)
    assert len(again.query("t").order("desc").paginate(num_items=4, allow_several=True)["page"]) == 4


# -- against the whole -------------------------------------------------------------------------------------------------


@given(
    values=st.lists(st.sampled_from([None, 0, 1, 1.0, "a", "a\0", b"\xff"]), max_size=25),
    size=st.integers(1, 6),
    rows=st.none() | st.integers(1, 4),
    index=st.sampled_from([None, "by_x", "by_xn", "by_id", "by_creation_time"]),
    order=st.sampled_from(["asc", "desc"]),
    keeps=st.sampled_from([1, 2, 3]),
)
def test_all_pages_together_are_the_query(
    values: list[Any], size: int, rows: int | None, index: str | None, order: str, keeps: int
) -> None:
    database = open_with(*[{"n": n, "x": x} for n, x in enumerate(values)])

    def chain(query: Query) -> Query:
        query = query if index is None else query.with_index(index)
        return query.order(order).filter(lambda d: d["n"] % keeps == 0)

    expected = read(database, lambda tx: chain(tx.query("t")).collect())
    pages = list(pages_of(database, chain, num_items=size, maximum_rows_read=rows))
    assert [document for page in pages for document in page["page"]] == expected
    cursor = None
    for page in pages:
        again = page_of(database, chain, num_items=1, cursor=cursor, end_cursor=page["continueCursor"])
        assert (again["page"], again["isDone"]) == (page["page"], page["isDone"])
        cursor = page["continueCursor"]
