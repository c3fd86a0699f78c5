"""Every order of the steps of three small transactions over two documents: the space is small, so none is left out."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations_with_replacement, permutations
from typing import Any

import pytest

from nbconvex.clock import ManualClock
from nbconvex.database.database import Database
from nbconvex.database.snapshot import Snapshot
from nbconvex.database.transaction import Transaction
from nbconvex.errors import ConflictError
from nbconvex.limits import Limits
from nbconvex.storage.memory import MemoryPersistence
from nbconvex.values.ids import encode_id
from tests.database.naive_model import Document, Find, Model, schema, seen

OLD = Find("items", "by_kind", (("eq", "kind", "old"),))
NEW = Find("items", "by_kind", (("eq", "kind", "new"),))
ALL = Find("items")
A, B = {"kind": "old", "rank": 1}, {"kind": "old", "rank": 1}


class Store:
    """What a program sees of a transaction."""

    def __init__(self, transaction: Transaction, a: str, b: str) -> None:
        self.transaction = transaction
        self.a, self.b = a, b

    def rank(self, id: str) -> int:
        document = self.transaction.get(id)
        return 0 if document is None else document["rank"]

    def patch(self, id: str, fields: Document) -> None:
        if self.transaction.get(id) is not None:
            self.transaction.patch(id, fields)

    def delete(self, id: str) -> None:
        if self.transaction.get(id) is not None:
            self.transaction.delete(id)

    def insert(self, fields: Document) -> None:
        self.transaction.insert("items", fields)

    def count(self, find: Find) -> int:
        return find.of(self.transaction).count()

    def has(self, find: Find) -> bool:
        return find.of(self.transaction).first() is not None

    def ranks(self) -> list[int]:
        return [document["rank"] for document in ALL.of(self.transaction).collect()]


class SerialStore:
    """The same over the model."""

    def __init__(self) -> None:
        self.model = Model()
        self.a, self.b = self.insert(A), self.insert(B)

    def rank(self, id: str) -> int:
        document = self.model.get(id)
        return 0 if document is None else document["rank"]

    def patch(self, id: str, fields: Document) -> None:
        self.model.patch(id, fields)

    def delete(self, id: str) -> None:
        self.model.delete(id)

    def insert(self, fields: Document) -> str:
        number = len(self.model.documents)
        id = encode_id(10_001, number.to_bytes(16, "big"))
        self.model.insert("items", {**fields, "_id": id, "_creationTime": float(number)})
        return id

    def count(self, find: Find) -> int:
        return self.model.count(find)

    def has(self, find: Find) -> bool:
        return bool(self.model.count(find))

    def ranks(self) -> list[int]:
        return [document["rank"] for document in self.model.collect(ALL)]


@dataclass(frozen=True)
class Program:
    """A mutation in two steps: what it looks at, and what it writes because of that."""

    name: str
    look: Callable[[Any], Any]
    write: Callable[[Any, Any], None]


def withdraw(store: Any, id: str, ranks: Sequence[int]) -> None:
    if sum(ranks) >= 2:
        store.patch(id, {"rank": store.rank(id) - 2})


PROGRAMS = [
    Program("increment a", lambda s: s.rank(s.a), lambda s, n: s.patch(s.a, {"rank": n + 1})),
    Program("withdraw from a", lambda s: [s.rank(s.a), s.rank(s.b)], lambda s, n: withdraw(s, s.a, n)),
    Program("withdraw from b", lambda s: [s.rank(s.a), s.rank(s.b)], lambda s, n: withdraw(s, s.b, n)),
    Program("insert if none", lambda s: s.has(NEW), lambda s, n: n or s.insert({"kind": "new", "rank": 7})),
    Program(
        "rename a if b is 1", lambda s: s.rank(s.b), lambda s, n: s.patch(s.a, {"kind": "new"}) if n == 1 else None
    ),
    Program("count new into b", lambda s: s.count(NEW), lambda s, n: s.patch(s.b, {"rank": 10 + n})),
    Program("count old into b", lambda s: s.count(OLD), lambda s, n: s.patch(s.b, {"rank": 20 + n})),
    Program("sum into a", lambda s: s.ranks(), lambda s, n: s.patch(s.a, {"rank": sum(n)})),
    Program("delete b if a is 1", lambda s: s.rank(s.a), lambda s, n: s.delete(s.b) if n == 1 else None),
]
Trio = tuple[Program, Program, Program]
#: What the committed programs saw, by their place in the trio, and the documents that are left.
Outcome = tuple[tuple[tuple[int, bytes], ...], bytes]


def outcome_of(answers: dict[int, Any], documents: Sequence[Document]) -> Outcome:
    left = sorted((document["kind"], document["rank"]) for document in documents)
    return tuple(sorted((place, seen(answer)) for place, answer in answers.items())), seen(left)


@cache
def serial_outcomes(trio: Trio, committed: frozenset[int]) -> set[Outcome]:
    """What may come out: the committed programs one after another, in some order."""
    outcomes = set()
    for order in permutations(committed):
        store = SerialStore()
        answers = {}
        for place in order:
            answers[place] = trio[place].look(store)
            trio[place].write(store, answers[place])
        outcomes.add(outcome_of(answers, store.model.collect(ALL)))
    return outcomes


def orders(steps: int) -> Iterator[tuple[int, ...]]:
    """Every order in which three programs can take `steps` steps each."""

    def extended(order: tuple[int, ...], left: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        if not any(left):
            yield order
        for place in range(3):
            if left[place]:
                yield from extended((*order, place), tuple(n - (at == place) for at, n in enumerate(left)))

    return extended((), (steps,) * 3)


class Start:
    """The state that every order begins with: two documents, held in memory once."""

    def __init__(self) -> None:
        persistence = MemoryPersistence()
        database = Database.open(persistence, clock=ManualClock(), random=random.Random(0))
        database.push_schema(schema())
        transaction = database.begin(writable=True)
        self.a, self.b = transaction.insert("items", A), transaction.insert("items", B)
        database.commit(transaction)
        self.snapshot: Snapshot = database.snapshot
        database.close()

    def database(self) -> Database:
        return Database(Nowhere(), self.snapshot, clock=ManualClock(), limits=Limits(), random=random.Random(1))


class Nowhere(MemoryPersistence):
    """Keeps nothing: these databases are never opened again."""

    def append(self, commits: Any, expected_head: int) -> None:
        pass


def run(start: Start, trio: Trio, order: tuple[int, ...], steps: int) -> tuple[Outcome, frozenset[int]]:
    """Take the steps in this order. With two steps writing and committing are one."""
    database = start.database()
    stores: dict[int, Store] = {}
    answers: dict[int, Any] = {}
    taken = [0, 0, 0]
    committed = set()
    for place in order:
        taken[place] += 1
        if taken[place] == 1:
            stores[place] = Store(database.begin(writable=True), start.a, start.b)
            answers[place] = trio[place].look(stores[place])
        if taken[place] == 2:
            trio[place].write(stores[place], answers[place])
        if taken[place] == steps:
            try:
                database.commit(stores[place].transaction)
                committed.add(place)
            except ConflictError:
                assert committed, "the first to commit meets nobody"
    left = ALL.of(database.begin(writable=False)).collect()
    return outcome_of({place: answers[place] for place in committed}, left), frozenset(committed)


def check_every_order(trios: Sequence[Trio], steps: int) -> None:
    start = Start()
    every_order = list(orders(steps))
    for trio in trios:
        for order in every_order:
            outcome, committed = run(start, trio, order, steps)
            if outcome not in serial_outcomes(trio, committed):
                names = [program.name for program in trio]
                pytest.fail(f"not serializable: {names} in the order {order}, of which {sorted(committed)} committed")


TRIOS = list(combinations_with_replacement(PROGRAMS, 3))


@pytest.mark.parametrize("first", PROGRAMS)
def test_any_three_transactions_are_serializable_in_every_order(first):
    """165 trios in 90 orders: lost updates, write skew, phantoms, deletions, documents that leave an index's range."""
    check_every_order([trio for trio in TRIOS if trio[0] is first], steps=2)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("first", PROGRAMS)
def test_any_three_transactions_are_serializable_in_every_order_of_finer_steps(first):
    """The same with writing and committing apart: 1,680 orders."""
    check_every_order([trio for trio in TRIOS if trio[0] is first], steps=3)
