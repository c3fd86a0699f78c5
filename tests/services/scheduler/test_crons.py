"""Crons: when they run, what they skip, and what becomes of them."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from nbconvex import cron, mutation
from nbconvex.backend import Backend
from nbconvex.clock import ManualClock
from nbconvex.errors import ArgumentsInvalidError, CallerError, FunctionNotFoundError
from nbconvex.limits import Limits
from nbconvex.storage.memory import MemoryPersistence
from nbconvex.testing import TestBackend
from tests.services.scheduler.app import app, jobs, notes, times

HOUR_S, DAY_S = 3_600, 86_400
NEW_YEAR_MS = datetime(2025, 1, 1, tzinfo=UTC).timestamp() * 1e3


def declare(t: TestBackend, *definitions: Any, origin: str = "cell") -> Any:
    return t.backend.scheduler.declare_crons(origin, definitions)


def cron_named(t: TestBackend, name: str) -> dict[str, Any]:
    [found] = [each for each in t.backend.scheduler.crons.documents() if each["name"] == name]
    return found


@pytest.mark.case("crons/interval_first_run")
def test_interval_runs_at_once_and_then_each_hour():
    with app() as t:
        start = t.clock.now_ns() // 10**9
        change = declare(t, cron.interval("x", "m:note", hours=1))
        assert change.added == ("x",)
        t.finish_in_progress()
        assert [time - start for time in times(t)] == [0]
        t.advance(2.5 * HOUR_S)
        assert [time - start for time in times(t)] == [0, HOUR_S, 2 * HOUR_S]


@pytest.mark.case("crons/daily", "crons/hourly")
def test_daily_and_hourly_run_in_their_minute():
    with app(clock=ManualClock(NEW_YEAR_MS)) as t:
        declare(t, cron.daily("day", "m:note", {"n": "day"}, hour=9, minute=30))
        declare(t, cron.hourly("hour", "m:note", {"n": "hour"}, minute=15), origin="other")
        t.advance(3 * HOUR_S)
        assert notes(t) == ["hour"] * 3
        t.advance(2 * DAY_S - 3 * HOUR_S)
        day = [time for time, note in zip(times(t), notes(t), strict=True) if note == "day"]
        assert [datetime.fromtimestamp(time, UTC).strftime("%d %H:%M") for time in day] == ["01 09:30", "02 09:30"]
        assert len(notes(t)) == 50


@pytest.mark.case("crons/args_passed")
def test_cron_passes_its_arguments_and_checks_them_when_it_is_declared():
    with app() as t:
        declare(t, cron.interval("x", "m:note", {"n": {"deep": [1]}}, minutes=1))
        t.finish_in_progress()
        assert notes(t) == [{"deep": [1]}]
        with pytest.raises(ArgumentsInvalidError):
            declare(t, cron.interval("x", "m:note", {"n": object()}, minutes=1))
        with pytest.raises(FunctionNotFoundError):
            declare(t, cron.interval("x", "m:nope", minutes=1))
        with pytest.raises(CallerError, match="which is a query"):
            declare(t, cron.interval("x", "m:look", minutes=1))
        assert cron_named(t, "x")["args"] == {"n": {"deep": [1]}}


@pytest.mark.case("crons/overlap_skipped")
def test_never_two_runs_at_once_and_skipped_ones_are_counted():
    begun, go_on = threading.Semaphore(0), threading.Semaphore(0)
    running, most = 0, 0
    with app() as t:

        @t.backend.action(name="m:slow")
        def slow(ctx: Any) -> None:
            nonlocal running, most
            running += 1
            most = max(most, running)
            begun.release()
            assert go_on.acquire(timeout=20)
            running -= 1

        declare(t, cron.interval("x", "m:slow", minutes=1))
        assert begun.acquire(timeout=10)
        t.advance(190)
        assert (cron_named(t, "x")["runs"], cron_named(t, "x")["skipped"]) == (1, 3)
        lines = [line for record in t.backend.logs if record.path == "cron x" for line in record.lines]
        assert lines == ["[WARN] skipped 1 run: the one before has not ended (inProgress)."] * 3
        go_on.release()
        t.finish_in_progress()
        go_on.release()
        t.advance(60)
        assert (cron_named(t, "x")["runs"], cron_named(t, "x")["skipped"], most) == (2, 3, 1)


def test_failed_run_is_logged_and_the_next_one_comes():
    with app() as t:
        declare(t, cron.interval("x", "m:fails", minutes=1))
        t.advance(120)
        assert [each["state"]["kind"] for each in jobs(t)] == ["failed"] * 3
        assert [each["cron"] for each in jobs(t)] == ["x"] * 3
        assert len(cron_named(t, "x")["history"]) == 3


@pytest.mark.case("crons/removed_from_code")
def test_cron_that_its_origin_does_not_declare_any_more_is_gone():
    with app() as t:
        declare(t, cron.interval("x", "m:note", {"n": "x"}, minutes=1), cron.interval("y", "m:note", minutes=1))
        declare(t, cron.interval("z", "m:note", {"n": "z"}, minutes=1), origin="other")
        t.finish_in_progress()
        assert declare(t, cron.interval("y", "m:note", minutes=1)).removed == ("x",)
        t.advance(60)
        assert sorted(map(str, notes(t))) == ["0", "0", "x", "z", "z"]
        assert declare(t).removed == ("y",)
        t.backend.scheduler.crons.remove("z")
        assert len(t.backend.scheduler.crons) == 0
        with pytest.raises(CallerError, match="there is no cron 'z'"):
            t.backend.scheduler.crons.remove("z")


@pytest.mark.case("crons/schedule_changed")
def test_changed_schedule_counts_from_the_last_run():
    with app() as t:
        start = t.clock.now_ns() // 10**9
        declare(t, cron.interval("x", "m:note", hours=1))
        t.advance(60)
        assert declare(t, cron.interval("x", "m:note", minutes=5)).changed == ("x",)
        t.advance(600)
        assert [time - start for time in times(t)] == [0, 300, 600]


def test_declaring_the_same_again_changes_nothing():
    with app() as t:
        declare(t, cron.interval("x", "m:note", hours=1))
        t.advance(1_800)
        before = cron_named(t, "x")
        change = declare(t, cron.interval("x", "m:note", hours=1))
        assert (change.added, change.changed, change.removed) == ((), (), ())
        assert cron_named(t, "x") == before
        declare(t, cron.interval("x", "m:note", {"n": 2}, hours=1))
        assert cron_named(t, "x")["nextTime"] == before["nextTime"]


def test_name_belongs_to_one_origin():
    with app() as t:
        with pytest.raises(CallerError, match="'x' is registered twice"):
            declare(t, cron.interval("x", "m:note", hours=1), cron.interval("x", "m:act", hours=1))
        declare(t, cron.interval("x", "m:note", hours=1))
        with pytest.raises(CallerError, match="'x' is registered twice: here, and by cell"):
            declare(t, cron.interval("x", "m:note", hours=1), origin="other")
        assert cron_named(t, "x")["origin"] == "cell"


def test_crons_of_a_module_come_and_go_with_it():
    @cron.interval("from a decorator", minutes=1)
    @mutation
    def tidy(ctx):
        ctx.db.insert("notes", {"n": "tidy", "at": 0})

    with app() as t:
        t.backend.add_module({"tidy": tidy, "bound": cron.daily("bound", "m:note", hour=3)}, "janitor")
        assert len(t.backend.scheduler.crons) == 2
        t.finish_in_progress()
        assert notes(t) == ["tidy"]
        t.backend.add_module({}, "janitor")
        assert len(t.backend.scheduler.crons) == 0


def test_overdue_cron_runs_once_after_a_restart_and_counts_what_it_missed():
    store, clock = MemoryPersistence(), ManualClock(NEW_YEAR_MS)

    def define(backend: Backend) -> None:
        backend.mutation(name="m:note")(lambda ctx: ctx.db.insert("notes", {}))
        backend.scheduler.declare_crons("cell", [cron.daily("x", "m:note", hour=9, minute=0)])

    with Backend(store, clock=clock, limits=Limits(), seed=1) as backend:
        define(backend)
        store.close = lambda *_: None
    clock.advance(4 * DAY_S)
    with Backend(store, clock=clock, limits=Limits(), seed=2) as backend:
        backend.scheduler.settle()
        assert backend.scheduler.count() == 1, "it waits for its function"
        define(backend)
        backend.scheduler.settle()
        [document] = backend.scheduler.crons.documents()
        assert (document["runs"], document["skipped"]) == (1, 3)
        assert document["nextTime"] == NEW_YEAR_MS + (4 * DAY_S + 9 * HOUR_S) * 1e3
        assert backend.scheduler.count("success") == 1
        assert any("skipped 3 runs" in line for record in backend.logs for line in record.lines)


def test_reset_keeps_the_crons_of_this_process_like_its_functions():
    with app() as t:
        declare(t, cron.interval("x", "m:note", hours=1))
        t.finish_in_progress()
        t.backend.reset()
        t.finish_in_progress()
        assert (cron_named(t, "x")["runs"], notes(t)) == (1, [0])


@pytest.mark.parametrize("jump_s", [-86_400, 86_400])
def test_clock_that_jumps_does_crons_no_harm(jump_s):
    with app() as t:
        declare(t, cron.interval("x", "m:note", hours=1))
        t.advance(HOUR_S)
        t.clock.set_ms(t.clock.now_ns() / 1e6 + jump_s * 1e3)
        t.advance(10)
        ran = cron_named(t, "x")["runs"]
        assert ran == (2 if jump_s < 0 else 3)
        t.advance(2 * DAY_S)
        assert cron_named(t, "x")["runs"] > ran
        assert {each["state"]["kind"] for each in jobs(t)} == {"success"}
