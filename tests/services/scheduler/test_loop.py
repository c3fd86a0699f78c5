"""When jobs run, in which order, how many at once, and over restarts."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import nbconvex
from nbconvex.backend import Backend
from nbconvex.clock import ManualClock
from nbconvex.limits import Limits
from nbconvex.storage.memory import MemoryPersistence
from tests.services.scheduler.app import app, define, jobs, notes, states, times

HOUR_S = 3_600


def scheduler_threads() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name in {"nbconvex-scheduler", "nbconvex-job"}]


@pytest.mark.case("scheduler/only_due_jobs")
def test_only_what_is_due_runs():
    with app() as t:
        for delay in (0, 60_000):
            t.mutation("m:plan", delay=delay)
        t.advance(0)
        assert states(t) == ["success", "pending"]


@pytest.mark.case("test-harness/virtual_clock")
def test_moving_time_runs_everything_in_due_order_each_at_its_own_time():
    with app() as t:
        start = t.clock.now_ns() // 10**9
        for minutes in (90, 30, 60, 119, 121):
            t.mutation("m:plan", delay=minutes * 60_000, args={"n": minutes})
        t.backend.scheduler.declare_crons(
            "test", [nbconvex.cron.interval("every", "m:note", {"n": "cron"}, minutes=45)]
        )
        t.advance(2 * HOUR_S)
        assert notes(t) == ["cron", 30, "cron", 60, 90, "cron", 119]
        assert [time - start for time in times(t)] == [0, 1800, 2700, 3600, 5400, 5400, 7140]


def test_no_thread_is_started_before_something_is_scheduled(tmp_path):
    path = tmp_path / "app.duckdb"
    with nbconvex.open(path) as backend:
        backend.mutation(name="m:f")(lambda ctx: ctx.db.insert("t", {}))
        backend.run("m:f")
        assert scheduler_threads() == []
        backend.scheduler.run_after(0, "m:f")
        assert backend.scheduler.settle()
        assert scheduler_threads() == ["nbconvex-scheduler"]
    with nbconvex.open(path):
        assert scheduler_threads() == [], "what has ended needs nobody"


@pytest.mark.case("scheduler/parallelism_limit")
def test_never_more_than_eight_run_at_once_and_the_earliest_begin_first():
    begun: list[int] = []
    running, most = 0, 0
    lock, go_on = threading.Condition(), threading.Event()
    with app() as t:

        @t.backend.action(name="m:slow")
        def slow(ctx: Any, n: int) -> None:
            nonlocal running, most
            with lock:
                begun.append(n)
                running += 1
                most = max(most, running)
                lock.notify_all()
            assert go_on.wait(20)
            with lock:
                running -= 1

        t.backend.scheduler.pause()
        for n in range(20):
            t.mutation("m:plan", target="m:slow", delay=(20 - n) * 1_000, args={"n": n})
        t.clock.advance(60)
        t.backend.scheduler.resume()
        with lock:
            assert lock.wait_for(lambda: len(begun) == 8, 10)
        assert not t.backend.scheduler.settle(0.05), "eight run, and go on"
        assert (sorted(begun), t.backend.scheduler.count("inProgress")) == ([*range(12, 20)], 8)
        go_on.set()
        t.finish_in_progress()
        assert (most, len(begun), set(states(t))) == (8, 20, {"success"})
        assert set(begun[8:16]) == {*range(4, 12)}


@pytest.mark.case("scheduler/orphan_from_old_instance")
def test_instances_do_not_know_each_others_jobs():
    begun, go_on = threading.Event(), threading.Event()
    with app() as old, app() as new:

        @old.backend.action(name="m:slow")
        def slow(ctx: Any) -> None:
            begun.set()
            go_on.wait(20)

        old.mutation("m:plan", target="m:slow")
        assert begun.wait(10)
        new.mutation("m:plan")
        new.finish_in_progress()
        assert (states(new), states(old)) == (["success"], ["inProgress"])
        go_on.set()


@pytest.mark.case("scheduler/overdue_after_restart", "scheduler/undefined_function_after_restart")
def test_job_that_came_due_while_nothing_ran_waits_for_its_function_and_then_runs():
    store, clock = MemoryPersistence(), ManualClock()
    with Backend(store, clock=clock, limits=Limits(), seed=1) as backend:
        backend.define_cell("mutation", "def note(ctx): ctx.db.insert('notes', {})", module="m")
        job = backend.scheduler.run_after(60_000, "m:note")
        other = backend.scheduler.run_after(60_000, "m:note")
        backend.database._persistence.close = lambda *_: None  # the memory store, kept as a file would be
        remembered = backend.database.get_global("functions")
    clock.advance(HOUR_S)
    with Backend(store, clock=clock, limits=Limits(), seed=2) as backend:
        assert remembered
        assert backend.scheduler.settle()
        document = backend.scheduler.get(job)
        assert document["state"] == {"kind": "pending"}
        assert backend.scheduler.reason_to_wait(document) == ("run a %%mutation m cell: it defines m:note")
        backend.mutation(name="m:other")(lambda ctx: None)
        assert backend.scheduler.settle()
        assert backend.scheduler.get(job)["state"] == {"kind": "pending"}
        backend.define_cell("mutation", "def note(ctx): ctx.db.insert('notes', {})", module="m")
        assert backend.scheduler.settle()
        for each in (job, other):
            assert backend.scheduler.get(each)["state"] == {"kind": "success"}


def test_jobs_of_functions_that_are_missing_do_not_keep_others_waiting():
    with app() as t:
        t.backend.define_cell("mutation", "def lost(ctx): pass", module="m", origin="cell")
        t.backend.scheduler.pause()
        for _ in range(200):
            t.mutation("m:plan", target="m:lost")
        t.mutation("m:plan")
        t.backend.registry.replace("cell", ())
        t.backend.scheduler.resume()
        t.finish_in_progress()
        assert (notes(t), t.backend.scheduler.count()) == ([0], 200)


def test_pause_holds_everything_back_also_over_a_restart(tmp_path):
    path = tmp_path / "app.duckdb"
    with nbconvex.open(path) as backend:
        backend.mutation(name="m:note")(lambda ctx: ctx.db.insert("notes", {}))
        backend.scheduler.pause("the disk is full")
        job = backend.scheduler.run_after(0, "m:note")
        assert backend.scheduler.settle()
        assert backend.scheduler.reason_to_wait(backend.scheduler.get(job)) == "paused: the disk is full"
    with nbconvex.open(path) as backend:
        backend.mutation(name="m:note")(lambda ctx: ctx.db.insert("notes", {}))
        assert backend.scheduler.settle()
        assert (backend.scheduler.paused, backend.scheduler.count()) == ("the disk is full", 1)
        backend.scheduler.resume()
        assert backend.scheduler.settle()
        assert (backend.scheduler.paused, backend.scheduler.count("success")) == ("", 1)
    with nbconvex.open(path) as backend:
        assert not backend.scheduler.paused


@pytest.mark.parametrize("jump_s", [-86_400, -3_600, 3_600, 86_400 * 400])
def test_clock_that_jumps_runs_nothing_twice_and_forgets_nothing(jump_s):
    with app() as t:
        for n, delay in enumerate((60, 120, 7_200)):
            t.mutation("m:plan", delay=delay * 1_000, args={"n": n})
        t.advance(60)
        assert notes(t) == [0]
        t.clock.set_ms(t.clock.now_ns() / 1e6 + jump_s * 1e3)
        t.advance(5)
        assert notes(t) == {-86_400: [0], -3_600: [0], 3_600: [0, 1]}.get(jump_s, [0, 1, 2])
        t.advance(86_400 * 2)
        assert notes(t) == [0, 1, 2]


def test_clock_that_jumps_ahead_is_noticed_within_seconds():
    with app() as t:
        t.mutation("m:plan", delay=3_600_000)
        assert t.backend.scheduler.settle()
        t.clock.set_ms(t.clock.now_ns() / 1e6 + 3_600_000)
        t.clock.advance(5)  # nothing but the passing of five seconds wakes the loop
        done = threading.Event()
        stop = t.backend.database.listen(lambda snapshot: done.set())
        assert states(t) == ["success"] or done.wait(10)
        stop()


def test_fault_of_the_scheduler_itself_ends_no_schedule(monkeypatch):
    with app() as t:
        loop = t.backend.scheduler._loop
        kept, faults = loop.running.run, []

        def run(internal: bytes) -> bool:
            if not faults:
                faults.append(internal)
                raise RuntimeError("ours")
            return kept(internal)

        monkeypatch.setattr(loop.running, "run", run)
        t.mutation("m:plan")
        t.finish_in_progress()
        assert (states(t), len(faults)) == (["pending"], 1)
        assert any(record.path == "scheduler" for record in t.backend.logs)
        define(t)  # any change of functions has it tried again
        t.finish_in_progress()
        assert states(t) == ["success"]


def test_live_query_follows_a_thousand_jobs_that_are_due_at_once():
    seen: list[int] = []
    with app() as t:
        t.backend.scheduler.pause()
        for n in range(1_000):
            t.mutation("m:plan", args={"n": n})
        subscription = t.backend.subscribe("m:look", {}, lambda update: seen.append(int(update.value)))
        t.backend.scheduler.resume()
        t.finish_in_progress()
        assert sorted(notes(t)) == [*range(1_000)]
        assert seen[-1] == 1_000
        assert seen == sorted(seen)
        subscription.close()
        order = [each["completedTime"] for each in sorted(jobs(t), key=lambda job: job["scheduledTime"])]
        assert order == sorted(order)


def test_backend_that_closes_waits_for_no_job():
    begun, go_on = threading.Event(), threading.Event()
    with app() as t:

        @t.backend.action(name="m:slow")
        async def slow(ctx: Any) -> None:
            import asyncio

            begun.set()
            await asyncio.sleep(3_600)

        @t.backend.action(name="m:stuck")
        def stuck(ctx: Any) -> None:
            go_on.wait(20)

        for target in ("m:slow", "m:stuck"):
            t.mutation("m:plan", target=target)
        assert begun.wait(10)
    go_on.set()
