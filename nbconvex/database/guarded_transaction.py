"""A transaction over tables with rules: each write keeps them, or is refused.

Owns:  `GuardedTransaction`: unique indexes at work.
Must not know: user functions; stored documents that are not written.
Invariants:
- A rule is looked at in every write, whoever makes it: user code, an import, a migration.
- Looking is a read of the index key in question, so that of two transactions which each would be right alone, one meets
  a conflict, is repeated, and then finds what the other has written.
- A write that is refused leaves nothing behind.
Threads: as a transaction.
Source: ADR 15.
"""

from __future__ import annotations

from typing import Any

from nbconvex.database.snapshot import Table
from nbconvex.database.transaction import Transaction
from nbconvex.database.write_rules import TableRules
from nbconvex.database.writes import Document
from nbconvex.errors import UniqueViolatedError
from nbconvex.values.codec import decode_document


class GuardedTransaction(Transaction):
    """A transaction whose schema has rules between documents."""

    __slots__ = ("_rules",)

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        schema = self.snapshot.schema
        self._rules = {} if schema is None else schema.rules

    def _record(
        self, state: Table, internal: bytes, stored: bytes | None, document: Document | None, size: int | None,
        decoded: Document | None = None,
    ) -> None:  # fmt: skip
        rules = self._rules.get(state.name)
        if rules is not None and document is not None:
            before = decoded if decoded is not None or stored is None else decode_document(stored)
            self._require_unique(rules, state, before, document)
        super()._record(state, internal, stored, document, size, decoded)

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
