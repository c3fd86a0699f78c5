"""`ctx.scheduler`: what may be asked for, and when it counts."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nbconvex import ConvexError, Int64
from nbconvex.errors import (
    ArgumentsInvalidError,
    CallerError,
    FunctionNotFoundError,
    LimitExceededError,
    NotAllowedError,
)
from nbconvex.functions.scheduling import Retry
from nbconvex.testing import TestBackend, convex_test

DAY_MS = 86_400_000


def define(t: TestBackend) -> None:
    backend = t.backend
    backend.mutation(name="m:note")(lambda ctx, n=0: ctx.db.insert("notes", {"n": n}))
    backend.action(name="m:act")(lambda ctx, n=0: ctx.run_mutation("m:note", n=n))
    backend.query(name="m:look")(lambda ctx: ctx.db.query("notes").count())


def jobs(t: TestBackend) -> list[dict[str, Any]]:
    return t.query(lambda ctx: ctx.db.system.query("_scheduled_functions").collect())


def notes(t: TestBackend) -> list[Any]:
    return t.query(lambda ctx: [note["n"] for note in ctx.db.query("notes")])


@pytest.mark.parametrize(
    ("delay", "problem"),
    [
        (-1, "must be non-negative, got -1"),
        (float("nan"), "must be finite, got nan"),
        (float("inf"), "must be finite, got inf"),
        ("10", "must be a number of milliseconds or a timedelta, got str"),
        (None, "got NoneType"),
        (True, "got bool"),
        (timedelta(seconds=-1), "non-negative"),
    ],
)
@pytest.mark.case("scheduler/run_after_negative", "scheduler/run_after_nan")
def test_delay_that_is_none_is_refused_with_its_own_sentence(delay, problem):
    with convex_test() as t:
        define(t)
        with pytest.raises(CallerError, match=problem):
            t.mutation(lambda ctx: ctx.scheduler.run_after(delay, "m:note"))
        assert jobs(t) == []


@pytest.mark.case("scheduler/run_at_datetime")
def test_time_may_be_a_datetime_or_milliseconds_and_a_delay_a_timedelta():
    with convex_test() as t:
        define(t)
        when = datetime(2030, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
        with pytest.raises(CallerError, match="5 years"):
            t.mutation(lambda ctx: ctx.scheduler.run_at(when, "m:note"))
        when = datetime(2025, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
        now_ms = t.clock.now_ns() / 1e6
        t.mutation(lambda ctx: ctx.scheduler.run_at(when, "m:note"))
        t.mutation(lambda ctx: ctx.scheduler.run_at(now_ms + 5, "m:note"))
        t.mutation(lambda ctx: ctx.scheduler.run_after(timedelta(minutes=1), "m:note"))
        times = [each["scheduledTime"] for each in jobs(t)]
        assert times == [1735787045678, now_ms + 5, now_ms + 60_000]


@pytest.mark.parametrize("time", ["tomorrow", float("nan"), None, True])
def test_time_that_is_none_is_refused(time):
    with convex_test() as t:
        define(t)
        with pytest.raises(CallerError, match="`time` must be"):
            t.mutation(lambda ctx: ctx.scheduler.run_at(time, "m:note"))


@pytest.mark.case("scheduler/run_at_far_future")
def test_nothing_can_be_scheduled_more_than_five_years_away():
    with convex_test() as t:
        define(t)
        for years, fits in ((6, False), (-6, False), (4.9, True), (-4.9, True)):
            plan = lambda ctx, years=years: ctx.scheduler.run_at(ctx.now() + years * 365.25 * DAY_MS, "m:note")  # noqa: E731
            if fits:
                t.mutation(plan)
            else:
                with pytest.raises(CallerError, match="at most 5 years from now"):
                    t.mutation(plan)


@pytest.mark.case("scheduler/scheduler_unknown_function")
def test_function_that_is_not_defined_cannot_be_scheduled():
    with convex_test() as t:
        define(t)
        with pytest.raises(FunctionNotFoundError, match=r'Did you mean "m:note".*has the cell or module been run'):
            t.mutation(lambda ctx: ctx.scheduler.run_after(0, "m:notes"))


@pytest.mark.case("scheduler/rollback_removes_job", "subtransactions/nested_schedule_rolled_back")
def test_what_a_transaction_takes_back_it_has_not_promised():
    def fails(ctx: Any) -> None:
        ctx.scheduler.run_after(0, "m:note", n=1)
        raise ConvexError("no")

    def catches(ctx: Any) -> None:
        ctx.scheduler.run_after(0, "m:note", n=2)
        with pytest.raises(ConvexError):
            ctx.run_mutation("m:fails")

    with convex_test() as t:
        define(t)
        t.backend.mutation(name="m:fails")(fails)
        with pytest.raises(ConvexError):
            t.mutation(fails)
        assert jobs(t) == []
        t.mutation(catches)
        assert [each["args"] for each in jobs(t)] == [[{"n": 2}]]
        t.finish_all_scheduled()
        assert notes(t) == [2]


@pytest.mark.case("subtransactions/nested_schedule_kept")
def test_nested_mutation_that_returns_keeps_its_promise_once():
    with convex_test() as t:
        define(t)
        t.backend.mutation(name="m:plans")(lambda ctx: ctx.scheduler.run_after(0, "m:note"))
        t.mutation(lambda ctx: ctx.run_mutation("m:plans"))
        t.finish_all_scheduled()
        assert [(each["state"]["kind"], each["name"]) for each in jobs(t)] == [("success", "m:note")]


def test_what_an_action_promises_stays_even_if_it_fails():
    def plain(ctx: Any) -> None:
        ctx.scheduler.run_after(0, "m:note", n=1)
        raise ConvexError("no")

    async def loop(ctx: Any) -> None:
        await ctx.scheduler.run_after(0, "m:note", n=2)
        raise ConvexError("no")

    with convex_test() as t:
        define(t)
        for action in (plain, loop):
            with pytest.raises(ConvexError):
                t.action(action)
        t.finish_all_scheduled()
        assert sorted(notes(t)) == [1, 2]


def test_promise_that_an_async_action_does_not_await_is_kept_and_its_author_told():
    async def forgets(ctx: Any) -> None:
        ctx.scheduler.run_after(0, "m:note", n=1)

    with convex_test() as t:
        define(t)
        t.action(forgets)
        # The promise may have been kept, and logged, before the action has ended.
        (said,) = [each.lines[-1] for each in t.backend.logs if each.kind == "action"]
        assert "did not await ctx.scheduler.run_after(...)" in said
        t.finish_all_scheduled()
        assert notes(t) == [1]


def test_async_action_may_promise_many_things_at_once_and_cancel_them():
    async def plans(ctx: Any) -> list[str]:
        made = await asyncio.gather(*[ctx.scheduler.run_after(0, "m:note", n=n) for n in range(5)])
        await ctx.scheduler.cancel(made[2])
        return made

    with convex_test() as t:
        define(t)
        t.backend.scheduler.pause()
        assert len(set(t.action(plans))) == 5
        t.backend.scheduler.resume()
        t.finish_all_scheduled()
        assert sorted(notes(t)) == [0, 1, 3, 4]


@pytest.mark.case("scheduler/bad_args_fail_later")
def test_arguments_are_validated_when_the_job_runs():
    def typed(ctx: Any, n: int) -> None: ...

    with convex_test() as t:
        t.backend.mutation(name="m:typed")(typed)
        t.mutation(lambda ctx: ctx.scheduler.run_after(0, "m:typed", n="x"))
        t.finish_all_scheduled()
        [job] = jobs(t)
        assert job["state"]["kind"] == "failed"
        assert "ArgumentValidationError" in job["state"]["error"]
        with pytest.raises(ArgumentsInvalidError):
            t.mutation(lambda ctx: ctx.scheduler.run_after(0, "m:typed", n=object()))


@pytest.mark.case("scheduler/args_types_kept")
def test_arguments_keep_their_types():
    with convex_test() as t:
        define(t)
        args = {"n": Int64(7)}
        t.mutation(lambda ctx: ctx.scheduler.run_after(0, "m:note", args))
        assert jobs(t)[0]["args"] == [{"n": Int64(7)}]
        assert isinstance(jobs(t)[0]["args"][0]["n"], Int64)
        t.finish_all_scheduled()
        assert notes(t) == [Int64(7)]


@pytest.mark.case("limits/schedule_count")
def test_mutation_that_schedules_too_many_schedules_none():
    with convex_test(limits={"functions_scheduled": 1_000}) as t:
        define(t)

        def plan(ctx: Any, count: int) -> None:
            for n in range(count):
                ctx.scheduler.run_after(60_000, "m:note", n=n)

        with pytest.raises(LimitExceededError, match="Scheduled too many functions"):
            t.mutation(plan, count=1_001)
        assert jobs(t) == []
        t.mutation(plan, count=1_000)
        assert t.backend.scheduler.count() == 1_000


def test_arguments_that_are_too_large_are_refused_one_by_one_and_together():
    with convex_test(limits={"scheduled_call_bytes": 1_000, "scheduled_arguments_bytes": 1_500}) as t:
        define(t)
        with pytest.raises(LimitExceededError, match="scheduled_call_bytes"):
            t.mutation(lambda ctx: ctx.scheduler.run_after(0, "m:note", n="x" * 2_000))
        with pytest.raises(LimitExceededError, match="scheduled_arguments_bytes"):
            t.mutation(lambda ctx: [ctx.scheduler.run_after(0, "m:note", n="x" * 900) for _ in range(2)] and None)


@pytest.mark.case("limits/metrics_scheduled")
def test_metrics_count_what_was_scheduled():
    def plan(ctx: Any) -> Any:
        for n in range(2):
            ctx.scheduler.run_after(60_000, "m:note", n=n)
        return ctx.meta.get_transaction_metrics()

    with convex_test() as t:
        define(t)
        metrics = t.mutation(plan)
        assert metrics["functionsScheduled"]["used"] == 2
        assert metrics["scheduledFunctionArgsBytes"]["used"] > 0


@pytest.mark.case("guide/rule_internal_for_scheduled")
def test_public_function_may_be_scheduled_and_its_author_hears_once_that_it_could_be_internal():
    with convex_test() as t:
        define(t)
        t.backend.mutation(internal=True, name="m:hidden")(lambda ctx: None)
        t.backend.mutation(name="m:plan")(lambda ctx: ctx.scheduler.run_after(0, "m:act"))
        t.backend.mutation(name="m:good")(lambda ctx: ctx.scheduler.run_after(0, "m:hidden"))
        for name in ("m:plan", "m:plan", "m:good"):
            t.mutation(name)
        lines = [record.lines for record in t.backend.logs if record.path in {"m:plan", "m:good"}]
        assert [len(each) for each in lines] == [1, 0, 0]
        assert "make it internal: %%action --internal" in lines[0][0]


def test_query_has_no_scheduler_and_a_ctx_that_was_kept_promises_nothing():
    kept = []
    with convex_test() as t:
        define(t)
        with pytest.raises(NotAllowedError, match="available in mutations and actions"):
            t.query(lambda ctx: ctx.scheduler)
        t.mutation(lambda ctx: kept.append(ctx))
        with pytest.raises(NotAllowedError, match="has ended"):
            kept[0].scheduler.run_after(0, "m:note")
        with pytest.raises(NotAllowedError, match=r"ctx.scheduler.runAfter is spelled ctx.scheduler.run_after"):
            t.mutation(lambda ctx: ctx.scheduler.runAfter(0, "m:note"))
        assert jobs(t) == []


@pytest.mark.parametrize("retry", [0, -1, "3", 1.5, {"tries": 3}, {"attempts": 0}, Retry(2, factor=0.5)])
def test_retry_that_makes_no_sense_is_refused(retry):
    with convex_test() as t:
        define(t)
        with pytest.raises(CallerError, match="retry= takes"):
            t.mutation(lambda ctx: ctx.scheduler.run_after(0, "m:act", retry=retry))


def test_retry_is_for_actions():
    with convex_test() as t:
        define(t)
        with pytest.raises(CallerError, match="retry= is for actions"):
            t.mutation(lambda ctx: ctx.scheduler.run_after(0, "m:note", retry=3))
        t.mutation(lambda ctx: [ctx.scheduler.run_after(0, "m:act", retry=each) for each in (None, False)] and None)
        for retry in (True, 3, {"attempts": 5, "pause_ms": 10, "factor": 3}, Retry()):
            t.mutation(lambda ctx, retry=retry: ctx.scheduler.run_after(0, "m:act", retry=retry))
        assert [each.get("retry", {}).get("attempts") for each in jobs(t)] == [None, None, 4, 3, 5, 4]


def test_pauses_grow_up_to_an_hour():
    retry = Retry(attempts=100, pause_ms=1_000, factor=2)
    assert [retry.pause_after_ms(n) for n in (1, 2, 3)] == [1_000, 2_000, 4_000]
    assert retry.pause_after_ms(99) == 3_600_000
