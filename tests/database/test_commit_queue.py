"""The line in front of the persistence."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from nbconvex.database.commit_queue import CommitQueue, Pending
from nbconvex.database.snapshot import Snapshot
from nbconvex.errors import StorageFailedError
from nbconvex.storage.persistence import Commit, Revision
from tests.database.stores import BlockingPersistence, FailingPersistence, RecordingPersistence


def at(ts: int) -> Snapshot:
    empty = Snapshot.empty()
    return Snapshot(ts, empty.layout, empty.numbers)


def commit(ts: int, resolve: Any = None) -> Pending:
    return Pending(ts, Commit(ts, (Revision(10_001, b"x" * 16, b"payload"),)), at(ts), resolve)


def reader(ts: int, resolve: Any = None) -> Pending:
    return Pending(ts, None, at(ts), resolve)


def test_everything_that_waits_goes_into_one_append_in_order() -> None:
    persistence, told = RecordingPersistence(), []
    queue = CommitQueue(persistence, at(0))
    queue.listen(lambda snapshot: told.append(snapshot.ts))
    entries = [commit(1), commit(2), reader(2), commit(3), reader(2)]
    for each in entries:
        queue.enter(each)
    queue.wait(entries[0])
    assert [[each.ts for each in batch] for batch in persistence.batches] == [[1, 2, 3]]
    assert [each.is_done for each in entries] == [True] * 5
    assert (queue.published.ts, told) == (3, [3])


def test_a_reader_alone_appends_and_publishes_nothing() -> None:
    persistence, told = RecordingPersistence(), []
    queue = CommitQueue(persistence, at(5))
    queue.listen(told.append)
    queue.enter(waiting := reader(5))
    queue.wait(waiting)
    assert (persistence.batches, queue.published.ts, told) == ([], 5, [])


def test_what_is_published_is_there_before_anybody_is_told() -> None:
    queue = CommitQueue(RecordingPersistence(), at(0))
    seen: list[tuple[int, int]] = []
    for ts in (1, 2):
        queue.enter(commit(ts, lambda outcome: seen.append((outcome, queue.published.ts))))
    queue.enter(last := commit(3))
    queue.wait(last)
    assert seen == [(1, 3), (2, 3)]


def test_the_committer_writes_for_those_who_do_not_wait() -> None:
    persistence = BlockingPersistence()
    queue = CommitQueue(persistence, at(0))
    outcomes: list[Any] = []
    is_done = threading.Event()
    persistence.gate.clear()
    queue.enter(commit(1, outcomes.append))
    queue.wake()
    assert persistence.entered.wait(10)
    for ts in range(2, 50):
        queue.enter(commit(ts, outcomes.append))
        queue.wake()
    queue.enter(commit(50, lambda outcome: (outcomes.append(outcome), is_done.set())))
    queue.wake()
    persistence.gate.set()
    assert is_done.wait(10)
    queue.stop()
    assert outcomes == list(range(1, 51))
    assert [len(batch) for batch in persistence.batches] == [1, 49]


def test_no_wake_is_lost() -> None:
    queue = CommitQueue(RecordingPersistence(), at(0))
    for ts in range(1, 300):
        is_done = threading.Event()
        queue.enter(commit(ts, lambda _, is_done=is_done: is_done.set()))
        queue.wake()
        assert is_done.wait(10), f"entry {ts} was forgotten"
    queue.stop()


def test_after_a_failure_everybody_is_told_and_nothing_more_is_appended() -> None:
    persistence, published, outcomes = FailingPersistence(), [], []
    queue = CommitQueue(persistence, at(0))
    queue.listen(published.append)
    persistence.is_broken = True
    entries = [commit(1, outcomes.append), reader(1, outcomes.append), commit(2)]
    for each in entries:
        queue.enter(each)
    with pytest.raises(StorageFailedError, match="the disk is gone"):
        queue.wait(entries[0])
    with pytest.raises(StorageFailedError):
        queue.wait(entries[2])
    persistence.is_broken = False
    queue.enter(late := commit(3))
    with pytest.raises(StorageFailedError):
        queue.wait(late)
    assert [type(each) for each in outcomes] == [StorageFailedError] * 2
    assert (persistence.appends, queue.published.ts, published) == (1, 0, [])
    assert queue.failure is outcomes[0]


def test_a_listener_may_stop_listening_while_it_is_told() -> None:
    queue = CommitQueue(RecordingPersistence(), at(0))
    told: list[str] = []
    stops: list[Any] = []
    stops.append(queue.listen(lambda _: (told.append("first"), stops[0]())))
    queue.listen(lambda _: told.append("second"))
    for ts in (1, 2):
        queue.enter(each := commit(ts))
        queue.wait(each)
    assert told == ["first", "second", "second"]


def test_a_wake_after_the_stop_starts_nothing() -> None:
    queue = CommitQueue(RecordingPersistence(), at(0))
    queue.stop()
    before = threading.active_count()
    queue.wake()
    assert threading.active_count() == before


def test_early_listeners_hear_of_what_is_being_written_before_it_is_published() -> None:
    queue = CommitQueue(RecordingPersistence(), at(0))
    seen: list[tuple[int, int, int]] = []
    stop = queue.listen_early(lambda ahead: seen.append((ahead.ts, queue.ahead.ts, queue.published.ts)))
    queue.enter(commit(1))
    queue.enter(both := commit(2))
    queue.wait(both)
    queue.enter(waiting := reader(2))
    queue.wait(waiting)
    stop()
    queue.enter(last := commit(3))
    queue.wait(last)
    assert seen == [(2, 2, 0)]


def test_after_a_failure_nothing_is_ahead_of_what_is_published() -> None:
    persistence, ahead = FailingPersistence(), []
    queue = CommitQueue(persistence, at(0))
    queue.listen_early(ahead.append)
    persistence.is_broken = True
    queue.enter(lost := commit(1))
    with pytest.raises(StorageFailedError):
        queue.wait(lost)
    assert ([each.ts for each in ahead], queue.ahead is queue.published) == ([1], True)


def test_who_asks_while_an_append_is_under_way_hears_when_it_has_ended() -> None:
    persistence = BlockingPersistence()
    queue = CommitQueue(persistence, at(0))
    assert not queue.has_just_published(1)
    persistence.gate.clear()
    queue.enter(waiting := commit(1))
    writing = threading.Thread(target=queue.wait, args=(waiting,))
    writing.start()
    assert persistence.entered.wait(10)
    heard: list[bool] = []
    asking = [threading.Thread(target=lambda ts=ts: heard.append(queue.has_just_published(ts))) for ts in (1, 2)]
    for thread in asking:
        thread.start()
        # It waits for the lock, or has not come to it yet: either way it answers after the append.
        assert not heard
    persistence.gate.set()
    for thread in (writing, *asking):
        thread.join(10)
    assert sorted(heard) in ([False, True], [False, False])
    assert queue.published.ts == 1
