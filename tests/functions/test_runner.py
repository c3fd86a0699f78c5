"""One run, whole: begin, call, commit, repeat, record."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from nbconvex.errors import ConflictError, ConvexError, LimitExceededError
from nbconvex.functions import runner as runner_module
from nbconvex.testing import TestBackend, convex_test
from nbconvex.values.schema import define_schema, table


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner_module, "RETRY_PAUSE_S", 0.0)


def from_outside(t: TestBackend, work: Any) -> None:
    """A commit by somebody else, while a function runs."""
    tx = t.backend.database.begin(writable=True, reader="outside:function")
    work(tx)
    t.backend.database.commit(tx)


def disturbed(t: TestBackend, times: int) -> tuple[Any, list[int]]:
    """A mutation that meets `times` conflicts, and its attempts."""
    document = t.run(lambda ctx: ctx.db.insert("t", {"n": 0}))
    attempts: list[int] = []

    def add(ctx: Any) -> int:
        n = ctx.db.get(document)["n"]
        attempts.append(n)
        print(f"attempt {len(attempts)}")
        if len(attempts) <= times:
            from_outside(t, lambda tx: tx.patch(document, {"n": n + 10}))
        ctx.db.patch(document, {"n": n + 1})
        return n + 1

    t.backend.mutation(name="m:add")(add)
    return document, attempts


@pytest.mark.case("transactions/retry_invisible")
def test_conflict_is_repeated_and_nobody_notices(capsys: pytest.CaptureFixture[str]) -> None:
    with convex_test() as t:
        document, attempts = disturbed(t, 1)
        assert t.mutation("m:add") == 11
        assert attempts == [0, 10]
        assert t.query(lambda ctx: ctx.db.get(document)["n"]) == 11
        [record] = [each for each in t.backend.logs if each.path == "m:add"]
        assert record.lines == ("attempt 2",)
        assert capsys.readouterr().out == "attempt 2\n"


@pytest.mark.case("transactions/conflict_error_after_retries")
def test_endless_conflict_names_the_table_the_document_and_the_other_function() -> None:
    with convex_test() as t:
        document, attempts = disturbed(t, 100)
        with pytest.raises(ConflictError) as caught:
            t.mutation("m:add")
        error = caught.value
        assert (error.table, error.document_id, error.writer, error.reader, error.tries) == (
            "t", document, "outside:function", "m:add", 5
        )  # fmt: skip
        assert len(attempts) == 5


@pytest.mark.case("errors/system_error_not_catchable")
def test_conflict_cannot_be_caught_by_the_mutation_itself() -> None:
    with convex_test() as t:
        document = t.run(lambda ctx: ctx.db.insert("t", {"n": 0}))
        attempts = []

        def add(ctx: Any) -> str:
            try:
                attempts.append(ctx.db.get(document)["n"])
                if len(attempts) == 1:
                    from_outside(t, lambda tx: tx.patch(document, {"n": 5}))
                ctx.db.patch(document, {"n": attempts[-1] + 1})
            except BaseException:
                return "caught"
            return "fine"

        assert t.mutation(add) == "fine"
        assert attempts == [0, 5]


@pytest.mark.case("transactions/concurrent_append", "transactions/lost_update_impossible")
def test_concurrent_read_modify_writes_all_take_effect() -> None:
    with convex_test() as t:
        document = t.run(lambda ctx: ctx.db.insert("t", {"text": ""}))
        t.backend.mutation(name="m:append")(
            lambda ctx: ctx.db.patch(document, {"text": ctx.db.get(document)["text"] + "!"})
        )
        threads = [threading.Thread(target=lambda: [t.mutation("m:append") for _ in range(5)]) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert t.query(lambda ctx: ctx.db.get(document)["text"]) == "!" * 50

        async def together() -> None:
            await asyncio.gather(*[t.backend.run_mutation_async("m:append") for _ in range(50)])

        asyncio.run(together())
        assert t.query(lambda ctx: ctx.db.get(document)["text"]) == "!" * 100


def test_conflict_on_an_event_loop_is_repeated_too() -> None:
    with convex_test() as t:
        _, attempts = disturbed(t, 2)
        assert asyncio.run(t.backend.run_mutation_async("m:add")) == 21
        assert attempts == [0, 10, 20]

        async def action(ctx: Any) -> Any:
            return await ctx.run_mutation("m:add")

        attempts.clear()
        assert t.action(action) == 42
        assert attempts == [21, 31, 41]


@pytest.mark.case("transactions/read_only_mutation_no_write")
def test_mutation_that_only_reads_commits_nothing() -> None:
    with convex_test() as t:
        t.run(lambda ctx: ctx.db.insert("t", {}))
        head = t.backend.database.head
        assert t.mutation(lambda ctx: ctx.db.query("t").count()) == 1
        assert t.backend.database.head == head
        assert t.backend.run_outcome(t.backend.mutation(name="m:r")(lambda ctx: None)).ts == head


@pytest.mark.case("transactions/query_during_long_mutation", "transactions/query_snapshot_consistent")
def test_query_beside_an_open_mutation_sees_the_old_state_and_does_not_wait() -> None:
    with convex_test() as t:
        t.backend.query(name="m:count")(lambda ctx: ctx.db.query("t").count())
        seen = []

        def slow(ctx: Any) -> None:
            ctx.db.insert("t", {})
            other = threading.Thread(target=lambda: seen.append(t.query("m:count")))
            # Not allowed to a mutation; the test may.
            token = runner_module.CURRENT.set(None)
            other.start()
            other.join(5)
            runner_module.CURRENT.reset(token)

        t.mutation(slow)
        assert seen == [0]
        assert t.query("m:count") == 1


def test_error_of_a_mutation_writes_nothing() -> None:
    with convex_test() as t:

        def fails(ctx: Any) -> None:
            ctx.db.insert("t", {})
            raise ConvexError("no")

        with pytest.raises(ConvexError):
            t.mutation(fails)
        assert t.query(lambda ctx: ctx.db.query("t").count()) == 0


@pytest.mark.case("errors/request_id_links_log")
def test_error_carries_the_request_id_of_its_log_entry() -> None:
    with convex_test() as t:
        t.backend.query(name="m:inner")(lambda ctx: 1 / 0)
        with pytest.raises(ZeroDivisionError) as caught:
            t.action(lambda ctx: ctx.run_query("m:inner"))
        request_id = caught.value.request_id  # type: ignore[attr-defined]
        assert caught.value.__notes__ == [f"[Request ID: {request_id}] m:inner"]
        record = t.backend.logs.find(request_id)
        assert record is not None
        assert (record.path, record.status, record.error) == ("inline", "error", caught.value)
        assert [each.path for each in t.backend.logs if each.request_id == request_id] == ["m:inner", "inline"]


LIMITS: list[tuple[str, dict[str, int], Any, str]] = [
    (
        "limits/documents_read_counts_filtered",
        {"documents_read": 5},
        lambda ctx: ctx.db.query("t").filter(lambda d: d["n"] == 1).collect(),
        "Scanned too many documents.*documents_read: 5",
    ),
    (
        "limits/bytes_written",
        {"written_bytes": 500},
        lambda ctx: [ctx.db.insert("new", {"body": "x" * 200}) for _ in range(10)],
        "Wrote too much data.*written_bytes: 500",
    ),
    (
        "limits/index_ranges",
        {"database_queries": 2},
        lambda ctx: [ctx.db.get(row["_id"]) for row in ctx.db.query("t").collect()],
        "Too many index ranges.*database_queries: 2",
    ),
    ("limits/bytes_read", {"read_bytes": 100}, lambda ctx: ctx.db.query("t").collect(), "Read too much data"),
    (
        "limits/documents_written",
        {"documents_written": 3},
        lambda ctx: [ctx.db.insert("new", {}) for _ in range(4)],
        "Wrote too many documents",
    ),
    (
        "limits/accumulate_in_mutation",
        {"documents_read": 15},
        lambda ctx: [ctx.db.query("t").collect(), ctx.db.query("t").collect()],
        "Scanned too many documents",
    ),
]


@pytest.mark.case("limits/documents_read_counts_filtered", "limits/bytes_written", "limits/index_ranges")
@pytest.mark.parametrize(("limits", "work", "words"), [case[1:] for case in LIMITS], ids=[case[0] for case in LIMITS])
def test_limit_is_named_and_nothing_is_stored(limits: dict[str, int], work: Any, words: str) -> None:
    with convex_test(limits=limits) as t:
        t.run(lambda ctx: [ctx.db.insert("t", {"n": n}) for n in range(10)])
        with pytest.raises(LimitExceededError, match=words):
            t.mutation(work)
        assert t.run(lambda ctx: ctx.db.query("new").count()) == 0


@pytest.mark.case("limits/metrics_write")
def test_metrics_say_what_was_used_and_what_remains() -> None:
    with convex_test(limits={"documents_written": 10, "documents_read": 10}) as t:

        def work(ctx: Any) -> Any:
            ctx.db.get(ctx.db.insert("t", {"a": None}))
            return ctx.meta.get_transaction_metrics()

        metrics = t.mutation(work)
        assert metrics["documentsWritten"] == {"used": 1, "remaining": 9}
        assert metrics["documentsRead"] == {"used": 1, "remaining": 9}
        assert metrics["bytesWritten"]["used"] == 2 + (1 + 1 + 1) + 61
        assert metrics["databaseQueries"]["used"] == 1


@pytest.mark.case("schema/unlisted_table_strict_hint")
def test_misspelled_table_is_warned_of_in_the_log_and_under_the_call(capsys: pytest.CaptureFixture[str]) -> None:
    with convex_test(define_schema({"messages": table({})})) as t:
        t.backend.query(name="m:list")(lambda ctx: ctx.db.query("mesages").collect())
        note = '[WARN] m:list: the table "mesages" does not exist, so nothing is found in it. Did you mean "messages"?'
        for _ in range(2):
            assert t.query("m:list") == []
            assert list(t.backend.logs)[-1].lines == (note,)
            assert capsys.readouterr().err == f"{note}\n"
        t.mutation(lambda ctx: ctx.run_query("m:list", use_stale_snapshot=True))
        assert "mesages" in list(t.backend.logs)[-1].lines[0]


def test_near_limit_is_warned_of_in_the_log() -> None:
    with convex_test(limits={"documents_read": 10}) as t:
        t.run(lambda ctx: [ctx.db.insert("t", {}) for _ in range(9)])
        t.query(lambda ctx: len(ctx.db.query("t").collect()))
        assert list(t.backend.logs)[-1].lines == ("[WARN] inline: 9 of 10 documents_read used in one function run.",)


def test_slow_transaction_is_warned_of_in_the_log() -> None:
    with convex_test(limits={"query_time_s": 1}) as t:
        t.query(lambda ctx: t.clock.advance(1.5))
        [line] = list(t.backend.logs)[-1].lines
        assert line.startswith("[WARN] inline took 1.50 s (limit query_time_s: 1). Read less through an index")
        t.mutation(lambda ctx: [ctx.db.insert("t", {}), t.clock.advance(1.5)][:0])
        [line] = list(t.backend.logs)[-1].lines
        assert "Write less at once, one call a batch, or do the work in an action." in line


def test_action_that_never_ends_is_stopped_at_its_limit() -> None:
    async def endless(ctx: Any) -> None:
        await asyncio.sleep(60)

    with convex_test(limits={"action_time_s": 0.02}) as t:  # type: ignore[dict-item]
        with pytest.raises(LimitExceededError, match="the action inline ran too long"):
            t.action(endless)
        assert list(t.backend.logs)[-1].lines == ()

        async def times_out_itself(ctx: Any) -> None:
            raise TimeoutError("own")

        with pytest.raises(TimeoutError, match="own"):
            t.action(times_out_itself)


def test_plain_action_that_took_too_long_is_warned_of_in_the_log() -> None:
    with convex_test(limits={"action_time_s": 60}) as t:
        t.action(lambda ctx: t.clock.advance(59))
        assert list(t.backend.logs)[-1].lines == ()
        t.action(lambda ctx: t.clock.advance(61))
        [line] = list(t.backend.logs)[-1].lines
        assert line.startswith("[WARN] inline took 61.0 s (limit action_time_s: 60). A plain def cannot be stopped")


@pytest.mark.case("notebook/async_cell_and_sync_cell")
def test_every_kind_answers_on_a_loop_and_off_it() -> None:
    with convex_test() as t:
        t.backend.query(name="m:q")(lambda ctx: "q")
        t.backend.mutation(name="m:m")(lambda ctx: "m")
        t.backend.action(name="m:a")(lambda ctx: threading.current_thread().name)

        @t.backend.action(name="m:b")
        async def b(ctx):
            await asyncio.sleep(0)
            return await ctx.run_query("m:q")

        backend = t.backend

        async def asynchronous() -> list[str]:
            return [
                await backend.run_query_async("m:q"),
                await backend.run_mutation_async("m:m"),
                await backend.run_action_async("m:b"),
                # The same from a cell of a running kernel, called synchronously.
                backend.run("m:q"),
                backend.run("m:b"),
            ]

        assert asyncio.run(asynchronous()) == ["q", "m", "q", "q", "q"]
        assert asyncio.run(backend.run_action_async("m:a")) != threading.current_thread().name
        assert [backend.run("m:q"), backend.run("m:m"), backend.run("m:b")] == ["q", "m", "q"]
        with pytest.raises(ZeroDivisionError):
            asyncio.run(backend.run_query_async(backend.query(name="m:z")(lambda ctx: 1 / 0)))


@pytest.mark.case("reactivity/mutations_of_one_client_ordered")
def test_many_async_callers_are_served_together() -> None:
    with convex_test() as t:
        t.backend.mutation(name="m:add")(lambda ctx, n: ctx.db.insert("t", {"n": n}))

        async def together() -> list[str]:
            return await asyncio.gather(*[t.backend.run_mutation_async("m:add", {"n": n}) for n in range(64)])

        assert len(set(asyncio.run(together()))) == 64
        assert t.query(lambda ctx: [row["n"] for row in ctx.db.query("t")]) == list(range(64))
