"""Snapshots of the recent past: nbconvex.server.past."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nbconvex.errors import RequestRefusedError
from nbconvex.limits import Limits
from nbconvex.server.past import Past
from nbconvex.testing import convex_test


def test_timestamp_that_was_given_out_can_be_read_for_a_while() -> None:
    with convex_test() as t:
        past = Past(t.backend)
        t.run(lambda ctx: ctx.db.insert("t", {}))
        ts = past.now()
        t.run(lambda ctx: ctx.db.insert("t", {}))
        assert past.at(ts).ts == ts
        assert past.at(t.backend.database.head) is t.backend.database.snapshot
        t.advance(t.backend.limits.past_time_s)
        assert past.forget_old() == 0
        with pytest.raises(RequestRefusedError, match="kept for 60 s") as refused:
            past.at(ts)
        assert (refused.value.status, refused.value.reason) == (400, "TimestampTooOld")


def test_future_and_unknown_timestamps_are_told_apart() -> None:
    with convex_test() as t:
        past = Past(t.backend)
        t.run(lambda ctx: ctx.db.insert("t", {}))
        with pytest.raises(RequestRefusedError) as refused:
            past.at(t.backend.database.head + 1)
        assert refused.value.reason == "TimestampInFuture"
        with pytest.raises(RequestRefusedError) as refused:
            past.at(t.backend.database.head - 1)
        assert refused.value.reason == "TimestampTooOld"


def test_only_so_many_are_kept_and_asking_again_renews() -> None:
    with convex_test(limits=replace(Limits(), past_snapshots=2)) as t:
        past = Past(t.backend)
        given = []
        for _ in range(3):
            t.run(lambda ctx: ctx.db.insert("t", {}))
            given.append(past.now())
        t.run(lambda ctx: ctx.db.insert("t", {}))
        with pytest.raises(RequestRefusedError):
            past.at(given[0])
        assert [past.at(ts).ts for ts in given[1:]] == given[1:]
        assert past.forget_old() == 2
