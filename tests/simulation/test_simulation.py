"""Seeded worlds in which nothing may break the laws, and broken databases in which something must."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nbconvex.database import database as database_module
from nbconvex.database import write_log
from nbconvex.database.database import Database
from nbconvex.database.query import Query
from nbconvex.database.reads import SubscriptionIndex
from tests.simulation.world import FILES_EVERY, Violation, run
from tests.storage.forgetful_disk import ForgetfulDisk

SEEDS, SEEDS_LONG = 200, 5_000
#: Seeds of one test, so that the worlds spread over the processes of a run.
CHUNK = 20
MUTANT_SEEDS = 30


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_no_world_breaks_a_law(first, tmp_path):
    for seed in range(first, first + CHUNK):
        run(seed, tmp_path)


def test_no_world_with_a_short_memory_breaks_a_law(tmp_path, monkeypatch):
    """A transaction or a live query that is older than the write log is taken as changed."""
    for name, maximum in {"COMMITS_MAX": 4, "COMMITS_MIN": 1, "KEYS_MAX": 20}.items():
        monkeypatch.setattr(write_log, name, maximum)
    for seed in range(CHUNK):
        run(seed, tmp_path)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("first", range(SEEDS, SEEDS_LONG, 400))
def test_no_world_of_thousands_breaks_a_law(first, tmp_path):
    for seed in range(first, first + 400):
        run(seed, tmp_path)


def forget_old_keys(patch: pytest.MonkeyPatch) -> None:
    """A commit touches what documents become, not what they were."""
    whole = database_module.record_of

    def record(ts: int, accepted: Any, writes: Any, writer: str, by_field: Any) -> Any:
        return whole(ts, accepted, [each._replace(keys_before=None) for each in writes], writer, frozenset())

    patch.setattr(database_module, "record_of", record)


def forget_empty_ranges(patch: pytest.MonkeyPatch) -> None:
    """A range in which nothing was found counts as not read."""
    whole = Query.scan

    def scan(query: Query, low: bytes, high: bytes | None) -> Iterator[Any]:
        found = iter(list(whole(query, low, high)))
        for intervals in query.transaction.reads._intervals.values():
            intervals[:] = [each for each in intervals if each != [low, high]]
        return found

    patch.setattr(Query, "scan", scan)


def judge_nobody(patch: pytest.MonkeyPatch) -> None:
    """Whoever commits last wins."""
    patch.setattr(Database, "_require_no_conflict", lambda *_: None)


def never_sync(patch: pytest.MonkeyPatch) -> None:
    """The journal is written, and nobody waits for the disk."""
    patch.setattr(ForgetfulDisk, "sync", lambda *_: None)


def show_what_is_not_durable(patch: pytest.MonkeyPatch) -> None:
    """Readers see a commit as soon as it is accepted."""
    patch.setattr(Database, "snapshot", property(lambda database: database._accepted))


def overlook_subscribers(patch: pytest.MonkeyPatch) -> None:
    """A commit wakes one of those whom it concerns."""
    whole = SubscriptionIndex.matching
    patch.setattr(SubscriptionIndex, "matching", lambda index, record: set(list(whole(index, record))[:1]))


@pytest.mark.parametrize(
    "mutate",
    [forget_old_keys, forget_empty_ranges, judge_nobody, never_sync, show_what_is_not_durable, overlook_subscribers],
    ids=lambda mutate: mutate.__name__,
)
def test_a_broken_database_is_caught(mutate: Callable[[pytest.MonkeyPatch], None], monkeypatch, tmp_path):
    """The laws have teeth: each of these databases breaks one within a few seeds."""
    mutate(monkeypatch)
    on_files = mutate is never_sync
    seeds = [seed for seed in range(MUTANT_SEEDS * FILES_EVERY) if (seed % FILES_EVERY == 0) is on_files]
    assert any(breaks_a_law(seed, tmp_path) for seed in seeds[:MUTANT_SEEDS])


def breaks_a_law(seed: int, folder: Path) -> bool:
    try:
        run(seed, folder)
    except Violation:
        return True
    return False
