"""`ctx.db`, in Convex's spellings."""

from __future__ import annotations

from typing import Any

import pytest

from nbconvex import UNSET
from nbconvex.errors import CallerError, NotAllowedError
from nbconvex.testing import convex_test


def test_both_spellings_with_and_without_the_table() -> None:
    with convex_test() as t:

        def work(ctx: Any) -> list[Any]:
            one = ctx.db.insert("t", {"n": 1})
            two = ctx.db.insert("t", {"n": 2, "gone": True})
            ctx.db.patch(one, {"n": 10})
            ctx.db.patch("t", two, {"gone": UNSET})
            ctx.db.replace(one, {"n": 11})
            ctx.db.replace("t", two, {"n": 22})
            three = ctx.db.insert("t", {})
            ctx.db.delete(three)
            ctx.db.delete("t", ctx.db.insert("t", {}))
            return [ctx.db.get(one)["n"], ctx.db.get("t", two)["n"], ctx.db.get(three), ctx.db.query("t").count()]

        assert t.mutation(work) == [11, 22, None, 2]


def test_scoped_table_has_the_same_methods() -> None:
    with convex_test() as t:

        def work(ctx: Any) -> list[Any]:
            table = ctx.db.table("t")
            one = table.insert({"n": 1})
            table.patch(one, {"n": 2})
            found = [table.get(one)["n"], table.query().count(), table.normalize_id(one) == one]
            table.replace(one, {})
            table.delete(one)
            return [*found, table.query().count()]

        assert t.mutation(work) == [2, 1, True, 0]
        one = t.run(lambda ctx: ctx.db.insert("t", {}))
        assert t.query(lambda ctx: [ctx.db.table("t").get(one)["_id"], ctx.db.normalize_id("other", one)]) == [
            one,
            None,
        ]


def test_system_tables_are_read_through_system() -> None:
    with convex_test() as t:
        assert t.query(lambda ctx: ctx.db.system.query("_scheduled_functions").collect()) == []
        assert t.query(lambda ctx: ctx.db.system.normalize_id("_storage", "nope")) is None
        with pytest.raises(NotAllowedError):
            t.query(lambda ctx: ctx.db.query("_storage").collect())
        with pytest.raises(NotAllowedError):
            t.query(lambda ctx: ctx.db.system.query("messages").collect())


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda db: db.get(), "Must provide arg 1 `id` to `get`"),
        (lambda db: db.query(), "Must provide arg 1 `table` to `query`"),
        (lambda db: db.insert(), "Must provide arg 1 `table` to `insert`"),
        (lambda db: db.insert("t"), "Must provide arg 2 `value` to `insert`"),
        (lambda db: db.patch(), "Must provide arg 1 `id` to `patch`"),
        (lambda db: db.patch("x"), "Must provide arg 2 `value` to `patch`"),
        (lambda db: db.replace("t", "x", {}, 1), "db.replace takes an id and a value, got 4 arguments"),
        (lambda db: db.delete(), "Must provide arg 1 `id` to `delete`"),
    ],
)
def test_missing_arguments_are_named(call: Any, words: str) -> None:
    with convex_test() as t, pytest.raises(CallerError) as caught:
        t.mutation(lambda ctx: call(ctx.db))
    assert words in str(caught.value)


def test_ctx_that_outlives_its_call_is_refused() -> None:
    with convex_test() as t:
        kept: list[Any] = []
        t.mutation(lambda ctx: kept.append(ctx))
        with pytest.raises(NotAllowedError, match="inline has ended, so its ctx can no longer be used"):
            kept[0].db.insert("t", {})
