"""One batch and the place up to which it came, as one transaction.

Owns:  `Attempt`; the mutation that a batch is; what its end makes of the migration's document.
Must not know: when it is repeated; which batch comes next.
Invariants: the documents that a batch has changed and the cursor behind them are committed together. A dry run's are
undone together.
Threads: that of the run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nbconvex.errors import CallerError
from nbconvex.functions.definition import FunctionDefinition
from nbconvex.services.migrations import records
from nbconvex.services.migrations.batch import Batch, Rehearsal

if TYPE_CHECKING:
    from nbconvex.database.writes import Document
    from nbconvex.functions.run import Run
    from nbconvex.services.migrations.migration_forms import MigrationDefinition


class Attempt:
    """One run of one batch, which the runner may repeat: each time it begins anew."""

    def __init__(
        self, definition: MigrationDefinition, size: int, place: Document | None = None, total: Rehearsal | None = None
    ) -> None:
        self.batch: Batch | None = None
        self._definition = definition
        self._size = size
        #: Of a dry run: where it stands, which no document says, and what the batches before this one told.
        self._place = place
        self._total = total

    def within(self, run: Run, handle: Callable[[], Any]) -> Document:
        """The batch and the place up to which it came, in one transaction; nothing if it was canceled meanwhile.

        Raises:  CallerError if nobody knows of the migration any more.
        """
        tx = run.tx
        assert tx is not None, run.path
        self.batch = None
        document = self._place or records.find(tx, self._definition.name)
        if document is None:
            raise CallerError(f"the migration {self._definition.name} was deleted with everything else while it ran.")
        if document["state"] != records.RUNNING:
            return document
        rehearsal = None if self._total is None else self._total.fresh()
        savepoint = tx.savepoint()
        batch = self.batch = Batch(
            self._definition, tx, cursor=document["cursor"], until_ms=document.get("untilTime", 0.0), size=self._size,
            rehearsal=rehearsal,
        )  # fmt: skip
        handle()
        document = _after(document, batch, tx.now_ms)
        if batch.failure is not None:
            # For the log: what came before it is committed, and the call has failed all the same.
            run.error = batch.failure.error
        if rehearsal is None:
            records.put(tx, document)
        else:
            batch.tell(rehearsal)
            tx.rollback(savepoint)
        return document


def _after(document: Document, batch: Batch, now_ms: float) -> Document:
    """A migration's document after a batch."""
    visited = int(document["visited"]) + batch.visited
    fields: dict[str, Any] = {
        "cursor": batch.cursor,
        "visited": visited,
        "changed": int(document["changed"]) + batch.changed,
        "batches": int(document["batches"]) + (1 if batch.visited else 0),
        "total": visited + batch.left(),
        "updatedTime": now_ms,
        "untilTime": batch.until_ms or None,
        "state": records.DONE if batch.is_last else records.RUNNING,
    }
    if batch.failure is not None:
        fields |= {
            "state": records.FAILED,
            "error": records.error_text(batch.failure.error),
            "failedDocument": batch.failure.document,
        }
    return records.changed(document, **fields)


def batch_function(definition: MigrationDefinition, attempt: Attempt) -> FunctionDefinition:
    """A batch as the mutation that it is."""

    async def carry_out(ctx: Any) -> None:
        assert attempt.batch is not None, definition.name
        await attempt.batch.carry_out(ctx)

    return FunctionDefinition(
        f"migration {definition.name}", "mutation", carry_out, is_internal=True, parameters=frozenset(), is_async=True,
        origin="migration",
    )  # fmt: skip
