"""A query chain with a search in it: what can follow, and what comes out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nbconvex.errors import CallerError
from tests.database.stores import read
from tests.database.test_search import open_with, search


@pytest.mark.case("text-search/take_and_filter")
def test_results_are_taken_filtered_and_looped_over() -> None:
    database = open_with(*[{"body": "hit " + "pad " * n, "n": n} for n in range(10)])

    def ns(run: Callable[[Any], list[dict[str, Any]]]) -> list[int]:
        return read(database, lambda tx: [each["n"] for each in run(search(tx, "hit"))])

    assert ns(lambda q: q.take(3)) == [0, 1, 2]
    assert ns(lambda q: q.filter(lambda d: d["n"] % 2 == 1).take(3)) == [1, 3, 5]
    assert ns(lambda q: q.filter(lambda q: q.gt(q.field("n"), 7)).collect()) == [8, 9]
    assert ns(list) == list(range(10))
    assert ns(lambda q: [q.first()]) == [0]
    assert ns(lambda q: [q.filter(lambda d: d["n"] == 4).unique()]) == [4]
    assert read(database, lambda tx: search(tx, "hit").count()) == 10
    assert read(database, lambda tx: search(tx, "miss").first()) is None
    with pytest.raises(CallerError, match="more than one result"):
        read(database, lambda tx: search(tx, "hit").unique())


def test_numbers_and_fields_of_what_was_found() -> None:
    database = open_with(*[{"body": "hit " + "pad " * n, "n": n} for n in range(5)], {"body": "other", "n": 100})
    assert read(database, lambda tx: search(tx, "hit").sum("n")) == 10
    assert read(database, lambda tx: search(tx, "hit").max("n")) == 4
    assert read(database, lambda tx: search(tx, "hit").filter(lambda d: d["n"] > 2).count()) == 2
    selected = read(
        database, lambda tx: search(tx, "hit").select("n").filter(lambda q: q.lt(q.field("n"), 2)).collect()
    )
    assert [each.keys() for each in selected] == [{"_id", "_creationTime", "n"}] * 2
    paged = read(database, lambda tx: search(tx, "hit").select("n").paginate(num_items=1))
    assert paged["page"][0].keys() == {"_id", "_creationTime", "n"}
