"""A transaction over tables with rules or watchers: each write keeps the rules, or is refused, and is told of.

Owns:  `GuardedTransaction`: unique indexes and references at work; the order in which a `Watch` hears of writes.
Must not know: user functions; what a watch does.
Invariants:
- A rule is looked at in every write, whoever makes it: user code, an import, a migration.
- Looking is a read of the index key in question, so that of two transactions which each would be right alone, one meets
  a conflict, is repeated, and then finds what the other has written.
- A write that is refused leaves nothing behind; a deletion takes all that follows from it along, or is refused.
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

from nbconvex.database.consequences import Consequences, consequences_of
from nbconvex.database.rule_check import require_kept
from nbconvex.database.snapshot import BY_ID, Snapshot, Table
from nbconvex.database.transaction import Savepoint, Transaction
from nbconvex.database.write_rules import TableRules
from nbconvex.database.writes import Document
from nbconvex.errors import LimitExceededError, ReferenceViolatedError, UniqueViolatedError, ValueInvalidError
from nbconvex.values.codec import decode_document
from nbconvex.values.ids import decode_id
from nbconvex.values.references import Reference
from nbconvex.values.sort_key import encode_key, field_value


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

    __slots__ = ("_depth", "_is_deferred", "_is_quiet", "_is_telling", "_line", "_rules", "_watch")

    def __init__(self, watch: Watch | None, snapshot: Snapshot, *parts: Any) -> None:
        super().__init__(snapshot, *parts)
        self._rules = {} if snapshot.schema is None else snapshot.schema.rules
        self._watch = watch
        self._line: list[Written] = []
        self._depth = 0
        self._is_telling = self._is_quiet = self._is_deferred = False

    def _record(
        self, state: Table, internal: bytes, stored: bytes | None, document: Document | None, size: int | None,
        decoded: Document | None = None,
    ) -> None:  # fmt: skip
        name = state.name
        rules = self._rules.get(name)
        if rules is not None:
            if document is not None:
                before = decoded if decoded is not None or stored is None else decode_document(stored)
                self._require_unique(rules, state, before, document)
                if rules.refers and not self._is_deferred:
                    self._require_referred(rules, before, document)
            elif rules.referred and stored is not None and not self._is_deferred:
                self._delete_all(state, internal, stored)
                return
        # By its name, which is quicker than super(): most tables of an app have no rules.
        Transaction._record(self, state, internal, stored, document, size, decoded)  # noqa: SLF001 - its own
        if self._watch is not None:
            self._tell(state, internal, stored)

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

    def _require_referred(self, rules: TableRules, before: Document | None, document: Document) -> None:
        """Refuse a document that refers to one which is not there."""
        for reference in rules.refers:
            value = field_value(document, reference.path)
            if type(value) is not str or (before is not None and field_value(before, reference.path) == value):
                continue
            try:
                number, internal = decode_id(value)
            except ValueInvalidError:
                # Documents of this table are not validated.
                continue
            if self.table_name(number) != reference.target:
                continue
            id_key = value.encode("ascii")
            self.reads.add_point(number, BY_ID, id_key)
            if self._payload(number, internal, id_key) is None:
                raise ReferenceViolatedError(
                    f'Failed to write to table "{reference.table}": its field "{reference.path}" refers to the '
                    f'document with ID "{value}", and table "{reference.target}" has none with this ID (any more). '
                    "Write that one first.",
                    table=reference.table, field=reference.path, document_id=value,
                )  # fmt: skip

    def _delete_all(self, state: Table, internal: bytes, stored: bytes) -> None:
        """Delete a document that others may refer to, and do what follows from that."""
        document = decode_document(stored)
        try:
            found = consequences_of(state.name, document["_id"], self._rules, self._referrers)
        except LimitExceededError as error:
            raise LimitExceededError(
                error.limit, f'deleting the document with ID "{document["_id"]}" looks at all that refer to it (they '
                "have on_delete), more than one transaction reads", maximum=error.maximum, actual=error.actual,
                cure="Delete those first, a few thousand in each of several mutations.",
            ) from None  # fmt: skip
        self._require_room(document["_id"], len(stored), found)
        was_telling, self._is_telling = self._is_telling, True
        try:
            self._enter(state, internal, stored, document, None)
            for follower in found.followers:
                number, follower_internal = decode_id(follower.document["_id"])
                table = self._own_tables.get(number) or self.snapshot.layout[number]
                self._enter(table, follower_internal, follower.payload, follower.document, follower.after)
        finally:
            self._is_telling = was_telling
        self._tell_all()

    def _enter(
        self, state: Table, internal: bytes, stored: bytes, before: Document, after: Document | None
    ) -> None:  # fmt: skip
        super()._record(state, internal, stored, after, len(stored), before)
        self._tell(state, internal, stored)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """References are looked at when the block ends: documents may come and go in any order, and take none along.

        Raises:  ReferenceViolatedError.
        """
        self._is_deferred = True
        try:
            yield
        finally:
            self._is_deferred = False
        names = {name for number, _ in self.writes if (name := self.table_name(number)) is not None}
        require_kept(self._rules, names, self.table, self.table_name)

    def _referrers(self, reference: Reference, document_id: str) -> Iterator[bytes]:
        """The payloads of the documents that refer to one."""
        number = self.snapshot.numbers.get(reference.table)
        if number is None:
            return
        low = encode_key(document_id)
        high = low + b"\xff"
        self.reads.add_interval(number, reference.index, low, high)
        for _, payloads in self._view(number).indexes[reference.index].entries.chunks(low, high):
            for payload in payloads:
                self.metrics.charge_read(1, len(payload))
                yield payload

    def _require_room(self, document_id: str, size: int, found: Consequences) -> None:
        """Refuse a deletion that would take more along than one transaction may write, before any of it is written."""
        metrics = self.metrics
        followers = found.followers
        count = 1 + len(followers)
        size += sum(len(follower.payload) for follower in followers)
        for limit, used, more, maximum in (
            ("documents_written", metrics.documents_written, count, metrics.documents_written_max),
            ("written_bytes", metrics.written_bytes, size, metrics.written_bytes_max),
        ):
            if used + more > maximum:
                tables = ", ".join(dict.fromkeys(f'"{follower.table}"' for follower in followers)) or "none"
                raise LimitExceededError(
                    limit, f'deleting the document with ID "{document_id}" would take {len(followers):,} others along '
                    f"by on_delete (of {tables}), more than one transaction writes", maximum=maximum,
                    actual=used + more, cure="Delete those first, a few thousand in each of several mutations.",
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

    def _tell(self, state: Table, internal: bytes, stored: bytes | None) -> None:
        """Let the watch hear of a write that was just made, and of what stands in line.

        Raises:  as `_tell_all`.
        """
        name = state.name
        if self._watch is not None and not self._is_quiet and name in self._watch.tables:
            self._line.append(Written(name, stored, self.writes[state.number, internal].after, self._depth + 1))
            self._tell_all()

    def _tell_all(self) -> None:
        """Let the watch hear of all that stands in line, unless it is at that already.

        Raises:  the first error that this met, when all have been heard of; LimitExceededError.
        """
        if self._is_telling or self._watch is None:
            return
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
