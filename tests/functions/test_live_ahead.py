"""Live queries run while the commit that touched them is on its way to the disk, and nobody hears of it too early."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from nbconvex.backend import Backend
from nbconvex.clock import ManualClock
from nbconvex.errors import StorageFailedError
from nbconvex.limits import Limits
from tests.database.stores import BlockingPersistence, FailingPersistence


class Followed:
    """A backend of one followed query, whose handler says when it ran and takes as long as the test wants."""

    def __init__(self, persistence: Any) -> None:
        self.clock = ManualClock()
        self.backend = Backend(persistence, clock=self.clock, limits=Limits(), seed=0)
        self.ran = threading.Event()
        self.takes_s = 0.0
        self.told: list[Any] = []

        @self.backend.query(name="m:bodies")
        def bodies(ctx):
            self.clock.advance(self.takes_s)
            self.ran.set()
            return [row["body"] for row in ctx.db.query("t")]

        @self.backend.mutation(name="m:add")
        def add(ctx, body):
            ctx.db.insert("t", {"body": body})

        self.follow()

    def follow(self) -> None:
        self.backend.subscribe("m:bodies", {}, lambda update: self.told.append(update.value))
        self.ran.clear()

    def add_aside(self, body: str) -> threading.Thread:
        thread = threading.Thread(target=self.backend.run_mutation, args=("m:add", {"body": body}))
        thread.start()
        return thread

    def settle(self) -> None:
        assert self.backend.live.settle()


@pytest.fixture
def slow_disk() -> Iterator[tuple[Followed, BlockingPersistence]]:
    persistence = BlockingPersistence()
    followed = Followed(persistence)
    yield followed, persistence
    persistence.gate.set()
    followed.backend.close()


def test_a_quick_query_has_run_before_the_disk_is_done_and_is_told_after(
    slow_disk: tuple[Followed, BlockingPersistence],
) -> None:
    followed, disk = slow_disk
    disk.gate.clear()
    adding = followed.add_aside("one")
    assert followed.ran.wait(10)
    assert followed.told == [[]]
    # A new subscriber meanwhile sees what is durable only.
    with followed.backend.subscribe("m:bodies", {}) as other:
        assert other.latest.value == []
    disk.gate.set()
    adding.join(10)
    followed.settle()
    assert followed.told == [[], ["one"]]


def test_a_query_that_took_long_last_time_waits_for_the_disk(slow_disk: tuple[Followed, BlockingPersistence]) -> None:
    followed, disk = slow_disk
    followed.takes_s = 0.01
    followed.backend.run_mutation("m:add", {"body": "one"})
    followed.settle()
    followed.ran.clear()
    disk.entered.clear()
    disk.gate.clear()
    adding = followed.add_aside("two")
    assert disk.entered.wait(10)
    # Long enough for a query that does not wait, which the test above sees run.
    assert not followed.ran.wait(0.05)
    disk.gate.set()
    adding.join(10)
    followed.settle()
    assert followed.told == [[], ["one"], ["one", "two"]]


def test_what_never_became_durable_is_told_to_nobody() -> None:
    persistence = FailingPersistence()
    followed = Followed(persistence)
    followed.backend.run_mutation("m:add", {"body": "one"})
    followed.settle()
    persistence.is_broken = True
    with pytest.raises(StorageFailedError):
        followed.backend.run_mutation("m:add", {"body": "two"})
    followed.settle()
    assert followed.told == [[], ["one"]]
    assert followed.backend.database.ahead is followed.backend.database.snapshot
    persistence.is_broken = False
    followed.backend.close()
