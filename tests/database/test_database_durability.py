"""The commit path: durable before visible, fail-stop, interrupts."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest

from nbconvex.clock import ManualClock
from nbconvex.database.database import Database
from nbconvex.database.transaction import Transaction
from nbconvex.errors import ConflictError, StorageFailedError
from nbconvex.storage.memory import MemoryPersistence
from nbconvex.values.schema import define_schema, table
from nbconvex.values.validators import v
from tests.database.stores import (
    BlockingPersistence,
    FailingPersistence,
    RecordingPersistence,
    bare,
    contents,
    insert_all,
    open_database,
    read,
    write,
)

ACCOUNTS = define_schema({"accounts": table(v.any()).index("by_owner", ["owner"]), "log": table(v.any())})


def increment(transaction: Transaction, stored: str) -> None:
    transaction.patch(stored, {"n": transaction.get(stored)["n"] + 1})


# -- durable before visible --------------------------------------------------------------------------------------------


def open_blocked() -> tuple[Database, BlockingPersistence, str]:
    persistence = BlockingPersistence()
    database = open_database(persistence)
    [stored] = insert_all(database, "t", [{"n": 0}])
    persistence.gate.clear()
    persistence.entered.clear()
    return database, persistence, stored


@pytest.mark.case("transactions/query_during_long_mutation")
def test_nobody_sees_a_commit_before_it_is_durable() -> None:
    database, persistence, stored = open_blocked()
    head, told = database.head, []
    database.listen(lambda snapshot: told.append(snapshot.ts))
    writer = threading.Thread(target=lambda: write(database, lambda tx: increment(tx, stored)))
    writer.start()
    assert persistence.entered.wait(10)
    assert bare(read(database, lambda tx: tx.get(stored))) == {"n": 0}
    assert (database.head, told) == (head, [])
    persistence.gate.set()
    writer.join(10)
    assert bare(read(database, lambda tx: tx.get(stored))) == {"n": 1}
    assert told == [database.head] != [head]


def test_a_mutation_goes_on_from_what_is_accepted_and_its_answer_waits_for_the_disk() -> None:
    database, persistence, stored = open_blocked()
    steps: list[str] = []

    def run(name: str, work: Callable[[Transaction], Any]) -> Callable[[], None]:
        def task() -> None:
            write(database, work)
            assert persistence.gate.is_set(), f"{name} was answered before it was durable"
            steps.append(name)

        return task

    first = threading.Thread(target=run("first", lambda tx: increment(tx, stored)))
    first.start()
    assert persistence.entered.wait(10)
    seen = database.begin(writable=True)
    assert bare(seen.get(stored)) == {"n": 1}, "a mutation begins at the accepted head"
    others = [
        threading.Thread(target=run("second", lambda tx: increment(tx, stored))),
        threading.Thread(target=run("reads only", lambda tx: tx.get(stored))),
    ]
    for thread in others:
        thread.start()
    for thread in others:
        thread.join(0.05)
    assert steps == []
    persistence.gate.set()
    for thread in [first, *others]:
        thread.join(10)
    assert sorted(steps) == ["first", "reads only", "second"]
    assert bare(read(database, lambda tx: tx.get(stored))) == {"n": 2}


def test_waiting_for_a_timestamp_ends_when_it_is_durable() -> None:
    database, persistence, stored = open_blocked()
    writer = threading.Thread(target=lambda: write(database, lambda tx: increment(tx, stored)))
    writer.start()
    assert persistence.entered.wait(10)
    accepted = database.begin(writable=True).snapshot.ts
    assert accepted > database.head
    waiter = threading.Thread(target=lambda: database.wait_durable(accepted))
    waiter.start()
    waiter.join(0.03)
    assert waiter.is_alive()
    persistence.gate.set()
    waiter.join(10)
    writer.join(10)
    assert database.head == accepted
    database.wait_durable(accepted)


def test_commits_that_wait_together_are_appended_together_in_order() -> None:
    database, persistence, stored = open_blocked()
    before = len(persistence.batches)
    told: list[int] = []
    database.listen(lambda snapshot: told.append(snapshot.ts))
    first = threading.Thread(target=lambda: write(database, lambda tx: tx.insert("t", {})))
    first.start()
    assert persistence.entered.wait(10)
    outcomes: list[Any] = []
    for _ in range(20):
        transaction = database.begin(writable=True)
        increment(transaction, stored)
        database.commit_async(transaction, outcomes.append)
    assert outcomes == []
    persistence.gate.set()
    first.join(10)
    database.close()
    batches = persistence.batches[before:]
    assert [len(batch) for batch in batches] == [1, 20]
    assert outcomes == [commit.ts for commit in batches[1]] == sorted(set(outcomes))
    assert told == [batches[0][-1].ts, batches[1][-1].ts]


def test_a_snapshot_that_is_held_stays_as_it_was() -> None:
    database = open_database()
    [stored] = insert_all(database, "t", [{"n": 0}])
    held = database.snapshot
    before = contents(held)
    for _ in range(3):
        write(database, lambda tx: increment(tx, stored))
    write(database, lambda tx: tx.delete(stored))
    database.clear()
    assert contents(held) == before
    assert bare(database.begin_at(held).get(stored)) == {"n": 0}


def test_timestamps_increase_even_if_the_clock_goes_back() -> None:
    clock = ManualClock()
    database = open_database(clock=clock)
    stamps = []
    for step in (0, 5, -100, 0, 1):
        clock.advance(step)
        write(database, lambda tx: tx.insert("t", {}))
        stamps.append(database.head)
    assert stamps == sorted(set(stamps))


# -- commits without waiting -------------------------------------------------------------------------------------------


def test_an_asynchronous_commit_is_told_its_timestamp_and_conflicts_at_once() -> None:
    database = open_database()
    [stored] = insert_all(database, "t", [{"n": 0}])
    first, second = database.begin(writable=True), database.begin(writable=True)
    increment(first, stored)
    increment(second, stored)
    told: list[Any] = []
    done = threading.Event()
    database.commit_async(first, lambda outcome: (told.append(outcome), done.set()))
    with pytest.raises(ConflictError):
        database.commit_async(second, told.append)
    assert done.wait(10)
    database.close()
    assert told == [database.head]


@pytest.mark.parametrize(
    "run",
    [
        lambda tx, i: None,
        lambda tx, i: tx.get(i),
        lambda tx, i: tx.patch(i, {"n": 0}),
        lambda tx, i: tx.delete(tx.insert("t", {})),
    ],
)
@pytest.mark.parametrize("is_durable", [True, False])
def test_an_asynchronous_commit_of_nothing_is_told_too(run: Any, is_durable: bool) -> None:
    database, persistence, stored = open_blocked()
    told: list[Any] = []
    if is_durable:
        persistence.gate.set()
    else:
        earlier = database.begin(writable=True)
        earlier.insert("t", {})
        database.commit_async(earlier, told.append)
    transaction = database.begin(writable=True)
    run(transaction, stored)
    database.commit_async(transaction, told.append)
    assert told == ([transaction.snapshot.ts] if is_durable else [])
    persistence.gate.set()
    database.close()
    assert told[-1:] == [transaction.snapshot.ts]


# -- failure -----------------------------------------------------------------------------------------------------------


def test_after_a_failed_append_everything_is_refused_until_it_is_opened_again() -> None:
    persistence = FailingPersistence()
    database = open_database(persistence)
    [stored] = insert_all(database, "t", [{"n": 0}])
    later = database.begin(writable=True)
    increment(later, stored)
    persistence.is_broken = True
    with pytest.raises(StorageFailedError, match="the disk is gone") as raised:
        write(database, lambda tx: tx.insert("t", {}))
    assert isinstance(raised.value.__cause__, OSError)
    persistence.is_broken = False
    refused: list[Callable[[], Any]] = [
        lambda: database.begin(writable=True),
        lambda: database.begin(writable=False),
        lambda: database.commit(later),
        lambda: database.commit_async(later, lambda _: None),
        lambda: database.push_schema(ACCOUNTS),
        lambda: database.clear(),
    ]
    appends = persistence.appends
    for call in refused:
        with pytest.raises(StorageFailedError):
            call()
    assert persistence.appends == appends
    database._queue.stop()
    again = open_database(persistence)
    assert bare(read(again, lambda tx: tx.get(stored))) == {"n": 0}


def test_everybody_who_waits_for_a_failed_append_is_told() -> None:
    class Breaks(BlockingPersistence):
        def append(self, commits: Any, expected_head: int) -> None:
            super().append(commits, expected_head)
            if len(self.batches) > 1:
                raise OSError("no space")

    persistence = Breaks()
    database = open_database(persistence)
    insert_all(database, "t", [{"n": 0}])
    head, told, published = database.head, [], []
    database.listen(published.append)
    persistence.gate.clear()
    persistence.entered.clear()
    outcomes: list[BaseException] = []

    def failing(call: Callable[[], Any]) -> Callable[[], None]:
        def run() -> None:
            try:
                call()
            except StorageFailedError as error:
                outcomes.append(error)

        return run

    first = threading.Thread(target=failing(lambda: write(database, lambda tx: tx.insert("t", {}))))
    first.start()
    assert persistence.entered.wait(10)
    accepted = database.begin(writable=True)
    waiting = [
        threading.Thread(target=failing(call))
        for call in (
            lambda: database.wait_durable(accepted.snapshot.ts),
            lambda: database.commit(accepted),
            lambda: write(database, lambda tx: tx.insert("t", {})),
        )
    ]
    asynchronous = database.begin(writable=True)
    asynchronous.insert("t", {})
    database.commit_async(asynchronous, told.append)
    for thread in waiting:
        thread.start()
    for thread in waiting:
        thread.join(0.02)
    persistence.gate.set()
    for thread in [first, *waiting]:
        thread.join(10)
    database.close()
    assert [len(outcomes), [type(each) for each in told], published] == [4, [StorageFailedError], []]
    assert database.head == head


def test_a_commit_that_another_process_overtook_is_not_shown() -> None:
    persistence = MemoryPersistence()
    mine, theirs = open_database(persistence), open_database(persistence, seed=2)
    insert_all(theirs, "t", [{}])
    with pytest.raises(StorageFailedError):
        insert_all(mine, "t", [{}])
    assert mine.snapshot.table("t") is None


@pytest.mark.case("transactions/crash_before_commit", "transactions/commit_durable")
def test_what_was_committed_is_there_when_it_is_opened_again_and_nothing_else() -> None:
    persistence = MemoryPersistence()
    database = open_database(persistence, schema=ACCOUNTS)
    kept = insert_all(database, "accounts", [{"owner": "ada"}])
    lost = database.begin(writable=True)
    lost.insert("accounts", {"owner": "lost"})
    lost.patch(kept[0], {"owner": "lost"})
    again = open_database(persistence, seed=2)
    assert read(again, lambda tx: [bare(each) for each in tx.query("accounts").collect()]) == [{"owner": "ada"}]
    assert contents(again.snapshot) == contents(database.snapshot)


# -- interrupts --------------------------------------------------------------------------------------------------------


def test_an_interrupt_during_a_commit_is_raised_when_it_is_durable() -> None:
    class Interrupting(RecordingPersistence):
        is_armed = False

        def append(self, commits: Any, expected_head: int) -> None:
            if self.is_armed:
                os.kill(os.getpid(), signal.SIGINT)
            super().append(commits, expected_head)

    persistence = Interrupting()
    database = open_database(persistence)
    [stored] = insert_all(database, "t", [{"n": 0}])
    persistence.is_armed = True
    with pytest.raises(KeyboardInterrupt) as raised:
        write(database, lambda tx: increment(tx, stored))
    persistence.is_armed = False
    assert "committed" in raised.value.__notes__[0]
    assert bare(read(database, lambda tx: tx.get(stored))) == {"n": 1}
    write(database, lambda tx: increment(tx, stored))
    assert bare(read(database, lambda tx: tx.get(stored))) == {"n": 2}
