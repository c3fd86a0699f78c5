"""One page of documents: nbconvex.dashboard.table_page."""

from __future__ import annotations

from typing import Any

import pytest

from nbconvex.backend import Backend
from nbconvex.dashboard import table_page
from nbconvex.dashboard.table_edits import TableEdits
from nbconvex.dashboard.table_page import Condition, page_of, plan_of, read_conditions
from nbconvex.errors import CallerError, IndexInvalidError
from nbconvex.values.scalars import Int64


def asked(*conditions: tuple[str, str, str]) -> list[dict[str, str]]:
    return [{"field": field, "comparison": comparison, "value": value} for field, comparison, value in conditions]


def validator(store: Backend) -> Any:
    return store.database.snapshot.schema.validator_of("messages")


def find(store: Backend, *conditions: tuple[str, str, str], order: str = "", cursor: Any = None, rows: int = 100):
    snapshot = store.database.snapshot
    plan = plan_of(snapshot.table("messages"), read_conditions(asked(*conditions), validator(store)), order)
    tx = store.database.begin_at(snapshot)
    page = page_of(tx, "messages", plan, is_descending=False, cursor=cursor, rows=rows)
    return plan, page


@pytest.fixture
def filled(store) -> Backend:
    edits = TableEdits(store)
    for at in range(20):
        score = "" if at % 5 == 0 else f', "score": {at}'
        edits.insert("messages", f'{{"channel": "c{at % 2}", "body": "text {at}", "likes": {at}{score}}}')
    return store


def bodies(page: dict[str, Any]) -> list[int]:
    return [int(each["body"].removeprefix("text ")) for each in page["page"]]


def test_values_are_read_as_the_schema_means_them(store) -> None:
    given = asked(("channel", "eq", "5"), ("likes", "gt", "5"), ("_creationTime", "gte", "2026-01-31"))
    found = read_conditions(given, validator(store))
    assert found[0].value == "5"
    assert found[1].value == Int64(5)
    assert found[2].value.year == 2026
    assert read_conditions(asked(("any", "eq", "5")), None)[0].value == 5


@pytest.mark.parametrize(
    ("conditions", "index", "ranged", "rest"),
    [
        ([], "by_creation_time", (), 0),
        ([("channel", "eq", "c1")], "by_channel", (("eq", "channel", "c1"),), 0),
        ([("channel", "eq", "c1"), ("body", "eq", "x")], "by_channel", (("eq", "channel", "c1"),), 1),
        ([("body", "eq", "x")], "by_creation_time", (), 1),
        ([("channel", "starts_with", "c")], "by_channel", (("starts_with", "channel", "c"),), 0),
        ([("score", "absent", "")], "by_score", (("eq", "score", table_page.UNSET),), 0),
        ([("score", "neq", "5")], "by_creation_time", (), 1),
    ],
)
def test_an_index_is_used_where_one_helps(store, conditions, index, ranged, rest) -> None:
    plan = plan_of(store.database.snapshot.table("messages"), read_conditions(asked(*conditions), validator(store)))
    assert (plan.index, plan.ranged, len(plan.rest)) == (index, ranged, rest)


@pytest.mark.parametrize(
    ("conditions", "found"),
    [
        ([("channel", "eq", "c1"), ("likes", "lt", "6")], [1, 3, 5]),
        ([("likes", "gte", "18")], [18, 19]),
        ([("score", "lt", "4")], [1, 2, 3]),
        ([("score", "gt", "17"), ("score", "lte", "18")], [18]),
        ([("score", "absent", "")], [0, 5, 10, 15]),
        ([("score", "exists", ""), ("likes", "lt", "3")], [1, 2]),
        ([("body", "contains", "19")], [19]),
        ([("body", "starts_with", "text 1"), ("likes", "gt", "17")], [18, 19]),
        ([("body", "neq", "text 0"), ("likes", "lt", "2")], [1]),
        ([("body", "lt", "5")], []),
        ([("_creationTime", "gt", "2100-01-01")], []),
    ],
)
def test_what_fits_is_found_through_an_index_or_not(filled, conditions, found) -> None:
    _, page = find(filled, *conditions)
    assert sorted(bodies(page)) == found


def test_a_comparison_holds_of_values_of_its_own_type_only(store) -> None:
    store.push_schema({})
    edits = TableEdits(store)
    for text in ("1", "Int64(1)", "true", '"1"', 'b"1"', "null"):
        edits.insert("messages", f'{{"a": {text}}}')
    edits.insert("messages", "{}")
    for value, least in (("0", 1), ("Int64(0)", Int64(1)), ("false", True), ('"0"', "1"), ('b"0"', b"1")):
        snapshot = store.database.snapshot
        plan = plan_of(snapshot.table("messages"), read_conditions(asked(("a", "gt", value)), None))
        tx = store.database.begin_at(snapshot)
        page = page_of(tx, "messages", plan, is_descending=False, cursor=None, rows=10)["page"]
        assert [each["a"] for each in page] == [least]


def test_two_bounds_of_different_types_let_nothing_through(filled) -> None:
    _, page = find(filled, ("score", "gt", "1"), ("score", "lt", "true"))
    assert bodies(page) == []


def test_an_index_that_is_asked_for_gives_the_order(filled) -> None:
    plan, page = find(filled, ("channel", "eq", "c1"), order="by_score")
    assert plan.index == "by_score"
    assert bodies(page) == [5, 15, 1, 3, 7, 9, 11, 13, 17, 19]
    assert page["found"] is None


def test_how_many_there_are_is_known_where_the_index_says_it(filled) -> None:
    _, page = find(filled, ("channel", "eq", "c1"), rows=3)
    assert (len(page["page"]), page["found"], page["looked_at"], page["isDone"]) == (3, 10, 3, False)


def test_pages_follow_each_other_without_a_gap(filled) -> None:
    seen, cursor = [], None
    while True:
        _, page = find(filled, ("body", "contains", "1"), cursor=cursor, rows=4)
        seen += bodies(page)
        if page["isDone"]:
            break
        cursor = page["continueCursor"]
    assert seen == [1, *range(10, 20)]


def test_a_search_without_an_index_ends_and_goes_on_where_it_was(filled, monkeypatch) -> None:
    monkeypatch.setattr(table_page, "LOOKED_AT_MAX", 8)
    _, page = find(filled, ("body", "eq", "text 12"))
    assert (bodies(page), page["looked_at"], page["isDone"]) == ([], 8, False)
    _, page = find(filled, ("body", "eq", "text 12"), cursor=page["continueCursor"])
    assert bodies(page) == [12]


def test_one_document_is_found_by_its_id(filled) -> None:
    document = find(filled)[1]["page"][3]
    plan, page = find(filled, ("_id", "eq", f" {document['_id']} "))
    assert (plan.index, bodies(page)) == ("by_id", [3])
    with pytest.raises(IndexInvalidError, match="an id of this table"):
        find(filled, ("_id", "eq", "nonsense"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([5], "a condition is an object"),
        (asked(("", "eq", "1")), "needs the name of a field"),
        (asked(("a", "like", "1")), "no comparison 'like'"),
        (asked(("a", "starts_with", "5")), "is for texts"),
        (asked(*[("a", "eq", "1")] * 11), "too many"),
        ([{"field": 5, "comparison": "eq"}], "field must be a text"),
    ],
)
def test_conditions_that_mean_nothing_are_refused(given, said) -> None:
    with pytest.raises(CallerError, match=said):
        read_conditions(given, None)


def test_an_order_that_there_is_not_is_refused(filled) -> None:
    with pytest.raises(CallerError, match='no index "by_mood"'):
        find(filled, order="by_mood")


def test_a_condition_knows_where_its_type_ends() -> None:
    assert Condition("a", "eq", 5).ends is None
    assert Condition("a", "lt", [1]).ends is None
    assert Condition("a", "lt", 5).ends == Condition("a", "gt", 5.5).ends
