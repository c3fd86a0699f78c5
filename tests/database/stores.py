"""Databases for the tests of this room, and persistences that watch, fail or wait."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from nbconvex.clock import Clock, ManualClock
from nbconvex.database.database import Database
from nbconvex.database.snapshot import Snapshot
from nbconvex.database.transaction import Transaction
from nbconvex.limits import Limits
from nbconvex.storage.memory import MemoryPersistence
from nbconvex.storage.persistence import Commit, Persistence
from nbconvex.values.schema import SchemaDefinition
from tests.database.snapshot_checks import content_of

T = TypeVar("T")


def open_database(
    persistence: Persistence | None = None,
    *,
    schema: SchemaDefinition | None = None,
    limits: Limits | None = None,
    clock: Clock | None = None,
    seed: int = 1,
    **more: Any,
) -> Database:
    """A database over a memory of its own, with a clock that stands still."""
    database = Database.open(
        persistence or MemoryPersistence(),
        clock=clock or ManualClock(),
        limits=limits,
        random=random.Random(seed),
        **more,
    )
    if schema is not None:
        database.push_schema(schema)
    return database


def write(database: Database, run: Callable[[Transaction], T]) -> T:
    """What `run` returned, committed."""
    transaction = database.begin(writable=True)
    result = run(transaction)
    database.commit(transaction)
    return result


def insert_all(database: Database, table: str, documents: Sequence[dict[str, Any]]) -> list[str]:
    """The ids of documents inserted in one commit."""
    return write(database, lambda tx: [tx.insert(table, document) for document in documents])


def read(database: Database, run: Callable[[Transaction], T]) -> T:
    """What `run` finds in the newest durable snapshot."""
    return run(database.begin(writable=False))


def bare(document: dict[str, Any] | None) -> dict[str, Any] | None:
    """A document without its system fields."""
    return None if document is None else {name: value for name, value in document.items() if name[0] != "_"}


def contents(snapshot: Snapshot) -> dict[str, Any]:
    """Everything that two snapshots of the same log must have in common, in comparable form."""
    return {
        table.name: {
            "number": table.number,
            "documents": list(table.documents.entries()),
            "indexes": {
                name: (index.fields, index.is_staged, list(index.entries.entries()))
                for name, index in table.indexes.items()
            },
            "content": {name: content_of(index) for name, index in table.content.items()},
            "memory_bytes": table.memory_bytes,
        }
        for table in snapshot.tables.values()
    }


class RecordingPersistence(MemoryPersistence):
    """Keeps the batches it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[list[Commit]] = []

    def append(self, commits: Sequence[Commit], expected_head: int) -> None:
        super().append(commits, expected_head)
        self.batches.append(list(commits))

    @property
    def revisions(self) -> int:
        return sum(len(commit.revisions) for batch in self.batches for commit in batch)


class FailingPersistence(MemoryPersistence):
    """A disk that breaks when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.is_broken = False
        self.appends = 0

    def append(self, commits: Sequence[Commit], expected_head: int) -> None:
        self.appends += 1
        if self.is_broken:
            raise OSError("the disk is gone")
        super().append(commits, expected_head)


class BlockingPersistence(RecordingPersistence):
    """A disk that takes as long as the test wants: while `gate` is clear, `append` waits in `entered`."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()

    def append(self, commits: Sequence[Commit], expected_head: int) -> None:
        self.entered.set()
        assert self.gate.wait(10), "the test never opened the gate"
        super().append(commits, expected_head)
