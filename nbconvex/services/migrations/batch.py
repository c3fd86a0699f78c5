"""One batch of a migration: the next documents of a table, each handed to a function once.

Owns:  `Batch`: which documents are next, what is made of what the function returns, what becomes of one that fails;
what a dry run tells of it.
Must not know: where the place in the table is kept; who commits.
Invariants:
- Documents come in the order of their creation. A document that an earlier one of the batch has changed comes as it is
  now; one that was deleted meanwhile does not come.
- What the function wrote for a document that fails is undone; what it wrote for those before it stays, so a batch ends
  in front of the document that fails.
- A batch that meets a limit of its transaction ends there, and the next one goes on, unless it has done nothing yet.
Threads: that of the run.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from nbconvex.database.payload import creation_key_of
from nbconvex.database.snapshot import BY_CREATION_TIME
from nbconvex.database.system_tables import FIRST_USER_TABLE, SCHEDULED_FUNCTIONS_TABLE
from nbconvex.errors import CallerError, LimitExceededError, StorageError, TransientError
from nbconvex.functions import teaching
from nbconvex.values.codec import decode_document
from nbconvex.values.ids import decode_id

if TYPE_CHECKING:
    from nbconvex.database.transaction import Transaction
    from nbconvex.database.writes import Document
    from nbconvex.services.migrations.migration_forms import MigrationDefinition

#: The share of what a transaction may read that the documents of a batch take: each is read again when it is patched.
_READ_SHARE: Final = 0.25
_RETURN_HINT: Final = 'return {"age": 0}   or {"nickname": UNSET} to take a field out, or None'


@dataclass(frozen=True, slots=True)
class Failure:
    """A document for which the function raised."""

    document: str
    error: Exception


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one document. `after` is None where it was deleted."""

    document: str
    before: Document
    after: Document | None

    @property
    def fields(self) -> list[str]:
        """The fields that differ, in the order of the document."""
        after = self.after or {}
        names = dict.fromkeys([*self.before, *after])
        return [name for name in names if name not in self.before or self.before[name] != after.get(name, names)]


@dataclass(slots=True)
class Rehearsal:
    """What a dry run tells of: the first documents that change or fail, and what else would be written."""

    samples_max: int
    changes: list[Change] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    failed: int = 0
    #: By table and verb ("inserted", "changed", "deleted"): documents of other tables, and new ones of its own.
    others: dict[tuple[str, str], int] = field(default_factory=dict)
    scheduled: int = 0

    def fresh(self) -> Rehearsal:
        """What the next batch fills, up to the number of samples that are wanted still."""
        return Rehearsal(self.samples_max - min(len(self.changes), len(self.failures)))

    def add(self, other: Rehearsal) -> None:
        """Take in what a batch told."""
        self.changes += other.changes[: self.samples_max - len(self.changes)]
        self.failures += other.failures[: self.samples_max - len(self.failures)]
        self.failed += other.failed
        self.scheduled += other.scheduled
        for kind, count in other.others.items():
            self.others[kind] = self.others.get(kind, 0) + count


class Batch:
    """At most `size` documents behind `cursor`, in the transaction `tx`.

    Shapes:  `cursor` is a key of the index by creation time, empty before the first document. `until_ms`: documents
    created from then on are not visited, 0 for no such bound.
    """

    def __init__(
        self, definition: MigrationDefinition, tx: Transaction, *, cursor: bytes, until_ms: float, size: int,
        rehearsal: Rehearsal | None = None,
    ) -> None:  # fmt: skip
        self.cursor = cursor
        self.until_ms = until_ms
        self.visited = 0
        self.changed = 0
        self.is_last = False
        self.failure: Failure | None = None
        #: The document that the function has been given, for errors that no block here can catch.
        self.current = ""
        self._definition = definition
        self._tx = tx
        self._size = size
        self.rehearsal = rehearsal
        table = tx.table(definition.table)
        if table is None:
            raise CallerError(f"the migration {definition.name} has lost its table: {definition.table} was deleted.")
        self._number = table.number

    # -- the documents -----------------------------------------------------------------------------------------------

    def _bounds(self) -> tuple[bytes, bytes | None]:
        return (
            self.cursor + b"\x00" if self.cursor else b"",
            creation_key_of(self.until_ms, "") if self.until_ms else None,
        )

    def left(self) -> int:
        """How many documents lie behind the cursor."""
        table = self._tx.snapshot.tables.get(self._number)
        return 0 if table is None else table.indexes[BY_CREATION_TIME].entries.count(*self._bounds())

    def _next(self) -> list[tuple[bytes, Document]]:
        """The documents of this batch. One more is looked at, to know whether it is the last one."""
        tx = self._tx
        budget = tx.limits.read_bytes * _READ_SHARE
        found: list[tuple[bytes, Document]] = []
        for key, document in tx.query(self._definition.table).scan(*self._bounds()):
            if len(found) >= self._size or (found and budget <= 0):
                return found
            assert document is not None, "nothing is filtered"
            budget -= tx.metrics.last_read_bytes
            found.append((key, document))
        self.is_last = True
        return found

    # -- the work ----------------------------------------------------------------------------------------------------

    async def carry_out(self, ctx: Any) -> None:
        """Hand each document to the function, and write what it returns.

        Raises:  StorageError, and what is not for anybody here to catch.
        """
        tx = self._tx
        for key, document in self._next():
            self.current = document["_id"]
            savepoint = tx.savepoint()
            try:
                await self._visit(ctx, document)
            except (StorageError, TransientError):
                raise
            except Exception as error:
                tx.rollback(savepoint)
                self.is_last = self.is_last and self.rehearsal is not None
                if isinstance(error, LimitExceededError) and self.visited:
                    self.is_last = False
                    break
                failure = Failure(self.current, self._taught(error))
                if self.rehearsal is None:
                    self.failure = failure
                    break
                self._rehearse_failure(failure)
            self.cursor = key
            self.visited += 1
        self.current = ""
        self._bound_own_inserts()

    async def _visit(self, ctx: Any, document: Document) -> None:
        tx, document_id = self._tx, document["_id"]
        key = (self._number, decode_id(document_id)[1])
        earlier = tx.writes.get(key)
        if earlier is not None:
            if earlier.after is None:
                return
            document = decode_document(earlier.after)
        before = dict(document)
        result = self._definition.migrate_one(ctx, document)
        if inspect.isawaitable(result):
            result = await result
        if result is None:
            if document != before and tx.writes.get(key) is earlier:
                raise CallerError(
                    f"the function of the migration {self._definition.name} changed doc, which is a copy, and returned "
                    "nothing: nothing would be stored.", hint=_RETURN_HINT,
                )  # fmt: skip
        else:
            self._require_patch(result, before)
            tx.patch(document_id, result, table=self._definition.table)
        write = tx.writes.get(key)
        if write is not earlier and write is not None:
            self.changed += 1
            rehearsal = self.rehearsal
            if rehearsal is not None and len(rehearsal.changes) < rehearsal.samples_max:
                after = None if write.after is None else decode_document(write.after)
                rehearsal.changes.append(Change(document_id, before, after))

    def _require_patch(self, result: Any, before: Document) -> None:
        name = self._definition.name
        if not isinstance(result, Mapping):
            raise CallerError(
                f"the function of the migration {name} returned {type(result).__name__} {result!r:.60}: it returns a "
                "dict of the fields to change, or None to change nothing.", hint=_RETURN_HINT,
            )  # fmt: skip
        gone = [field for field in before if field not in result]
        if "_id" in result and gone:
            raise CallerError(
                f"the function of the migration {name} returned the document without {', '.join(gone)}. What it "
                "returns is a patch: fields that it does not name stay.", hint=f'return {{"{gone[0]}": UNSET}}',
            )  # fmt: skip

    def _taught(self, error: Exception) -> Exception:
        if isinstance(error, TypeError):
            taught = teaching.awaited_value(f"migration {self._definition.name}", error)
            if taught is not None:
                return taught.with_traceback(error.__traceback__)
        return error

    def _bound_own_inserts(self) -> None:
        """What adds to its own table would never come to an end: documents created from now on are left out."""
        if self.until_ms:
            return
        for (number, _), write in self._tx.writes.items():
            if number == self._number and write.before is None and write.after is not None:
                self.until_ms = self._tx.creation_time_ms
                return

    # -- dry runs ----------------------------------------------------------------------------------------------------

    def _rehearse_failure(self, failure: Failure) -> None:
        rehearsal = self.rehearsal
        assert rehearsal is not None
        rehearsal.failed += 1
        if len(rehearsal.failures) < rehearsal.samples_max:
            rehearsal.failures.append(failure)

    def tell(self, rehearsal: Rehearsal) -> None:
        """Count what this batch has written besides changing documents of its own table."""
        for (number, _), write in self._tx.writes.items():
            if number == SCHEDULED_FUNCTIONS_TABLE:
                rehearsal.scheduled += 1
            if number < FIRST_USER_TABLE or (write.before is None and write.after is None):
                continue
            verb = "inserted" if write.before is None else "deleted" if write.after is None else "changed"
            if number != self._number or verb == "inserted":
                kind = (self._tx.table_name(number) or str(number), verb)
                rehearsal.others[kind] = rehearsal.others.get(kind, 0) + 1
