"""Searches against a naive ranking, over random histories of transactions, snapshots and stores opened again."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from nbconvex.clock import ManualClock
from nbconvex.database.database import Database
from nbconvex.database.snapshot import Snapshot
from nbconvex.database.transaction import Savepoint, Transaction
from nbconvex.storage.memory import MemoryPersistence
from nbconvex.values.scalars import UNSET
from nbconvex.values.schema import SchemaDefinition, define_schema, table
from nbconvex.values.validators import v
from tests.database.naive_search import check_found
from tests.database.snapshot_checks import check_consistent, contents

# Few words that begin alike, so that they meet.
WORDS = st.sampled_from(["a", "ab", "abc", "abd", "b", "B", "the", "The", "!", "größe", "x" * 33])
TEXTS = st.lists(WORDS, max_size=6).map(" ".join)
BODIES = TEXTS | st.sampled_from([None, 5, UNSET])
CHANNELS = st.sampled_from(["x", "y", None, UNSET, 1.0])
FIELDS = st.fixed_dictionaries({"body": BODIES, "channel": CHANNELS}).map(
    lambda fields: {name: value for name, value in fields.items() if value is not UNSET}
)
CHANGES = st.fixed_dictionaries({}, optional={"body": BODIES, "channel": CHANNELS, "likes": st.integers(0, 2)})
EQUAL = st.just({}) | st.fixed_dictionaries({"channel": CHANNELS})

Model = dict[str, dict[str, Any]]


def schema(*, is_narrow: bool = False) -> SchemaDefinition:
    filters = [] if is_narrow else ["channel"]
    return define_schema(
        {"t": table(v.any()).search_index("words", search_field="body", filter_fields=filters), "log": table(v.any())}
    )


def check_search(transaction: Transaction, model: Model, text: str, equal: dict[str, Any]) -> None:
    query = transaction.query("t").with_search_index(
        "words", lambda q: q.search("body", text).eq("channel", equal["channel"]) if equal else q.search("body", text)
    )
    check_found(query.collect(), list(model.values()), text, equal)


class SearchMachine(RuleBasedStateMachine):
    """One transaction that writes, and snapshots that were kept from before."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.persistence = MemoryPersistence()
        self.database = Database.open(self.persistence, clock=self.clock, random=random.Random(0))
        self.database.push_schema(schema())
        self.committed: Model = {}
        self.savepoints: list[tuple[Savepoint, Model]] = []
        self.kept: list[tuple[Snapshot, Model]] = []
        self.begin()

    def begin(self) -> None:
        self.transaction = self.database.begin(writable=True)
        self.view = dict(self.committed)
        self.savepoints = []

    def read_back(self, document_id: str) -> None:
        document = self.transaction.get(document_id)
        assert document is not None
        self.view[document_id] = document

    @initialize(rows=st.lists(FIELDS, max_size=8))
    def fill(self, rows: list[Any]) -> None:
        for row in rows:
            self.insert(row)
        self.commit()

    @rule(row=FIELDS)
    def insert(self, row: Any) -> None:
        self.read_back(self.transaction.insert("t", row))

    @rule(which=st.integers(0, 9), changes=CHANGES)
    def patch(self, which: int, changes: Any) -> None:
        if self.view:
            document_id = list(self.view)[which % len(self.view)]
            self.transaction.patch(document_id, changes)
            self.read_back(document_id)

    @rule(which=st.integers(0, 9))
    def delete(self, which: int) -> None:
        if self.view:
            document_id = list(self.view)[which % len(self.view)]
            self.transaction.delete(document_id)
            del self.view[document_id]

    @rule(is_begin=st.booleans())
    def nest(self, is_begin: bool) -> None:
        if is_begin:
            self.savepoints.append((self.transaction.savepoint(), dict(self.view)))
        elif self.savepoints:
            savepoint, self.view = self.savepoints.pop()
            self.transaction.rollback(savepoint)

    @rule()
    def commit(self) -> None:
        self.clock.advance(0.01)
        self.database.commit(self.transaction)
        self.committed = self.view
        self.begin()

    @rule()
    def abandon(self) -> None:
        self.begin()

    @rule()
    def keep_a_snapshot(self) -> None:
        self.kept = [*self.kept[-2:], (self.database.snapshot, dict(self.committed))]

    @rule(text=TEXTS, equal=EQUAL, which=st.integers(0, 3))
    def search(self, text: str, equal: dict[str, Any], which: int) -> None:
        if which == 0 or not self.kept:
            check_search(self.transaction, self.view, text, equal)
        else:
            snapshot, model = self.kept[which % len(self.kept)]
            check_search(self.database.begin_at(snapshot), model, text, equal)

    @rule()
    def push_another_schema_and_this_one_again(self) -> None:
        self.database.push_schema(schema(is_narrow=True))
        self.database.push_schema(schema())
        self.begin()

    @rule()
    def open_the_store_again(self) -> None:
        again = Database.open(self.persistence, clock=self.clock, random=random.Random(0))
        assert contents(again.snapshot) == contents(self.database.snapshot)
        self.database = again
        self.begin()

    @invariant()
    def the_index_agrees_with_the_documents(self) -> None:
        check_consistent(self.database.snapshot)


def test_searches_equal_the_naive_ranking_after_any_history() -> None:
    run_state_machine_as_test(SearchMachine, settings=settings(max_examples=60, stateful_step_count=25, deadline=None))
