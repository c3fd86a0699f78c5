"""Functions that take and give times: datetimes in Python, numbers for everybody else."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict

import pytest

from nbconvex.errors import ArgumentsInvalidError, ReturnInvalidError
from nbconvex.functions.definition import args, returns
from nbconvex.testing import TestBackend, convex_test
from nbconvex.values.codec import json_dumps
from nbconvex.values.validators import v

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
MS = 1_769_860_800_000.0
HOUR = timedelta(hours=1)
SEEN: list[Any] = []


@dataclasses.dataclass
class Span:
    start: datetime
    end: datetime | None = None


class Stay(TypedDict):
    span: Span
    name: str


@pytest.fixture
def t() -> Iterator[TestBackend]:
    SEEN.clear()
    with convex_test() as driver:
        backend = driver.backend

        @backend.mutation(name="m:add")
        def add(ctx, at: datetime, tags: list[datetime] | None = None) -> datetime:
            SEEN.append((at, tags))
            return ctx.db.get(ctx.db.insert("events", {"at": at}))["at"]

        @backend.mutation(name="m:span")
        def span(ctx, span: Span) -> Span:
            SEEN.append(span)
            return Span(span.start + HOUR)

        @backend.query(name="m:stay")
        def stay(ctx, stay: Stay):
            SEEN.append(stay)

        @backend.query(name="m:rows")
        def rows(ctx):
            SEEN.append("rows")
            return ctx.db.query("events").collect()

        @backend.query(name="m:since")
        def since(ctx, since: datetime) -> list[datetime]:
            found = ctx.db.query("events").with_index("by_at", lambda q: q.gte("at", since))
            return [row["at"] for row in found]

        @backend.query(name="m:nested")
        def nested(ctx):
            return [ctx.run_query("m:since", since=NOON - HOUR), ctx.run_query("m:since", since=MS)]

        @backend.query(name="m:ms")
        @returns(v.datetime())
        @args({"at": v.datetime()})
        def ms(ctx, at):
            SEEN.append(at)
            return MS

        @backend.query(name="m:wrong")
        def wrong(ctx) -> float:
            return NOON

        @backend.query(name="m:naive")
        def naive(ctx) -> datetime:
            return datetime(2026, 1, 31)  # noqa: DTZ001

        @backend.action(name="m:act")
        def act(ctx, at: datetime) -> datetime:
            return ctx.run_mutation("m:add", at=at) + HOUR

        backend.define_schema_cell("events = table({'at': v.datetime()}).index('by_at', ['at'])")
        yield driver


@pytest.mark.parametrize("given", [NOON, MS, int(MS), NOON.astimezone()])
def test_a_handler_gets_datetimes_and_its_caller_too(t: TestBackend, given: Any) -> None:
    assert t.mutation("m:add", at=given, tags=[given]) == NOON
    assert SEEN == [(NOON, [NOON])]
    assert t.mutation("m:add", at=given) == NOON
    [row, _] = t.query("m:rows")
    assert row["at"] == NOON
    assert type(row["_creationTime"]) is float


def test_times_go_through_calls_of_every_kind(t: TestBackend) -> None:
    assert t.action("m:act", at=NOON) == NOON + HOUR
    assert t.query("m:since", since=NOON) == [NOON]
    assert t.query("m:nested") == [[NOON], [NOON]]
    assert t.query("m:ms", at=MS) == NOON
    assert SEEN[-1] == NOON


def test_instances_hold_datetimes(t: TestBackend) -> None:
    for given in (Span(NOON), {"start": MS}):
        assert t.mutation("m:span", span=given) == {"start": NOON + HOUR, "end": None}
    assert [Span(NOON)] * 2 == SEEN
    t.query("m:stay", stay={"span": {"start": MS, "end": NOON}, "name": "x"})
    assert SEEN[-1] == {"span": Span(NOON, NOON), "name": "x"}


def test_a_kept_result_still_has_its_times(t: TestBackend) -> None:
    t.mutation("m:add", at=NOON + timedelta(microseconds=7))
    SEEN.clear()
    first, second = t.query("m:rows"), t.query("m:rows")
    assert first == second
    assert second[0]["at"] == NOON + timedelta(microseconds=7)
    assert second[0]["at"].tzinfo is UTC
    assert SEEN == ["rows"]


def test_a_live_query_tells_datetimes_and_sends_numbers(t: TestBackend) -> None:
    told: list[Any] = []
    with t.backend.subscribe("m:since", {"since": NOON}, told.append):
        t.mutation("m:add", at=NOON)
        t.settle()
    assert [update.value for update in told] == [[], [NOON]]
    assert told[-1].value_json == json_dumps([MS]).encode()


def test_a_job_keeps_its_times(t: TestBackend) -> None:
    t.run(lambda ctx: ctx.scheduler.run_after(0, "m:add", at=NOON))
    t.finish_all_scheduled()
    assert SEEN == [(NOON, None)]


def test_a_trigger_is_told_of_times(t: TestBackend) -> None:
    @t.backend.trigger("events")
    def watch(ctx, change):
        SEEN.append((change.old_doc and change.old_doc["at"], change.new_doc["at"]))

    made = t.run(lambda ctx: ctx.db.insert("events", {"at": NOON}))
    t.run(lambda ctx: ctx.db.patch(made, {"at": MS + 3_600_000}))
    assert SEEN == [(None, NOON), (NOON, NOON + HOUR)]


def test_what_is_no_time_is_refused(t: TestBackend) -> None:
    for given, words in (
        ("noon", r"v\.datetime\(\)"),
        (1e300, r"v\.datetime\(\)"),
        (datetime(2026, 1, 31), "no time zone"),  # noqa: DTZ001
    ):
        with pytest.raises(ArgumentsInvalidError, match=words) as raised:
            t.mutation("m:add", at=given)
        assert ".at" in str(raised.value)
    with pytest.raises(ReturnInvalidError, match="float64"):
        t.query("m:wrong")
    with pytest.raises(ReturnInvalidError, match="no time zone"):
        t.query("m:naive")
