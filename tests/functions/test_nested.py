"""Functions that call functions: who may, what is shared, what is undone."""

from __future__ import annotations

from typing import Any

import pytest

from nbconvex.errors import ConvexError, LimitExceededError, NotAllowedError
from nbconvex.testing import TestBackend, convex_test


def define(t: TestBackend) -> None:
    backend = t.backend

    @backend.query(name="m:count")
    def count(ctx):
        return ctx.db.query("t").count()

    @backend.query(name="m:bodies")
    def bodies(ctx):
        return [row.get("body") for row in ctx.db.query("t").collect()]

    @backend.mutation(name="m:add")
    def add(ctx, body: str = "", times: int = 1):
        for _ in range(times):
            ctx.db.insert("t", {"body": body})

    @backend.mutation(name="m:add_and_fail")
    def add_and_fail(ctx, data: Any = "no"):
        ctx.db.insert("t", {"body": "failed"})
        raise ConvexError(data)

    @backend.action(name="m:act")
    def act(ctx):
        return "acted"


@pytest.mark.case("functions/query_calls_query")
def test_nested_query_reads_the_callers_snapshot() -> None:
    with convex_test() as t:
        define(t)
        t.mutation("m:add")
        other = t.backend

        def work(ctx: Any) -> list[int]:
            before = ctx.run_query("m:count")
            _from_outside(other)
            return [before, ctx.run_query("m:count"), ctx.db.query("t").count()]

        assert t.query(work) == [1, 1, 1]
        assert t.query("m:count") == 2


def _from_outside(backend: Any) -> None:
    """One insert by somebody else, while a function runs."""
    tx = backend.database.begin(writable=True)
    tx.insert("t", {"body": "outside"})
    backend.database.commit(tx)


@pytest.mark.case("functions/query_cannot_call_mutation")
def test_query_cannot_call_a_mutation() -> None:
    with convex_test() as t:
        define(t)
        with pytest.raises(NotAllowedError, match="queries may only run queries"):
            t.query(lambda ctx: ctx.run_mutation("m:add"))
        with pytest.raises(
            NotAllowedError, match="Trying to execute m:add as a query, but it is defined as a mutation"
        ):
            t.query(lambda ctx: ctx.run_query("m:add"))
        assert t.query("m:count") == 0


@pytest.mark.case("functions/mutation_calls_mutation")
def test_nested_mutation_commits_with_its_caller() -> None:
    with convex_test() as t:
        define(t)

        def work(ctx: Any) -> int:
            ctx.db.insert("t", {})
            ctx.run_mutation("m:add")
            return ctx.run_query("m:count")

        head = t.backend.database.head
        assert t.mutation(work) == 2
        assert len(t.backend.database.write_log.since(head)) == 1
        with pytest.raises(ZeroDivisionError):
            t.mutation(lambda ctx: (ctx.run_mutation("m:add"), 1 / 0))
        assert t.query("m:count") == 2


@pytest.mark.case("functions/mutation_cannot_run_action_via_runmutation")
def test_action_given_to_run_mutation_is_named_with_both_kinds() -> None:
    with convex_test() as t:
        define(t)
        with pytest.raises(NotAllowedError) as caught:
            t.mutation(lambda ctx: ctx.run_mutation("m:act"))
        for word in ("inline is a mutation", "the action m:act", "ctx.scheduler.run_after(0, internal.m.act,"):
            assert word in str(caught.value)


@pytest.mark.case("functions/run_wrong_kind")
@pytest.mark.parametrize(("verb", "path"), [("query", "m:add"), ("mutation", "m:count"), ("action", "m:add")])
def test_wrong_verb_names_the_right_one(verb: str, path: str) -> None:
    with convex_test() as t:
        define(t)
        kind = "mutation" if path == "m:add" else "query"
        words = f"Trying to execute {path} as an? {verb}, but it is defined as a {kind}.*\n.*run_{kind}"
        with pytest.raises(NotAllowedError, match=words):
            getattr(t, verb)(path)
        with pytest.raises(NotAllowedError, match=words):
            t.action(lambda ctx: getattr(ctx, f"run_{verb}")(path))


@pytest.mark.case("functions/nested_depth_limit")
def test_endless_nesting_is_stopped() -> None:
    with convex_test() as t:
        runs = []

        @t.backend.query(name="m:again")
        def again(ctx):
            runs.append(1)
            return ctx.run_query("m:again")

        with pytest.raises(LimitExceededError, match=r"infinite loop\? \(limit nested_calls: 8\)"):
            t.query("m:again")
        assert len(runs) == 9


@pytest.mark.case("subtransactions/nested_throw_rolls_back_only_nested")
def test_failed_nested_mutation_undoes_only_its_own_writes() -> None:
    with convex_test() as t:
        define(t)

        def work(ctx: Any) -> int:
            ctx.db.insert("t", {"body": "A"})
            with pytest.raises(ConvexError):
                ctx.run_mutation("m:add_and_fail")
            ctx.db.insert("t", {"body": "C"})
            return ctx.db.query("t").count()

        assert t.mutation(work) == 2
        assert t.query("m:bodies") == ["A", "C"]


@pytest.mark.case(
    "subtransactions/nested_insert_then_patch_visible", "subtransactions/nested_insert_then_delete_visible"
)
def test_writes_of_a_nested_mutation_are_visible_to_its_caller() -> None:
    with convex_test() as t:
        define(t)
        t.backend.mutation(name="m:patched")(
            lambda ctx: ctx.db.patch(ctx.db.insert("t", {"body": "x"}), {"body": "hi"})
        )
        t.backend.mutation(name="m:deleted")(lambda ctx: ctx.db.delete(ctx.db.insert("t", {"body": "x"})))
        assert t.mutation(lambda ctx: (ctx.run_mutation("m:patched"), ctx.run_query("m:bodies"))[1]) == ["hi"]
        assert t.mutation(lambda ctx: (ctx.run_mutation("m:deleted"), ctx.run_query("m:bodies"))[1]) == ["hi"]


@pytest.mark.case("subtransactions/snapshot_query_hides_pending")
def test_stale_snapshot_hides_pending_writes() -> None:
    with convex_test() as t:
        define(t)

        def work(ctx: Any) -> list[int]:
            ctx.db.insert("t", {})
            return [ctx.run_query("m:count"), ctx.run_query("m:count", use_stale_snapshot=True)]

        assert t.mutation(work) == [1, 0]
        assert t.mutation(work) == [2, 1]


@pytest.mark.case("subtransactions/snapshot_query_adds_no_conflict")
def test_stale_snapshot_cannot_cause_a_conflict() -> None:
    with convex_test() as t:
        define(t)
        t.run(lambda ctx: [ctx.db.insert(table, {}) for table in ("t", "own")])
        attempts = []

        def work(ctx: Any, *, stale: bool) -> None:
            attempts.append(stale)
            ctx.run_query("m:count", use_stale_snapshot=stale)
            ctx.db.insert("own", {})
            if len(attempts) == 1:
                _from_outside(t.backend)

        t.mutation(lambda ctx: work(ctx, stale=True))
        assert attempts == [True]
        attempts.clear()
        t.mutation(lambda ctx: work(ctx, stale=False))
        assert attempts == [False, False]


def test_stale_snapshot_keeps_the_callers_frozen_clock() -> None:
    with convex_test() as t:
        t.backend.query(name="m:now")(lambda ctx: ctx.now())
        now, stale = t.mutation(lambda ctx: [ctx.now(), ctx.run_query("m:now", use_stale_snapshot=True)])
        assert now == stale


@pytest.mark.case("subtransactions/snapshot_option_in_query")
def test_stale_snapshot_is_for_mutations() -> None:
    with convex_test() as t:
        define(t)
        with pytest.raises(NotAllowedError, match="use_stale_snapshot is supported in mutations only"):
            t.query(lambda ctx: ctx.run_query("m:count", use_stale_snapshot=True))


@pytest.mark.case("subtransactions/nested_error_object_survives")
def test_error_of_a_nested_mutation_keeps_its_data() -> None:
    from nbconvex import Int64

    data = {"code": Int64(7), "raw": b"\x00", "why": ["a", None]}
    with convex_test() as t:
        define(t)

        def work(ctx: Any) -> Any:
            try:
                ctx.run_mutation("m:add_and_fail", {"data": data})
            except ConvexError as error:
                return error.data

        assert t.mutation(work) == data


@pytest.mark.case("subtransactions/parallel_nested_mutations")
def test_nested_mutations_one_after_the_other_both_apply_in_an_async_one() -> None:
    with convex_test() as t:
        t.backend.mutation(name="m:a")(lambda ctx: ctx.db.insert("a", {}))
        t.backend.mutation(name="m:b")(lambda ctx: ctx.db.insert("b", {}))

        async def work(ctx: Any) -> None:
            ctx.run_mutation("m:a")
            ctx.run_mutation("m:b")

        t.mutation(work)
        assert t.query(lambda ctx: [ctx.db.query(name).count() for name in "ab"]) == [1, 1]

        async def gathered(ctx: Any) -> None:
            import asyncio

            await asyncio.gather(ctx.run_mutation("m:a"), ctx.run_mutation("m:b"))

        with pytest.raises(NotAllowedError, match="everything on ctx answers at once"):
            t.mutation(gathered)


NESTED_LIMITS: list[tuple[str, dict[str, int] | None, dict[str, int] | None, str]] = [
    ("limits/nested_read_under", None, {"documents_read": 12}, ""),
    ("limits/nested_cannot_raise", {"documents_read": 5}, {"documents_read": 100_000}, "documents_read: 5"),
    ("limits/nested_looser_than_global", {"documents_read": 5}, {"documents_read": 8}, "documents_read: 5"),
    ("limits/nested_limit_optional", None, None, ""),
]


@pytest.mark.case(*[case[0] for case in NESTED_LIMITS])
@pytest.mark.parametrize(("outer", "inner", "words"), [case[1:] for case in NESTED_LIMITS])
@pytest.mark.parametrize("kind", ["query", "mutation", "action"])
def test_nested_limits_of_reading(kind: str, outer: Any, inner: Any, words: str) -> None:
    with convex_test(limits=outer) as t:
        define(t)
        t.run(lambda ctx: [ctx.db.insert("t", {}) for _ in range(10)])
        call = lambda ctx: len(ctx.run_query("m:bodies", transaction_limits=inner))  # noqa: E731
        if not words:
            assert getattr(t, kind)(call) == 10
            return
        with pytest.raises(LimitExceededError, match=words):
            getattr(t, kind)(call)


@pytest.mark.case("limits/nested_write_limit", "limits/nested_write_under")
def test_nested_limits_of_writing_do_not_leak() -> None:
    with convex_test() as t:
        define(t)

        def work(ctx: Any) -> None:
            with pytest.raises(LimitExceededError, match="documents_written"):
                ctx.run_mutation("m:add", times=10, transaction_limits={"documentsWritten": 3})
            ctx.run_mutation("m:add", times=2, transaction_limits={"documents_written": 5})
            for _ in range(10):
                ctx.db.insert("t", {})

        t.mutation(work)
        assert t.query("m:count") == 12


@pytest.mark.case("pagination/nested_functions_ok")
def test_each_nested_function_may_paginate_once() -> None:
    with convex_test() as t:
        t.run(lambda ctx: [ctx.db.insert("t", {"n": n}) for n in range(4)])

        @t.backend.query(name="m:page")
        def page(ctx, cursor=None):
            return ctx.db.query("t").paginate(num_items=2, cursor=cursor)

        def work(ctx: Any) -> list[int]:
            own = ctx.db.query("t").paginate(num_items=1)
            first = ctx.run_query("m:page")
            second = ctx.run_query("m:page", cursor=first["continueCursor"])
            return [len(own["page"]), len(first["page"]), second["page"][0]["n"]]

        assert t.query(work) == [1, 2, 2]
        assert t.action(lambda ctx: [len(ctx.run_query("m:page")["page"]) for _ in range(2)]) == [2, 2]
