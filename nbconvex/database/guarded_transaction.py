"""A transaction over tables with rules or watchers: each write keeps the rules, or is refused, and is told of.

Owns:  `GuardedTransaction`: unique indexes at work; the order in which a `Watch` hears of writes.
Must not know: user functions; what a watch does.
Invariants:
- A rule is looked at in every write, whoever makes it: user code, an import, a migration.
- Looking is a read of the index key in question, so that of two transactions which each would be right alone, one meets
  a conflict, is repeated, and then finds what the other has written.
- A write that is refused leaves nothing behind.
- A watch hears of each write once, when it was made, before the call that made it returns. Writes that it makes itself
  stand in line behind: breadth first. Those of a sub-transaction that is rolled back leave the line.
Threads: as a transaction.
Source: semantics 11.2, ADR 15.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from nbconvex.database.snapshot import Snapshot, Table
from nbconvex.database.transaction import Savepoint, Transaction
from nbconvex.database.write_rules import TableRules
from nbconvex.database.writes import Document
from nbconvex.errors import LimitExceededError, UniqueViolatedError
from nbconvex.values.codec import decode_document


class Written(NamedTuple):
    """One write: a document before and after it, encoded; None stands for "did not exist" or "exists no more".

    Units:  `depth` counts from 1, the write of somebody who is no watch; what is written about it is one deeper.
    """

    table: str
    before: bytes | None
    after: bytes | None
    depth: int


class Watch(Protocol):
    """Who hears of writes to some tables."""

    @property
    def tables(self) -> Container[str]:
        """The tables, by name."""

    def react(self, transaction: GuardedTransaction, written: Written) -> Exception | None:
        """Do what is to be done about one write; the first error that this met."""


@dataclass(frozen=True, slots=True)
class GuardedSavepoint(Savepoint):
    """A place to return to, with the length of the line of writes at it."""

    in_line: int


class GuardedTransaction(Transaction):
    """A transaction whose schema has rules between documents, or of whose writes somebody hears."""

    __slots__ = ("_depth", "_is_quiet", "_is_telling", "_line", "_rules", "_watch")

    def __init__(self, watch: Watch | None, snapshot: Snapshot, *parts: Any) -> None:
        super().__init__(snapshot, *parts)
        self._rules = {} if snapshot.schema is None else snapshot.schema.rules
        self._watch = watch
        self._line: list[Written] = []
        self._depth = 0
        self._is_telling = self._is_quiet = False

    def _record(
        self, state: Table, internal: bytes, stored: bytes | None, document: Document | None, size: int | None,
        decoded: Document | None = None,
    ) -> None:  # fmt: skip
        name = state.name
        rules = self._rules.get(name)
        if rules is not None and document is not None:
            before = decoded if decoded is not None or stored is None else decode_document(stored)
            self._require_unique(rules, state, before, document)
        super()._record(state, internal, stored, document, size, decoded)
        if self._watch is not None and not self._is_quiet and name in self._watch.tables:
            self._line.append(Written(name, stored, self.writes[state.number, internal].after, self._depth + 1))
            self._tell()

    # -- rules -------------------------------------------------------------------------------------------------------

    def _require_unique(self, rules: TableRules, state: Table, before: Document | None, document: Document) -> None:
        """Refuse a document whose value in a unique index another document has."""
        number = state.number
        for rule in rules.unique:
            key = rule.key(document)
            if key is None or (before is not None and rule.key(before) == key):
                # What it has already nobody else can have.
                continue
            # Behind all keys that begin with these values, as in `ranges`.
            low, high = key, key + b"\xff"
            self.reads.add_interval(number, rule.index, low, high)
            for _, payloads in self._view(number).indexes[rule.index].entries.chunks(low, high):
                raise UniqueViolatedError(
                    state.name, rule.index, rule.values(document), decode_document(payloads[0])["_id"],
                    shown=rule.shown(document),
                )  # fmt: skip

    # -- watching ----------------------------------------------------------------------------------------------------

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Nobody hears of what is written inside."""
        was_quiet, self._is_quiet = self._is_quiet, True
        try:
            yield
        finally:
            self._is_quiet = was_quiet

    def _tell(self) -> None:
        """Let the watch hear of all that stands in line, unless it is at that already.

        Raises:  the first error that this met, when all have been heard of; LimitExceededError.
        """
        if self._is_telling:
            return
        assert self._watch is not None, "there is a line only where there is a watch"
        self._is_telling = True
        first: Exception | None = None
        place = 0
        line = self._line
        try:
            while place < len(line):
                written = line[place]
                place += 1
                self._require_depth(written)
                self._depth = written.depth
                error = self._watch.react(self, written)
                if first is None:
                    first = error
        finally:
            line.clear()
            self._depth = 0
            self._is_telling = False
        if first is not None:
            raise first

    def _require_depth(self, written: Written) -> None:
        maximum = self.limits.trigger_depth
        if written.depth > maximum:
            raise LimitExceededError(
                "trigger_depth", f'triggers have set each other off {maximum} times in a row, at last by a write to '
                f'table "{written.table}"; is this an infinite loop?', maximum=maximum, actual=written.depth,
                cure="A trigger must end: write only where something changes, or through ctx.inner_db, of whose "
                "writes no trigger hears.",
            )  # fmt: skip

    # -- sub-transactions --------------------------------------------------------------------------------------------

    def savepoint(self) -> GuardedSavepoint:
        plain = super().savepoint()
        return GuardedSavepoint(
            plain.writes, plain.own_tables, plain.pending, plain.written, plain.next_creation_ms, len(self._line)
        )

    def rollback(self, savepoint: Savepoint) -> None:
        super().rollback(savepoint)
        if isinstance(savepoint, GuardedSavepoint):
            del self._line[savepoint.in_line :]
