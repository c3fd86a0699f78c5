"""The database against a naive model, with several transactions open at once."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from nbconvex.clock import ManualClock
from nbconvex.database.database import Database
from nbconvex.errors import ConflictError
from nbconvex.storage.memory import MemoryPersistence
from nbconvex.values.scalars import UNSET, Int64
from tests.database.naive_model import INDEXES, Find, Model, schema
from tests.database.recorded import RecordedTransaction
from tests.database.snapshot_checks import check_consistent, check_equals_model, contents

#: Transactions that are open at any time; one that ends makes room for the next.
OPEN = 3
WHICH = st.integers(0, OPEN - 1)

# Few values, so that they meet; of every kind whose order or equality somebody once got wrong.
KINDS = st.sampled_from(["", "a", "a\0", "b", None, 1, 1.0, True, Int64(1), -0.0, 0, [1], {"a": 1}])
RANKS = st.sampled_from([0, 1, 2, 3])
FIELDS = st.fixed_dictionaries({"kind": KINDS}, optional={"rank": RANKS, "note": st.just("n" * 50)})
CHANGES = st.fixed_dictionaries({}, optional={"kind": KINDS | st.just(UNSET), "rank": RANKS | st.just(UNSET)})


@st.composite
def bounds(draw: Any, field: str, values: Any) -> tuple[tuple[str, str, Any], ...]:
    """No bound, one or two, in any relation to each other."""
    lower = draw(st.sampled_from([None, "gt", "gte"]))
    upper = draw(st.sampled_from([None, "lt", "lte"]))
    return tuple((each, field, draw(values)) for each in (lower, upper) if each)


@st.composite
def finds(draw: Any) -> Find:
    table = draw(st.sampled_from(["items", "items", "items", "extras"]))
    index = draw(st.sampled_from(list(INDEXES[table])))
    fields = INDEXES[table][index]
    equalities = draw(st.integers(0, len(fields)))
    conditions: tuple[Any, ...] = ()
    for at, field in enumerate(fields[: equalities + 1]):
        values = (KINDS if field == "kind" else RANKS) | st.just(UNSET)
        conditions += (("eq", field, draw(values)),) if at < equalities else draw(bounds(field, values))
    return Find(table, index, conditions, draw(st.sampled_from(["asc", "desc"])))


# What a transaction does next: a method of `RecordedTransaction` and its arguments; ids by how long ago they were seen.
TABLES = st.sampled_from(["items", "items", "items", "extras"])
SEEN = st.integers(0, 7)
INSERTS = st.tuples(st.just("insert"), TABLES, FIELDS)
WRITES = st.one_of(
    INSERTS,
    st.tuples(st.just("patch"), SEEN, CHANGES),
    st.tuples(st.just("replace"), SEEN, FIELDS),
    st.tuples(st.just("delete"), SEEN),
)
READS = st.one_of(
    st.tuples(st.just("get"), SEEN),
    st.tuples(st.sampled_from(["collect", "count"]), finds()),
    st.tuples(st.sampled_from(["take", "loop", "page"]), finds(), st.integers(1, 3)),
)


class DatabaseMachine(RuleBasedStateMachine):
    """Several open transactions, each with its own model; one model more for what is committed."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.persistence = MemoryPersistence()
        self.database = Database.open(self.persistence, clock=self.clock, random=random.Random(0))
        self.database.push_schema(schema())
        self.committed = Model()
        self.commit_stamps = [self.database.head]
        self.open: list[RecordedTransaction] = []
        self.ids: list[str] = []

    def perform(self, recorded: RecordedTransaction, name: str, *arguments: Any) -> None:
        if name == "insert":
            self.ids.append(recorded.insert(*arguments))
        elif name not in {"get", "patch", "replace", "delete"}:
            getattr(recorded, name)(*arguments)
        elif self.ids:
            # Any id ever seen, of any transaction: uncommitted, deleted or alive, one of the newest.
            back, *rest = arguments
            getattr(recorded, name)(self.ids[-1 - back % len(self.ids)], *rest)

    @initialize(inserts=st.lists(INSERTS, min_size=1, max_size=5))
    def begin_with_some_documents(self, inserts: list[Any]) -> None:
        self.open = [self.begun()]
        for each in inserts:
            self.perform(self.open[0], *each)
        self.finish(self.open[0])
        self.open = [self.begun() for _ in range(OPEN)]

    def begun(self) -> RecordedTransaction:
        return RecordedTransaction(self.database.begin(writable=True), self.committed)

    @rule(which=WHICH, writes=st.lists(WRITES, min_size=1, max_size=4))
    def write(self, which: int, writes: list[Any]) -> None:
        for each in writes:
            self.perform(self.open[which], *each)

    @rule(which=WHICH, reads=st.lists(READS, min_size=1, max_size=4))
    def read(self, which: int, reads: list[Any]) -> None:
        for each in reads:
            self.perform(self.open[which], *each)

    @rule(which=WHICH, reads=st.lists(READS, max_size=2), writes=st.lists(WRITES, min_size=1, max_size=3))
    def write_what_depends_on_reads(self, which: int, reads: list[Any], writes: list[Any]) -> None:
        for each in (*reads, *writes, *reads):
            self.perform(self.open[which], *each)

    @rule(which=WHICH, is_begin=st.booleans())
    def nest(self, which: int, is_begin: bool) -> None:
        recorded = self.open[which]
        if is_begin:
            recorded.savepoint()
        else:
            recorded.rollback()

    @rule(seconds=st.sampled_from([0.001, 10.0, -5.0, -100_000.0]))
    def let_time_jump(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @precondition(lambda self: any(each.steps for each in self.open))
    @rule(which=WHICH)
    def commit(self, which: int) -> None:
        # One that has done something, counted from `which` on.
        at = next(at % OPEN for at in range(which, which + OPEN) if self.open[at % OPEN].steps)
        self.finish(self.open[at])
        self.open[at] = self.begun()

    def finish(self, recorded: RecordedTransaction) -> None:
        transaction = recorded.transaction
        try:
            ts = self.database.commit(transaction)
        except ConflictError:
            assert transaction.snapshot.ts < self.commit_stamps[-1], "a conflict is with somebody"
            assert not recorded.is_blind, "inserts alone conflict with nobody"
            return
        if ts == transaction.snapshot.ts:
            assert recorded.view.documents == recorded.start.documents, (
                "only a transaction without writes has no commit"
            )
            return
        assert ts > self.commit_stamps[-1]
        self.commit_stamps.append(ts)
        following = self.committed.copy()
        recorded.replay(following)
        self.committed = following
        check_consistent(self.database.snapshot)

    @invariant()
    def holds_what_was_committed(self) -> None:
        assert self.database.head == self.commit_stamps[-1]
        check_equals_model(self.database.snapshot, self.committed)

    def teardown(self) -> None:
        rebuilt = Database.open(self.persistence, clock=self.clock, random=random.Random(0))
        assert contents(rebuilt.snapshot) == contents(self.database.snapshot), "rebuilt equals live"
        self.database.close()


def test_database_agrees_with_a_naive_model(is_long: bool) -> None:
    """Every answer is the model's, and commits are serializable in their order."""
    examples, steps = (2_000, 100) if is_long else (60, 60)
    run_state_machine_as_test(DatabaseMachine, settings=settings(max_examples=examples, stateful_step_count=steps))
