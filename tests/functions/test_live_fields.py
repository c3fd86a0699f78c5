"""Live queries that look at some fields, or at a number: which changes make them run again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from nbconvex.testing import TestBackend, convex_test

RUNS: list[str] = []


@pytest.fixture
def t() -> Iterator[TestBackend]:
    RUNS.clear()
    with convex_test() as driver:
        namespace: dict[str, Any] = {"ran": RUNS.append}
        source = """
def authors(ctx): ran("authors"); return [row["author"] for row in ctx.db.query("t").select("author")]
def outer(ctx): ran("outer"); return ctx.run_query("main:authors")
def both(ctx, id): ran("both"); return [ctx.db.query("t").select("author").first(), ctx.db.get(id)]
def count(ctx, low=0): ran("count"); return ctx.db.query("t").with_index("by_n", lambda q: q.gte("n", low)).count()
def total(ctx): ran("total"); return ctx.db.query("t").with_index("by_n", lambda q: q.lt("n", 10)).sum("n")
"""
        driver.backend.define_cell("query", source, namespace=namespace, origin="cell")
        driver.backend.define_schema_cell("t = table(v.any()).index('by_n', ['n'])")
        yield driver


def insert(t: TestBackend, author: str = "ada", n: int = 0) -> Any:
    made = t.run(lambda ctx: ctx.db.insert("t", {"author": author, "n": n, "body": "x"}))
    t.settle()
    return made


def change(t: TestBackend, id: str, **fields: Any) -> None:
    t.run(lambda ctx: ctx.db.patch(id, fields))
    t.settle()


@pytest.mark.parametrize("name", ["authors", "outer"])
def test_a_field_that_was_not_selected_does_not_run_the_query_again(t: TestBackend, name: str) -> None:
    one = insert(t)
    told: list[Any] = []
    with t.backend.subscribe(f"main:{name}", None, lambda update: told.append(update.value)):
        RUNS.clear()
        for n in range(1, 4):
            change(t, one, n=n, body=f"{n}")
        assert RUNS == []
        change(t, one, author="bob")
        assert RUNS
        insert(t, "cleo")
        t.run(lambda ctx: ctx.db.delete(one))
        t.settle()
    assert told == [["ada"], ["bob"], ["bob", "cleo"], ["cleo"]]


def test_what_is_read_whole_beside_a_selection_counts_whole(t: TestBackend) -> None:
    one = insert(t)
    with t.backend.subscribe("main:both", {"id": one}, lambda update: None):
        RUNS.clear()
        change(t, one, body="y")
        assert RUNS == ["both"]


def test_a_kept_result_holds_while_only_other_fields_change(t: TestBackend) -> None:
    one = insert(t)
    assert t.query("main:authors") == ["ada"]
    change(t, one, body="y")
    assert t.query("main:authors") == ["ada"]
    assert RUNS == ["authors"]
    change(t, one, author="bob")
    assert t.query("main:authors") == ["bob"]
    assert RUNS == ["authors", "authors"]


@pytest.mark.case("helpers/count_reactive", "helpers/count_query")
def test_a_watched_count_follows_its_range_and_nothing_else(t: TestBackend) -> None:
    t.run(lambda ctx: [ctx.db.insert("t", {"author": "ada", "n": n}) for n in range(1_000)])
    read = t.query(lambda ctx: (ctx.db.query("t").with_index("by_n", lambda q: q.gte("n", 900)).count(), used(ctx)))
    assert read == [100, 0]
    told: list[Any] = []
    with t.backend.subscribe("main:count", {"low": 900}, lambda update: told.append(update.value)):
        RUNS.clear()
        below = insert(t, n=5)
        change(t, below, author="bob")
        assert RUNS == []
        above = insert(t, n=2_000)
        change(t, above, author="bob")
        assert RUNS == ["count"]
        change(t, above, n=1)
        change(t, below, n=901)
    assert told == [100, 101, 100, 101]


def test_a_watched_sum_follows_its_field_in_its_range(t: TestBackend) -> None:
    one, _ = insert(t, n=3), insert(t, n=20)
    told: list[Any] = []
    with t.backend.subscribe("main:total", None, lambda update: told.append(update.value)):
        RUNS.clear()
        change(t, one, body="y")
        insert(t, n=50)
        assert RUNS == []
        change(t, one, n=4)
        insert(t, n=1)
        change(t, one, n=99)
    assert told == [3, 4, 5, 1]


def used(ctx: Any) -> int:
    """How many documents were read until now."""
    documents: int = ctx.meta.get_transaction_metrics()["documentsRead"]["used"]
    return documents
