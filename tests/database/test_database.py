"""The commit path: who conflicts with whom, and what holds under many threads."""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Callable
from typing import Any

import pytest

from nbconvex.clock import SystemClock
from nbconvex.database.database import Database
from nbconvex.database.transaction import Transaction
from nbconvex.errors import ConflictError
from nbconvex.storage.memory import MemoryPersistence
from nbconvex.values.schema import define_schema, table
from nbconvex.values.validators import v
from tests.database.stores import (
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


def retried(database: Database, run: Callable[[Transaction], Any]) -> int:
    """How often `run` met a conflict before it was committed."""
    for conflicts in itertools.count():
        try:
            write(database, run)
        except ConflictError:
            continue
        return conflicts
    raise AssertionError


def run_together(*tasks: Callable[[], Any]) -> None:
    """Every task in a thread of its own; the first failure is raised here."""
    failures: list[BaseException] = []

    def guarded(task: Callable[[], Any]) -> None:
        try:
            task()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive(), "a commit never came to an end"
    if failures:
        raise failures[0]


# -- conflicts ---------------------------------------------------------------------------------------------------------


@pytest.mark.case("transactions/lost_update_impossible")
def test_of_two_that_read_and_write_one_document_the_later_conflicts() -> None:
    database = open_database()
    [stored] = insert_all(database, "t", [{"n": 0}])
    first, second = (
        database.begin(writable=True, reader="main:first"),
        database.begin(writable=True, reader="main:second"),
    )
    increment(first, stored)
    increment(second, stored)
    database.commit(first)
    with pytest.raises(ConflictError) as raised:
        database.commit(second)
    assert vars(raised.value) == {
        "table": "t", "document_id": stored, "writer": "main:first", "reader": "main:second", "tries": 1
    }  # fmt: skip
    assert retried(database, lambda tx: increment(tx, stored)) == 0
    assert bare(read(database, lambda tx: tx.get(stored))) == {"n": 2}


@pytest.mark.case("transactions/conflict_error_after_retries")
@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_conflict_names_the_very_document_that_was_read(position: int) -> None:
    """The other commit wrote three documents of the table; one of them was read here."""
    database = open_database(schema=ACCOUNTS)
    ids = insert_all(database, "accounts", [{"owner": str(n)} for n in range(3)])
    for read_it in (
        lambda tx: tx.get(ids[position]),
        lambda tx: tx.query("accounts").with_index("by_owner", owner=str(position)).collect(),
    ):
        transaction = database.begin(writable=True)
        read_it(transaction)
        transaction.insert("log", {})
        write(database, lambda tx: [tx.patch(each, {"n": random.random()}) for each in ids])
        with pytest.raises(ConflictError) as raised:
            database.commit(transaction)
        assert (raised.value.table, raised.value.document_id) == ("accounts", ids[position])
        assert ids[position] in str(raised.value)


@pytest.mark.case("transactions/write_skew_impossible")
def test_two_that_each_take_themselves_off_call_do_not_both_succeed() -> None:
    database = open_database()
    ids = insert_all(database, "doctors", [{"on_call": True}, {"on_call": True}])

    def leave(transaction: Transaction, stored: str) -> None:
        on_call = [each for each in transaction.query("doctors").collect() if each["on_call"]]
        if len(on_call) == 2:
            transaction.patch(stored, {"on_call": False})

    both = [database.begin(writable=True), database.begin(writable=True)]
    for transaction, stored in zip(both, ids, strict=True):
        leave(transaction, stored)
    database.commit(both[0])
    with pytest.raises(ConflictError):
        database.commit(both[1])
    write(database, lambda tx: leave(tx, ids[1]))
    assert [each["on_call"] for each in read(database, lambda tx: tx.query("doctors").collect())] == [False, True]


@pytest.mark.case("transactions/phantom_impossible")
def test_two_that_insert_only_into_an_empty_range_insert_one() -> None:
    database = open_database(schema=ACCOUNTS)

    def claim(transaction: Transaction) -> None:
        if transaction.query("accounts").with_index("by_owner", owner="ada").count() == 0:
            transaction.insert("accounts", {"owner": "ada"})

    both = [database.begin(writable=True), database.begin(writable=True)]
    for transaction in both:
        claim(transaction)
    database.commit(both[0])
    with pytest.raises(ConflictError):
        database.commit(both[1])
    write(database, claim)
    assert read(database, lambda tx: tx.query("accounts").count()) == 1


def test_blind_inserts_never_conflict() -> None:
    database = open_database(schema=ACCOUNTS)
    many = [database.begin(writable=True) for _ in range(20)]
    for n, transaction in enumerate(many):
        transaction.insert("accounts", {"n": n})
    stamps = [database.commit(transaction) for transaction in reversed(many)]
    assert stamps == sorted(set(stamps))
    assert read(database, lambda tx: tx.query("accounts").count()) == 20


def test_two_that_create_the_same_table_at_once_conflict_and_it_is_created_once() -> None:
    database = open_database()
    both = [database.begin(writable=True), database.begin(writable=True)]
    for n, transaction in enumerate(both):
        transaction.insert("fresh", {"n": n})
    database.commit(both[0])
    with pytest.raises(ConflictError):
        database.commit(both[1])
    write(database, lambda tx: tx.insert("fresh", {"n": 1}))
    assert [each["n"] for each in read(database, lambda tx: tx.query("fresh").collect())] == [0, 1]
    assert len([each for each in database.snapshot.tables.values() if each.name == "fresh"]) == 1


def test_two_that_create_different_tables_get_different_numbers() -> None:
    database = open_database()
    both = [database.begin(writable=True), database.begin(writable=True)]
    both[0].insert("one", {})
    both[1].insert("two", {})
    database.commit(both[0])
    with pytest.raises(ConflictError):
        database.commit(both[1])
    write(database, lambda tx: tx.insert("two", {}))
    assert {database.snapshot.numbers["one"], database.snapshot.numbers["two"]} == {10_001, 10_002}


@pytest.mark.case("transactions/read_only_mutation_no_write")
def test_a_transaction_that_only_read_commits_nothing_and_conflicts_with_nobody() -> None:
    persistence = RecordingPersistence()
    database = open_database(persistence)
    [stored] = insert_all(database, "t", [{"n": 0}])
    transaction = database.begin(writable=True)
    transaction.get(stored)
    write(database, lambda tx: increment(tx, stored))
    before, told = len(persistence.batches), []
    database.listen(told.append)
    assert database.commit(transaction) == transaction.snapshot.ts
    assert (len(persistence.batches), told) == (before, [])


def test_all_orders_of_three_transactions_over_two_documents_equal_some_serial_order() -> None:
    """Enumerated: each reads one document and writes the sum to the other."""
    moves = [(0, 1), (1, 0), (0, 1)]

    def run(transaction: Transaction, ids: list[str], move: tuple[int, int], weight: int) -> None:
        value = transaction.get(ids[move[0]])["n"] * 10 + weight
        transaction.patch(ids[move[1]], {"n": value})

    def serial(order: tuple[int, ...]) -> tuple[int, int]:
        values = [1, 2]
        for which in order:
            source, target = moves[which]
            values[target] = values[source] * 10 + which + 3
        return values[0], values[1]

    allowed = {order: serial(order) for order in itertools.permutations(range(3))}
    for order in itertools.permutations(range(3)):
        database = open_database()
        ids = insert_all(database, "t", [{"n": 1}, {"n": 2}])
        all_at_once = [database.begin(writable=True) for _ in moves]
        for which, transaction in enumerate(all_at_once):
            run(transaction, ids, moves[which], which + 3)
        for which in order:
            try:
                database.commit(all_at_once[which])
            except ConflictError:
                write(database, lambda tx, which=which: run(tx, ids, moves[which], which + 3))  # noqa: B023
        now = read(database, lambda tx: tuple(tx.get(each)["n"] for each in ids))  # noqa: B023
        assert now in allowed.values(), order


# -- under stress ------------------------------------------------------------------------------------------------------


@pytest.mark.case("transactions/concurrent_append")
def test_ten_at_once_all_take_effect() -> None:
    database = open_database(clock=SystemClock())
    [stored] = insert_all(database, "t", [{"text": ""}])
    append: Callable[[Transaction], Any] = lambda tx: tx.patch(stored, {"text": tx.get(stored)["text"] + "!"})  # noqa: E731
    run_together(*[lambda: retried(database, append)] * 10)
    assert bare(read(database, lambda tx: tx.get(stored))) == {"text": "!" * 10}


@pytest.mark.case("transactions/query_snapshot_consistent")
def test_money_is_neither_made_nor_lost() -> None:
    persistence = MemoryPersistence()
    database = open_database(persistence, clock=SystemClock(), schema=ACCOUNTS)
    ids = insert_all(database, "accounts", [{"owner": n, "money": 100} for n in range(6)])
    is_done = threading.Event()

    def transfer(rng: random.Random) -> Callable[[Transaction], None]:
        def run(transaction: Transaction) -> None:
            source, target = rng.sample(range(6), 2)
            savepoint = transaction.savepoint()
            for owner, amount in ((source, -10), (target, 10)):
                account = transaction.query("accounts").with_index("by_owner", owner=owner).unique()
                transaction.patch(account["_id"], {"money": account["money"] + amount})
            if transaction.get(ids[source])["money"] < 0:
                transaction.rollback(savepoint)
            transaction.insert("log", {"from": source})

        return run

    def transfers(seed: int) -> Callable[[], None]:
        rng = random.Random(seed)
        return lambda: [retried(database, transfer(rng)) for _ in range(60)] and None

    def totals() -> None:
        while not is_done.is_set():
            snapshot = database.begin(writable=False)
            assert sum(each["money"] for each in snapshot.query("accounts").collect()) == 600
            accepted = database.begin(writable=True)
            assert sum(each["money"] for each in accepted.query("accounts").collect()) == 600

    watcher_failures: list[BaseException] = []

    def watch() -> None:
        try:
            totals()
        except BaseException as error:
            watcher_failures.append(error)

    watcher = threading.Thread(target=watch)
    watcher.start()
    run_together(*[transfers(seed) for seed in range(3)])
    is_done.set()
    watcher.join(10)
    assert watcher_failures == []
    assert read(database, lambda tx: tx.query("log").count()) == 180
    assert all(each["money"] >= 0 for each in read(database, lambda tx: tx.query("accounts").collect()))
    assert contents(open_database(persistence).snapshot) == contents(database.snapshot)


def test_listeners_are_told_every_published_snapshot_until_they_stop() -> None:
    database = open_database()
    told: list[int] = []
    stop = database.listen(lambda snapshot: told.append(snapshot.ts))
    write(database, lambda tx: tx.insert("t", {}))
    write(database, lambda tx: tx.query("t").collect())
    write(database, lambda tx: tx.insert("t", {}))
    assert told == sorted(set(told))
    assert len(told) == 2
    stop()
    stop()
    write(database, lambda tx: tx.insert("t", {}))
    assert len(told) == 2


def test_small_values_are_kept_beside_the_log() -> None:
    database = open_database()
    assert database.get_global("secret") is None
    database.put_global("secret", b"1")
    assert (database.get_global("secret"), database.size_bytes(), database.name) == (b"1", 0, "memory")
    database.checkpoint()
