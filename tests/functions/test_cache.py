"""Results of queries, kept until something they read is written."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from nbconvex.functions import cache as cache_module
from nbconvex.testing import TestBackend, convex_test

RUNS: list[str] = []


@pytest.fixture
def t() -> Iterator[TestBackend]:
    RUNS.clear()
    with convex_test() as driver:
        namespace: dict[str, Any] = {"ran": _ran, "random": random, "time": __import__("time")}
        source = """
def by_n(ctx, n): ran("by_n"); return [row["_id"] for row in ctx.db.query("t") if row["n"] == n]
def point(ctx, id): ran("point"); return ctx.db.get(id)
def who(ctx): ran("who"); identity = ctx.auth.get_user_identity(); return identity and identity.subject
def now(ctx): ran("now"); return ctx.now()
def clock(ctx): ran("clock"); return time.time()
def chance(ctx): ran("chance"); return ctx.random.random()
def outer(ctx): ran("outer"); return ctx.run_query("main:point", id=ctx.db.query("t").first()["_id"])
def limit(ctx): ran("limit"); return LIMIT
def mutable(ctx): ran("mutable"); return ROWS
"""
        driver.backend.define_cell("query", source, namespace=namespace, origin="cell")
        driver.namespace = namespace  # type: ignore[attr-defined]
        yield driver


def _ran(name: str) -> None:
    RUNS.append(name)


def insert(t: TestBackend, n: int = 0) -> Any:
    return t.run(lambda ctx: ctx.db.insert("t", {"n": n}))


def test_same_call_is_answered_without_running_it_again(t: TestBackend) -> None:
    one = insert(t, 1)
    assert [t.query("main:by_n", n=1) for _ in range(3)] == [[one]] * 3
    assert t.query("main:by_n", n=2) == []
    assert RUNS == ["by_n", "by_n"]
    assert [record.is_cached for record in t.backend.logs if record.path == "main:by_n"] == [False, True, True, False]


def test_what_was_answered_may_be_changed_by_whoever_got_it(t: TestBackend) -> None:
    insert(t, 1)
    t.query("main:by_n", n=1).append("mine")
    assert len(t.query("main:by_n", n=1)) == 1


@pytest.mark.case("reactivity/cache_invalidated")
def test_write_into_what_was_read_ends_the_result_and_no_other_does(t: TestBackend) -> None:
    one, two = insert(t, 1), insert(t, 2)
    t.query("main:point", id=one)
    t.run(lambda ctx: ctx.db.patch(two, {"n": 5}))
    t.query("main:point", id=one)
    assert RUNS == ["point"]
    t.run(lambda ctx: ctx.db.patch(one, {"n": 5}))
    assert t.query("main:point", id=one)["n"] == 5
    assert RUNS == ["point", "point"]


def test_nested_reads_belong_to_the_result(t: TestBackend) -> None:
    one = insert(t, 1)
    t.query("main:outer")
    t.run(lambda ctx: ctx.db.patch(one, {"n": 9}))
    assert t.query("main:outer")["n"] == 9


@pytest.mark.case("determinism/identity_read_separate_cache")
def test_result_that_read_the_identity_belongs_to_that_identity(t: TestBackend) -> None:
    ada, bob = t.with_identity(subject="ada"), t.with_identity(subject="bob")
    assert [each.query("main:who") for each in (ada, ada, bob, bob, t, t)] == [
        "ada", "ada", "bob", "bob", None, None
    ]  # fmt: skip
    assert RUNS.count("who") == 3
    insert(t, 1)
    ada.query("main:by_n", n=1)
    bob.query("main:by_n", n=1)
    assert RUNS.count("by_n") == 1


@pytest.mark.parametrize("name", ["now", "clock"])
def test_result_that_read_the_clock_lasts_seconds(t: TestBackend, name: str) -> None:
    first = t.query(f"main:{name}")
    t.clock.advance(4)
    assert t.query(f"main:{name}") == first
    t.clock.advance(2)
    assert t.query(f"main:{name}") > first


def test_result_that_drew_lots_is_not_kept(t: TestBackend) -> None:
    assert t.query("main:chance") != t.query("main:chance")


def test_edited_function_answers_anew_and_so_does_who_calls_it(t: TestBackend) -> None:
    insert(t, 1)
    t.query("main:outer")
    t.backend.define_cell("query", "def point(ctx, id): return 'new'", namespace=t.namespace, origin="other")  # type: ignore[attr-defined]
    assert t.query("main:outer") == "new"


def test_global_that_was_bound_anew_ends_the_result(t: TestBackend) -> None:
    namespace = t.namespace  # type: ignore[attr-defined]
    namespace["LIMIT"] = 1
    assert [t.query("main:limit"), t.query("main:limit")] == [1, 1]
    assert RUNS == ["limit"]
    namespace["LIMIT"] = 2
    assert t.query("main:limit") == 2


def test_change_inside_a_global_ends_the_result(t: TestBackend) -> None:
    rows = t.namespace["ROWS"] = [1]  # type: ignore[attr-defined]
    assert [t.query("main:mutable"), t.query("main:mutable")] == [[1], [1]]
    assert RUNS == ["mutable"]
    rows.append(2)
    assert t.query("main:mutable") == [1, 2]


def test_function_that_counts_its_own_runs_is_kept_all_the_same(t: TestBackend) -> None:
    source = "runs = 0\ndef counting(ctx):\n    global runs\n    runs += 1\n    return runs"
    t.backend.define_cell("query", source, namespace=t.namespace, origin="other")  # type: ignore[attr-defined]
    assert [t.query("main:counting") for _ in range(3)] == [1, 1, 1]


def test_schema_push_ends_all_results(t: TestBackend) -> None:
    insert(t, 1)
    t.query("main:by_n", n=1)
    t.backend.define_schema_cell("t = table(v.any())")
    t.query("main:by_n", n=1)
    assert RUNS == ["by_n", "by_n"]


def test_cache_has_bounds(t: TestBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "ENTRIES_MAX", 3)
    for n in range(6):
        t.query("main:by_n", n=n)
    cache = t.backend.runner.cache
    assert len(cache) == 3
    monkeypatch.setattr(cache_module, "BYTES_MAX", 8)
    t.query("main:by_n", n=7)
    assert cache._bytes <= 8
    cache.clear()
    assert (len(cache), cache._bytes) == (0, 0)


def test_result_behind_too_many_commits_is_run_again(t: TestBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "COMMITS_CHECKED_MAX", 2)
    one = insert(t, 1)
    t.query("main:point", id=one)
    for _ in range(3):
        t.run(lambda ctx: ctx.db.insert("elsewhere", {}))
    t.query("main:point", id=one)
    assert RUNS == ["point", "point"]
