"""Scheduled functions as documents."""

from __future__ import annotations

import random
from typing import Any

import pytest

import nbconvex
from nbconvex.database.loading import load_snapshot
from nbconvex.database.system_tables import BY_DUE, SCHEDULED_FUNCTIONS_TABLE
from nbconvex.errors import LimitExceededError
from nbconvex.functions.scheduling import Promise
from nbconvex.services.scheduler import jobs
from tests.database.snapshot_checks import check_consistent, contents
from tests.services.scheduler.app import app, states
from tests.services.scheduler.app import jobs as all_jobs

DAY_S = 86_400


def test_next_due_is_the_first_entry_of_an_index_whatever_the_order_of_promises():
    rng = random.Random(3)
    with app() as t:
        t.backend.scheduler.pause()
        now_ms = t.clock.now_ns() / 1e6
        due = [now_ms + rng.randrange(1, 10_000_000) for _ in range(300)]
        tx = t.backend.database.begin(writable=True)
        kept = t.backend.runner.schedules
        for time_ms in due:
            kept.add(tx, Promise("m:note", {}, time_ms))
        t.backend.database.commit(tx)
        snapshot = t.backend.database.snapshot
        assert jobs.next_due_ms(snapshot) == min(due)
        assert [each["scheduledTime"] for each in jobs.of_kind(snapshot, "pending")] == sorted(due)
        middle = sorted(due)[150]
        assert jobs.next_due_ms(snapshot, middle) == sorted(due)[151]
        assert len(list(jobs.due_ids(snapshot, middle))) == 151
        assert (jobs.count_of(snapshot, "pending"), jobs.count_of(snapshot, "success")) == (300, 0)


def test_index_of_due_times_is_there_after_a_restart_a_schema_push_and_a_reset(tmp_path):
    path = tmp_path / "app.duckdb"
    with nbconvex.open(path) as backend:
        backend.mutation(name="m:f")(lambda ctx: None)
        backend.scheduler.run_after(60_000, "m:f")
        backend.push_schema({"t": nbconvex.table({"n": nbconvex.v.number()}).index("by_n", ["n"])})
        assert BY_DUE in backend.database.snapshot.tables[SCHEDULED_FUNCTIONS_TABLE].indexes
        before = contents(backend.database.snapshot)
    with nbconvex.open(path) as backend:
        snapshot = backend.database.snapshot
        assert contents(snapshot) == before
        check_consistent(snapshot)
        assert jobs.count_of(snapshot, "pending") == 1
        backend.reset()
        assert jobs.count_of(backend.database.snapshot, "pending") == 0
        backend.mutation(name="m:f")(lambda ctx: None)
        backend.scheduler.run_after(60_000, "m:f")
        assert backend.scheduler.count() == 1


def test_rebuilt_snapshot_equals_the_live_one():
    with app() as t:
        for delay in (0, 10, 1_000):
            t.mutation("m:plan", delay=delay * 1_000)
        t.advance(20)
        database = t.backend.database
        assert contents(load_snapshot(database._persistence)) == contents(database.snapshot)


@pytest.mark.case("scheduler/kept_seven_days")
def test_jobs_that_ended_are_kept_for_a_week():
    with app() as t:
        old = t.mutation("m:plan", target="m:fails")
        t.advance(2 * DAY_S)
        young = t.mutation("m:plan")
        late = t.mutation("m:plan", delay=30 * DAY_S * 1_000)
        t.advance(6 * DAY_S)
        assert {each["_id"] for each in all_jobs(t)} == {young, late}
        assert t.backend.scheduler.get(old) is None
        t.advance(2 * DAY_S)
        assert {each["_id"] for each in all_jobs(t)} == {late}


def test_many_old_jobs_are_deleted_in_several_transactions():
    with app() as t:
        tx = t.backend.database.begin(writable=True)
        for _ in range(2_500):
            t.backend.runner.schedules.add(tx, Promise("m:note", {}, 0.0))
        for document in list(jobs.of_kind(tx.snapshot, "pending")):
            jobs.end(tx, document, "success")
        t.backend.database.commit(tx)
        t.finish_in_progress()
        assert len(jobs.old_ids(t.backend.database.snapshot, t.clock.now_ns() / 1e6 + 8 * DAY_S * 1e3)) == 1_000
        t.advance(8 * DAY_S)
        assert not jobs.has_any(t.backend.database.snapshot)


def test_there_is_a_limit_to_what_may_wait():
    with app(limits={"scheduled_pending": 2}) as t:
        t.mutation("m:plan", delay=1_000)
        t.mutation("m:plan", delay=1_000)
        with pytest.raises(LimitExceededError, match="2 scheduled functions are waiting already"):
            t.mutation("m:plan", delay=1_000)
        t.advance(1)
        t.mutation("m:plan", delay=1_000)
        assert states(t) == ["success", "success", "pending"]


def test_long_error_and_half_a_character_can_be_kept():
    with app() as t:

        @t.backend.action(name="m:raises")
        def raises(ctx: Any) -> None:
            raise ValueError("\ud800" + "x" * 10_000)

        t.mutation("m:plan", target="m:raises")
        t.finish_in_progress()
        error = all_jobs(t)[0]["state"]["error"]
        assert error.startswith("ValueError: ?x")
        assert len(error) == jobs.ERROR_CHARACTERS_MAX
