"""Real threads on one database: what the simulation, which has one thread, cannot see."""

from __future__ import annotations

import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nbconvex.clock import SystemClock
from nbconvex.database.database import Database
from nbconvex.database.loading import load_snapshot
from nbconvex.errors import (
    ConflictError,
    DocumentNotFoundError,
    ReferenceViolatedError,
    SchemaInvalidError,
    UniqueViolatedError,
)
from nbconvex.storage.memory import MemoryPersistence
from nbconvex.values.codec import decode_document
from nbconvex.values.schema import define_schema, table
from nbconvex.values.validators import v
from tests.database.naive_model import Find, schema
from tests.database.snapshot_checks import check_consistent, contents

TRANSFERS = 60
ACCOUNTS = Find("items", "by_kind", (("eq", "kind", "account"),))
TOTAL = 400


class SlowPersistence(MemoryPersistence):
    """Takes its time, so that commits come together in groups."""

    def append(self, commits: Any, expected_head: int) -> None:
        time.sleep(0.0005)
        super().append(commits, expected_head)


@pytest.fixture(autouse=True)
def many_switches() -> Iterator[None]:
    """Threads change places a thousand times as often as usual."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(before)


def opened() -> tuple[Database, MemoryPersistence]:
    persistence = SlowPersistence()
    database = Database.open(persistence, clock=SystemClock(), random=random.Random(0))
    database.push_schema(schema())
    transaction = database.begin(writable=True)
    for _ in range(4):
        transaction.insert("items", {"kind": "account", "rank": TOTAL // 4})
    database.commit(transaction)
    return database, persistence


def transfer(database: Database, rng: random.Random, commit: Callable[[Any], int]) -> int:
    """Move something between two accounts and write a receipt, however often it takes."""
    while True:
        transaction = database.begin(writable=True)
        accounts = ACCOUNTS.of(transaction).collect()
        assert sum(each["rank"] for each in accounts) == TOTAL, "a mutation sees whole commits"
        giver, taker = rng.sample(accounts, 2)
        transaction.patch(giver["_id"], {"rank": giver["rank"] - 1})
        transaction.patch(taker["_id"], {"rank": taker["rank"] + 1})
        transaction.insert("items", {"kind": "receipt"})
        try:
            return commit(transaction)
        except ConflictError:
            continue


def committed_by_thread(database: Database, transaction: Any) -> int:
    """What an event loop does: accept now, hear of it later."""
    told = threading.Event()
    outcomes: list[Any] = []
    database.commit_async(transaction, lambda outcome: (outcomes.append(outcome), told.set()))
    assert told.wait(30), "everybody is told"
    outcome = outcomes[0]
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


def run_all(tasks: list[Callable[[], None]]) -> None:
    errors: list[BaseException] = []

    def guarded(task: Callable[[], None]) -> None:
        try:
            task()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_threads_that_write_read_and_push_schemas_see_whole_commits_in_order():
    database, persistence = opened()
    published: list[int] = []
    database.listen(lambda snapshot: published.append(snapshot.ts))
    stamps: list[int] = []
    writing = threading.Semaphore(0)

    def write(seed: int, commit: Callable[[Any], int]) -> None:
        rng = random.Random(seed)
        for _ in range(TRANSFERS):
            stamps.append(transfer(database, rng, commit))
            assert database.head >= stamps[-1], "who is told of a commit can read it"
        writing.release()

    def read() -> None:
        seen_ts = 0
        while writing._value < 4:
            transaction = database.begin(writable=False)
            assert transaction.snapshot.ts >= seen_ts, "time does not go back"
            seen_ts = transaction.snapshot.ts
            assert sum(each["rank"] for each in ACCOUNTS.of(transaction).collect()) == TOTAL

    def push() -> None:
        for at in range(20):
            try:
                database.push_schema(schema(with_spare_index=at % 2 == 0))
            except SchemaInvalidError:
                continue
            time.sleep(0.005)

    writers = [lambda seed=seed: write(seed, database.commit) for seed in range(2)]
    writers += [lambda seed=seed: write(seed, lambda tx: committed_by_thread(database, tx)) for seed in range(2, 4)]
    run_all([*writers, read, push])
    assert published == sorted(set(published)), "publishing goes forward"
    assert len(stamps) == len(set(stamps)) == 4 * TRANSFERS, "each commit has a timestamp of its own"
    receipts = Find("items", "by_kind", (("eq", "kind", "receipt"),)).of(database.begin(writable=False))
    assert receipts.count() == 4 * TRANSFERS, "each commit happened once"
    check_consistent(database.snapshot)
    assert contents(load_snapshot(persistence)) == contents(database.snapshot), "rebuilt equals live"
    database.close()


@pytest.mark.parametrize("seed", range(5))
def test_closing_leaves_nobody_waiting(seed):
    """Whoever commits while the database is closed is refused or durable; none hangs, and no thread stays."""
    database, _ = opened()
    stamps: list[int] = []
    refused = []

    def write(seed: int, commit: Callable[[Any], int]) -> None:
        rng = random.Random(seed)
        try:
            while True:
                stamps.append(transfer(database, rng, commit))
        except Exception as error:
            refused.append(error)

    writers = [lambda at=at: write(at, database.commit) for at in range(2)]
    writers += [lambda at=at: write(at, lambda tx: committed_by_thread(database, tx)) for at in range(2, 4)]

    def close() -> None:
        time.sleep(random.Random(seed).random() * 0.03)
        database.close()

    run_all([*writers, close])
    assert [type(error).__name__ for error in refused] == ["StorageFailedError"] * 4
    assert database.head >= max(stamps, default=0)


RULED = define_schema({
    "users": table({"name": v.string()}).index("by_name", ["name"], unique=True),
    "notes": table({"by": v.id("users", on_delete="cascade")}).index("by_by", ["by"]),
})  # fmt: skip
NAMES = 6


def keeps_the_rules(snapshot: Any) -> bool:
    """Whether each name stands once, and each note leads to a user."""
    users, notes = (
        [decode_document(payload) for _, payload in snapshot.table(name).documents.entries()]
        for name in ("users", "notes")
    )
    ids = {each["_id"] for each in users}
    return len({each["name"] for each in users}) == len(users) and {each["by"] for each in notes} <= ids


def test_names_stay_unique_and_notes_lead_to_users_whoever_comes_first() -> None:
    database = Database.open(SlowPersistence(), clock=SystemClock(), random=random.Random(0))
    database.push_schema(RULED)
    broken: list[int] = []
    refused: list[int] = []
    written: list[int] = []
    known: list[Any] = []
    database.listen(lambda snapshot: None if keeps_the_rules(snapshot) else broken.append(snapshot.ts))

    def live(seed: int) -> None:
        rng = random.Random(seed)
        for _ in range(50):
            try:
                step(rng)
                written.append(seed)
            except (UniqueViolatedError, ReferenceViolatedError, DocumentNotFoundError):
                refused.append(seed)
            except ConflictError:
                pass

    def step(rng: random.Random) -> None:
        tx = database.begin(writable=True)
        present = tx.query("users").take(NAMES) if rng.random() < 0.5 else known
        known[:] = present or known
        draw = rng.random()
        if draw < 0.45 or not known:
            tx.insert("users", {"name": str(rng.randrange(NAMES))})
        elif draw < 0.75:
            tx.insert("notes", {"by": rng.choice(known)["_id"]})
        else:
            tx.delete(rng.choice(known)["_id"])
        # So that the others are at it meanwhile.
        time.sleep(0.0002)
        database.commit(tx)

    threads = [threading.Thread(target=live, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    database.close()
    assert broken == []
    assert refused
    assert written
