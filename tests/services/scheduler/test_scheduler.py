"""The schedule as plain code sees it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from nbconvex.errors import CallerError, FunctionNotFoundError
from tests.services.scheduler.app import app, notes, states


def test_plain_code_schedules_looks_and_cancels():
    with app() as t:
        scheduler = t.backend.scheduler
        first = scheduler.run_after(1_000, t.api.m.note, n=1)
        second = scheduler.run_at(datetime.fromtimestamp(t.clock.now_ns() / 1e9 + 5, UTC), "m:note", {"n": 2})
        third = scheduler.run_after(2_000, t.internal.m.who)
        assert scheduler.cancel(third) == ""
        assert [each["_id"] for each in scheduler.documents()] == [first, second, third]
        assert [each["_id"] for each in scheduler.documents("canceled")] == [third]
        assert scheduler.get(second)["args"] == [{"n": 2}]
        t.advance(10)
        assert (notes(t), states(t)) == ([1, 2], ["success", "success", "canceled"])
        assert "has ended (success)" in scheduler.cancel(first)


def test_plain_code_is_told_what_is_wrong_as_functions_are():
    with app() as t:
        scheduler = t.backend.scheduler
        with pytest.raises(CallerError, match="non-negative"):
            scheduler.run_after(-1, "m:note")
        with pytest.raises(FunctionNotFoundError):
            scheduler.run_after(0, "m:nope")
        with app() as other:
            of_another_store = other.backend.scheduler.run_after(0, "m:note")
        with pytest.raises(CallerError, match="there is no scheduled function"):
            scheduler.cancel(of_another_store)


def test_functions_use_their_own_scheduler():
    with app() as t:
        scheduler = t.backend.scheduler
        with pytest.raises(CallerError, match=r"ctx.scheduler.run_after\(\.\.\.\)"):
            t.mutation(lambda ctx: scheduler.run_after(0, "m:note"))
        with pytest.raises(CallerError, match=r"ctx.scheduler.cancel\(\.\.\.\)"):
            t.action(lambda ctx: scheduler.cancel("x"))


@pytest.mark.case("system-tables/get_scheduled", "system-tables/subscription_on_jobs")
def test_functions_read_jobs_and_live_queries_follow_them():
    seen = []
    with app() as t:
        job = t.backend.scheduler.run_after(1_000, "m:note")
        assert t.query(lambda ctx: ctx.db.system.get(job)["state"]) == {"kind": "pending"}

        @t.backend.query(name="m:states")
        def states_of(ctx):
            return [each["state"]["kind"] for each in ctx.db.system.query("_scheduled_functions")]

        with t.backend.subscribe("m:states", {}, lambda update: seen.append(update.value)):
            t.advance(1)
        assert seen == [["pending"], ["success"]]


def test_a_job_has_a_note_about_what_its_state_does_not_say():
    with app() as t:
        scheduler = t.backend.scheduler

        @t.backend.action(name="m:breaks")
        def breaks(ctx):
            raise ValueError("no network")

        failed = scheduler.run_after(0, "m:fails")
        retried = scheduler.run_after(0, "m:breaks", retry={"attempts": 2, "pause_ms": 60_000})
        t.finish_in_progress()
        assert scheduler.note_on(scheduler.get(failed)).startswith("ConvexError: no such luck")
        assert scheduler.note_on(scheduler.get(retried)).startswith("attempt 1 of 2 (ValueError: no network")
        scheduler.pause("lunch")
        assert scheduler.note_on(scheduler.get(retried)).startswith("paused: lunch; attempt 1 of 2")


def test_reason_to_wait_is_told_of_what_waits_only():
    with app() as t:
        scheduler = t.backend.scheduler
        job = scheduler.run_after(0, "m:note")
        t.finish_in_progress()
        assert scheduler.reason_to_wait(scheduler.get(job)) == ""
        later = scheduler.run_after(1_000, "m:note")
        assert scheduler.reason_to_wait(scheduler.get(later)) == ""
