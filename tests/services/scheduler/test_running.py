"""Exactly once, at most once, and what becomes of failures."""

from __future__ import annotations

import itertools
import threading
from typing import Any

import pytest

from nbconvex import ConvexError
from nbconvex.backend import Backend
from nbconvex.clock import ManualClock
from nbconvex.errors import CallerError
from nbconvex.limits import Limits
from nbconvex.storage.memory import MemoryPersistence
from tests.services.scheduler.app import app, jobs, notes, states


@pytest.mark.case("scheduler/mutation_schedules_action", "scheduler/completed_time_set")
def test_action_that_a_mutation_schedules_runs_when_it_is_due():
    with app() as t:
        t.mutation("m:plan", target="m:act", delay=10_000, args={"n": 3})
        [job] = jobs(t)
        assert (job["name"], job["args"], job["state"]) == ("m:act", [{"n": 3}], {"kind": "pending"})
        t.advance(5)
        assert (states(t), notes(t)) == (["pending"], [])
        t.advance(5)
        [job] = jobs(t)
        assert (job["state"], notes(t)) == ({"kind": "success"}, [3])
        assert job["completedTime"] >= job["scheduledTime"]


@pytest.mark.case("scheduler/unrelated_failure_no_effect")
def test_failure_of_something_else_changes_no_job():
    with app() as t:
        t.mutation("m:plan")
        t.finish_in_progress()
        with pytest.raises(ConvexError):
            t.mutation("m:fails")
        assert states(t) == ["success"]


@pytest.mark.case("scheduler/action_schedules_action")
def test_action_may_schedule_an_action():
    with app() as t:
        t.backend.scheduler.pause()
        t.action(lambda ctx: ctx.scheduler.run_after(0, "m:act"))
        assert states(t) == ["pending"]
        t.backend.scheduler.resume()
        t.finish_in_progress()
        assert states(t) == ["success"]


@pytest.mark.case("scheduler/recursive_chain", "test-harness/finish_all_with_advance")
def test_chain_of_jobs_runs_to_its_end():
    with app() as t:

        @t.backend.action(name="m:chain")
        def chain(ctx: Any, left: int) -> None:
            ctx.run_mutation("m:note", n=left)
            if left:
                ctx.scheduler.run_after(3_600_000, "m:chain", left=left - 1)

        t.action("m:chain", left=10)
        t.finish_all_scheduled()
        assert notes(t) == [*range(10, -1, -1)]


@pytest.mark.case("scheduler/endless_self_scheduling")
def test_chain_without_an_end_is_found_out():
    with app() as t:
        t.backend.mutation(name="m:again")(lambda ctx: ctx.scheduler.run_after(1, "m:again"))
        t.mutation("m:again")
        with pytest.raises(CallerError, match="infinitely recursive scheduling"):
            t.finish_all_scheduled(jobs_max=20)


@pytest.mark.case("scheduler/failed_state", "scheduler/failed_mutation_job_rolls_back")
def test_job_that_raises_has_failed_wrote_nothing_and_is_not_run_again():
    runs = []
    with app() as t:

        @t.backend.action(name="m:raises")
        def raises(ctx: Any, n: int) -> None:
            runs.append(n)
            raise ValueError("broken")

        t.mutation("m:plan", target="m:raises", args={"n": 5})
        t.mutation("m:plan", target="m:fails")
        t.finish_all_scheduled()
        t.advance(3_600)
        action, mutation = jobs(t)
        assert action["state"] == {"kind": "failed", "error": "ValueError: broken"}
        assert (action["args"], runs) == ([{"n": 5}], [5])
        assert mutation["state"] == {"kind": "failed", "error": "ConvexError: no such luck"}
        assert notes(t) == []
        assert [each.status for each in t.backend.logs if each.source == "job"] == ["error", "error"]


@pytest.mark.case("scheduler/schedule_query")
def test_scheduled_query_fails_when_it_is_due():
    with app() as t:
        t.mutation("m:plan", target="m:look")
        t.finish_in_progress()
        [job] = jobs(t)
        assert job["state"]["kind"] == "failed"
        assert "Unsupported function type" in job["state"]["error"]


@pytest.mark.case("scheduler/no_identity", "scheduler/internal_target_ok")
def test_job_has_no_identity_and_may_be_internal():
    with app() as t:
        t.with_identity(subject="ada").mutation("m:plan", target="m:who")
        t.finish_in_progress()
        assert notes(t) == [True]


@pytest.mark.case("scheduler/poll_from_action")
def test_action_sees_what_it_scheduled_take_effect():
    def polls(ctx: Any) -> int:
        ctx.scheduler.run_after(0, "m:note", n=1)
        for _ in range(2_000):
            if ctx.run_query("m:look"):
                return 1
            threading.Event().wait(0.001)
        return 0

    with app() as t:
        assert t.action(polls) == 1


@pytest.mark.case("scheduler/retry_option")
def test_action_with_retries_is_tried_until_it_succeeds():
    tries = []
    with app() as t:

        @t.backend.action(name="m:flaky")
        def flaky(ctx: Any) -> None:
            tries.append(t.clock.now_ns() // 1_000_000)
            if len(tries) < 3:
                raise OSError("the world is not ready")

        t.mutation(lambda ctx: ctx.scheduler.run_after(0, "m:flaky", retry={"attempts": 3, "pause_ms": 1_000}))
        t.finish_in_progress()
        [job] = jobs(t)
        assert (job["attempts"], job["state"]) == (
            1, {"kind": "pending", "lastError": "OSError: the world is not ready"},
        )  # fmt: skip
        t.advance(60)
        [job] = jobs(t)
        assert (job["attempts"], job["state"]) == (3, {"kind": "success"})
        assert [after - before for before, after in itertools.pairwise(tries)] == [1_000, 2_000]


def test_action_without_attempts_left_has_failed():
    with app() as t:

        @t.backend.action(name="m:hopeless")
        def hopeless(ctx: Any) -> None:
            raise OSError("no")

        t.mutation(lambda ctx: ctx.scheduler.run_after(0, "m:hopeless", retry=3))
        t.advance(60)
        [job] = jobs(t)
        assert (job["attempts"], job["state"]) == (3, {"kind": "failed", "error": "OSError: no"})


@pytest.mark.case("scheduler/cancel_finished")
def test_cancelling_what_has_ended_does_nothing_and_says_so():
    with app() as t:
        job = t.mutation("m:plan")
        t.finish_in_progress()
        t.mutation(lambda ctx: ctx.scheduler.cancel(job))
        assert states(t) == ["success"]
        assert "was not canceled: it has ended (success)" in list(t.backend.logs)[-2].lines[0]


@pytest.mark.case("scheduler/cancel_self")
def test_mutation_cannot_cancel_its_own_run():
    with app() as t:

        @t.backend.mutation(name="m:suicidal")
        def suicidal(ctx: Any) -> None:
            [job] = ctx.db.system.query("_scheduled_functions").collect()
            ctx.scheduler.cancel(job["_id"])

        t.mutation("m:plan", target="m:suicidal")
        t.finish_in_progress()
        [job] = jobs(t)
        assert job["state"]["kind"] == "failed"
        assert "cannot cancel its own run" in job["state"]["error"]


@pytest.mark.case("scheduler/cancel_rolls_back")
def test_cancelling_is_taken_back_with_its_transaction():
    with app() as t:
        job = t.mutation("m:plan", delay=1_000, args={"n": 1})

        def cancels(ctx: Any) -> None:
            ctx.scheduler.cancel(job)
            raise ConvexError("no")

        with pytest.raises(ConvexError):
            t.mutation(cancels)
        t.advance(1)
        assert (states(t), notes(t)) == (["success"], [1])


def test_job_that_is_canceled_in_time_does_not_run():
    with app() as t:
        job = t.mutation("m:plan", delay=1_000)
        t.mutation(lambda ctx: ctx.scheduler.cancel(job))
        t.advance(2)
        assert (states(t), notes(t)) == (["canceled"], [])
        assert jobs(t)[0]["completedTime"] >= jobs(t)[0]["scheduledTime"]


@pytest.mark.parametrize("job", ["nonsense", "", None, 7])
def test_what_is_no_job_cannot_be_canceled(job):
    with app() as t:
        note = t.mutation("m:note")
        for each in (job, note):
            with pytest.raises(CallerError, match="expected an Id<_scheduled_functions>"):
                t.mutation(lambda ctx, each=each: ctx.scheduler.cancel(each))


@pytest.mark.case("scheduler/cancel_running_action")
def test_action_that_is_canceled_goes_on_but_what_it_schedules_is_canceled():
    begun, go_on = threading.Event(), threading.Event()
    with app() as t:

        @t.backend.action(name="m:slow")
        def slow(ctx: Any) -> None:
            begun.set()
            assert go_on.wait(10)
            ctx.scheduler.run_after(0, "m:note", n=1)
            ctx.run_mutation("m:plan", args={"n": 2})
            ctx.run_mutation("m:note", n=3)

        job = t.mutation("m:plan", target="m:slow")
        assert begun.wait(10)
        t.backend.scheduler.cancel(job)
        assert states(t) == ["canceled"]
        go_on.set()
        t.finish_in_progress()
        assert states(t) == ["canceled"] * 3
        assert notes(t) == [3]


@pytest.mark.case("scheduler/job_conflict_retried", "transactions/scheduled_mutation_retries_longer")
def test_mutation_that_keeps_meeting_conflicts_succeeds_in_the_end_once():
    tries = []
    with app(limits={"conflict_retries": 2}) as t:
        counter = t.run(lambda ctx: ctx.db.insert("counters", {"n": 0}))

        @t.backend.mutation(name="m:count")
        def count(ctx: Any) -> None:
            n = ctx.db.get(counter)["n"]
            tries.append(n)
            if len(tries) <= 7:
                # Somebody else is faster, each time.
                other = t.backend.database.begin(writable=True)
                other.patch(counter, {"n": n + 10})
                t.backend.database.commit(other)
            ctx.db.patch(counter, {"n": n + 1})

        t.mutation("m:plan", target="m:count")
        t.finish_in_progress()
        assert (states(t), tries) == (["success"], [0, 10, 20, 30, 40, 50, 60, 70])
        assert t.run(lambda ctx: ctx.db.get(counter)["n"]) == 71


def test_mutation_that_is_canceled_while_it_runs_wrote_nothing():
    with app() as t:
        tries = []

        @t.backend.mutation(name="m:slow")
        def slow(ctx: Any) -> None:
            tries.append(1)
            ctx.db.insert("notes", {"n": 1})
            other = t.backend.database.begin(writable=True)
            t.backend.runner.schedules.cancel(other, job)
            t.backend.database.commit(other)

        t.backend.scheduler.pause()
        job = t.mutation("m:plan", target="m:slow")
        t.backend.scheduler.resume()
        t.finish_in_progress()
        assert (states(t), notes(t), tries) == (["canceled"], [], [1])


@pytest.mark.case("scheduler/mutation_not_rerun_after_commit", "scheduler/action_at_most_once")
def test_restart_runs_no_mutation_again_and_fails_actions_that_were_running():
    """The store as a process leaves it that dies while an action runs: another process reads the same log."""
    store, clock = MemoryPersistence(), ManualClock()
    begun, go_on = threading.Event(), threading.Event()
    runs = []

    def define(backend: Backend) -> None:
        backend.mutation(name="m:note")(lambda ctx: ctx.db.insert("notes", {}))

        @backend.action(name="m:slow")
        def slow(ctx: Any) -> None:
            runs.append(1)
            begun.set()
            go_on.wait(10)

    first = Backend(store, clock=clock, limits=Limits(), seed=1)
    define(first)
    done = first.scheduler.run_after(0, "m:note")
    assert first.scheduler.settle()
    broken = first.scheduler.run_after(0, "m:slow")
    safe = first.scheduler.run_after(0, "m:slow", retry=2)
    assert begun.wait(10)
    while first.scheduler.count("inProgress") < 2:
        pass
    second = Backend(store, clock=clock, limits=Limits(), seed=2)
    assert second.scheduler.settle()
    assert second.scheduler.get(done)["state"] == {"kind": "success"}
    assert second.scheduler.get(broken)["state"]["kind"] == "failed"
    assert second.scheduler.get(broken)["state"]["error"].startswith("Transient error")
    assert second.scheduler.get(safe)["state"]["kind"] == "pending"
    assert second.run_inline(_count()) == 1
    assert len(runs) == 2
    go_on.set()
    second.close()
    first.close()


def _count() -> Any:
    from nbconvex.functions.definition import define

    return define("query", lambda ctx: ctx.db.query("notes").count(), "inline")
