"""The migrations of one backend: `backend.migrations`.

Owns:  `Migrations`: which are defined, running them to their end, trying them out, giving them up; what is told of
them.
Must not know: notebooks; what a migration does.
Invariants: a batch and the place up to which it came are one commit, so a document is visited once however often the
process is killed. A migration that is done does nothing, until somebody asks for it again. A name is run by one caller
at a time. A dry run commits nothing.
Threads: any; a migration runs in its caller's.
"""

from __future__ import annotations

import difflib
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from nbconvex.errors import CallerError, ConflictError, MigrationFailedError, StorageError
from nbconvex.functions.cells import Namespace, cell_filename, undone_on_error
from nbconvex.functions.run import CURRENT
from nbconvex.functions.scheduling import in_own_transaction
from nbconvex.functions.tracebacks import trim
from nbconvex.services.migrations import records
from nbconvex.services.migrations.attempt import Attempt, batch_function
from nbconvex.services.migrations.batch import Change, Failure, Rehearsal
from nbconvex.services.migrations.migration_forms import (
    BATCH_SIZE,
    MigrationDefinition,
    definition_of_cell,
    made,
    require_terms,
)
from nbconvex.services.migrations.records import MigrationStatus

if TYPE_CHECKING:
    from nbconvex.database.transaction import Transaction
    from nbconvex.database.writes import Document
    from nbconvex.functions.runner import Runner

#: Documents that a dry run shows unless told otherwise.
SAMPLES: Final = 5
#: The pauses between attempts of a batch that keeps meeting conflicts: the first, and the longest.
_PAUSE_S: Final = 0.01
_PAUSE_MAX_S: Final = 1.0
READER: Final = "_migrations"


@dataclass(frozen=True, slots=True)
class MigrationReport:
    """What one call of `run` did.

    Shapes:  `was_done`: it had been done before, and nothing was done. `resumed_at` is how many documents had been
    visited before.
    Units:  `duration_s` in seconds.
    """

    status: MigrationStatus
    was_done: bool = False
    resumed_at: int = 0
    duration_s: float = 0.0


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a migration would do, of which nothing was kept.

    Shapes:  `changes` and `failures` are the first ones; `others` counts documents written besides, by table and verb.
    """

    name: str
    table: str
    visited: int
    changed: int
    failed: int
    changes: tuple[Change, ...]
    failures: tuple[Failure, ...]
    others: dict[tuple[str, str], int] = field(default_factory=dict)
    scheduled: int = 0
    resumed_at: int = 0


class Migrations:
    """Migrations from plain code: `backend.migrations.run("add_age")`."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._lock = threading.Lock()
        self._definitions: dict[str, MigrationDefinition] = {}
        #: Which origin has defined a migration.
        self._origins: dict[str, str] = {}
        self._under_way: set[str] = set()

    # -- defining ----------------------------------------------------------------------------------------------------

    def declare(self, origin: str, definitions: Iterable[MigrationDefinition]) -> tuple[str, ...]:
        """Make `definitions` all migrations of `origin`; the names that are new. How far they have come stays.

        Raises:  CallerError for a name that is there twice, and for too large a batch.
        """
        wanted: dict[str, MigrationDefinition] = {}
        maximum = self._runner.limits.migration_batch
        for definition in definitions:
            if definition.name in wanted:
                raise CallerError(
                    f"the migration {definition.name!r} is declared twice.", hint='@migration(table=..., name="other")'
                )
            if definition.batch_size > maximum:
                raise CallerError(
                    f"the migration {definition.name}: a batch has {maximum:,} documents at most, since it is one "
                    f"mutation, got {definition.batch_size:,} (limit migration_batch)."
                )
            wanted[definition.name] = definition
        with self._lock:
            kept = {name: each for name, each in self._definitions.items() if self._origins.get(name) != origin}
            new = tuple(name for name in wanted if name not in self._definitions)
            self._definitions = {**kept, **wanted}
            self._origins = {name: origin if name in wanted else self._origins[name] for name in self._definitions}
        return new

    def define(self, *, table: str, name: str | None = None, batch_size: int = BATCH_SIZE) -> Callable[..., Any]:
        """Declare and define at once: `@backend.migration(table="users")` above `def add_age(ctx, doc)`.

        Raises:  CallerError.
        """

        def declare(function: Callable[..., Any]) -> MigrationDefinition:
            called = name if name is not None else getattr(function, "__name__", "")
            definition = replace(made(called, table, function, batch_size), is_defined=True)
            self.declare(f"decorator {called}", (definition,))
            return definition

        return declare

    def define_cell(
        self, source: str, name: str, *, table: str, batch_size: int = BATCH_SIZE, origin: str | None = None,
        namespace: Namespace | None = None, filename: str | None = None,
    ) -> MigrationDefinition:  # fmt: skip
        """Put a cell's migration in the place of what `origin` had defined, or change nothing. It is not run.

        Raises:  SyntaxError; whatever the cell raises; CallerError.
        """
        __tracebackhide__ = True
        namespace = {} if namespace is None else namespace
        filename = filename or cell_filename(f"migration {name}", source)
        try:
            # Before the cell runs: a mistake in its first line must not cost a run of its body.
            require_terms(name, table, batch_size)
            self._require_table(name, table)
            with undone_on_error(namespace):
                definition = definition_of_cell(source, name, table, batch_size, namespace=namespace, filename=filename)
                self.declare(origin or f"migration cell {name}", (definition,))
        except BaseException as error:
            trim(error)
            raise
        return definition

    def _find(self, name: str) -> MigrationDefinition:
        definition = self._definitions.get(name)
        if definition is not None:
            return definition
        document = records.document_of(self._runner.database.snapshot, name)
        if document is not None:
            raise CallerError(
                f"the migration {name} is known to this store, but its function is not defined: run its %%migration "
                "cell or its module."
            )
        close = difflib.get_close_matches(str(name), self._definitions, 1)
        guess = f' Did you mean "{close[0]}"?' if close else ""
        known = ", ".join(sorted(self._definitions)) or "none"
        raise CallerError(f"there is no migration {name!r:.80}.{guess} Defined are: {known}.")

    def _require_table(self, name: str, table: str) -> int:
        """The number of the table. Raises: CallerError if there is none of that name."""
        snapshot = self._runner.database.snapshot
        found = snapshot.table(table)
        if found is not None:
            return found.number
        known = sorted(each for each in snapshot.numbers if not each.startswith("_"))
        close = difflib.get_close_matches(table, known, 1)
        guess = f' Did you mean "{close[0]}"?' if close else ""
        raise CallerError(
            f'the migration {name}: there is no table "{table}".{guess} Tables: {", ".join(known) or "none yet"}.'
        )

    # -- running -----------------------------------------------------------------------------------------------------

    def run(
        self, name: str, *, reset: bool = False, on_progress: Callable[[MigrationStatus], None] | None = None
    ) -> MigrationReport:
        """Run a migration to its end in this thread, from where it stood. One that is done does nothing.

        `reset` begins again at the first document. `on_progress` is told after each batch.
        Raises:  MigrationFailedError, with what is done kept, where the function raises for a document; CallerError;
                 StorageError. An interrupt ends it after the last whole batch.
        """
        __tracebackhide__ = True
        _require_plain_code("run")
        definition = self._find(name)
        self._require_table(name, definition.table)
        clock = self._runner.clock
        started_s = clock.monotonic_s()
        with self._claimed(name):
            document, was_done = in_own_transaction(self._runner, READER, partial(self._begin, definition, reset))
            status = self._seen(document)
            if was_done:
                return MigrationReport(status, was_done=True, resumed_at=status.visited)
            resumed_at = status.visited
            if on_progress is not None:
                on_progress(status)
            size = definition.batch_size
            while status.state == records.RUNNING:
                status, size = self._one_batch(definition, size)
                if on_progress is not None:
                    on_progress(status)
        return MigrationReport(status, False, resumed_at, clock.monotonic_s() - started_s)

    def run_all(
        self, *names: str, reset: bool = False, on_progress: Callable[[MigrationStatus], None] | None = None
    ) -> list[MigrationReport]:
        """Run several, one after the other in this order. The first one that fails, or is canceled, ends it.

        Raises:  as `run`; CallerError for a name that is not defined, before anything is run.
        """
        __tracebackhide__ = True
        for name in names:
            self._find(name)
        reports = []
        for name in names:
            report = self.run(name, reset=reset, on_progress=on_progress)
            reports.append(report)
            if report.status.state != records.DONE:
                break
        return reports

    @contextmanager
    def _claimed(self, name: str) -> Iterator[None]:
        with self._lock:
            if name in self._under_way:
                raise CallerError(
                    f"the migration {name} is running already, in another thread.",
                    hint=f'backend.migrations.status("{name}")',
                )
            self._under_way.add(name)
        try:
            yield
        finally:
            with self._lock:
                self._under_way.discard(name)

    def _begin(self, definition: MigrationDefinition, reset: bool, tx: Transaction) -> tuple[Document, bool]:  # noqa: FBT001
        """The document with which it goes on, and whether it is done."""
        document = records.find(tx, definition.name)
        table = tx.table(definition.table)
        if table is None:
            raise CallerError(f"the migration {definition.name}: the table {definition.table} was deleted.")
        if document is not None and document["table"] != definition.table and not reset:
            raise CallerError(
                f"the migration {definition.name} has gone over the table {document['table']}, not over "
                f"{definition.table}: give this one another name, or begin again with --reset (reset=True)."
            )
        if document is None or reset or document["tableNumber"] != table.number:
            # A table that was deleted and made again is another table: its documents were visited by nobody.
            total = len(tx.snapshot.tables[table.number].documents)
            document = records.begun(definition, table.number, total, tx.now_ms)
        elif document["state"] == records.DONE:
            return document, True
        else:
            document = records.changed(document, state=records.RUNNING, updatedTime=tx.now_ms, digest=definition.digest)
        records.put(tx, document)
        return document, False

    def _one_batch(self, definition: MigrationDefinition, size: int) -> tuple[MigrationStatus, int]:
        """Where it stands after the next batch, and how large the one behind it should be.

        Raises:  MigrationFailedError; StorageError.
        """
        __tracebackhide__ = True
        pause_s = _PAUSE_S
        while True:
            attempt = Attempt(definition, size)
            try:
                document = self._execute(definition, attempt)
            except ConflictError:
                # Somebody else writes to the same documents all the time. Fewer documents meet fewer others.
                size = max(1, size // 2)
                time.sleep(pause_s)
                pause_s = min(pause_s * 2, _PAUSE_MAX_S)
                continue
            except StorageError:
                raise
            except Exception as error:
                # What no block around the function could catch: it waits for something.
                current = "" if attempt.batch is None else attempt.batch.current
                if not current:
                    raise
                raise self._failed(definition, Failure(current, error)) from error
            break
        batch = attempt.batch
        if batch is not None and batch.failure is not None:
            raise self._told(self._seen(document), batch.failure) from batch.failure.error
        return self._seen(document), min(definition.batch_size, size * 2)

    def _execute(self, definition: MigrationDefinition, attempt: Attempt) -> Document:
        """The migration's document after a batch."""
        run = self._runner.new_run(batch_function(definition, attempt), None, is_echoed=True)
        run.within = attempt.within
        document: Document = self._runner.execute(run, {}, source="migration")
        return document

    def _failed(self, definition: MigrationDefinition, failure: Failure) -> MigrationFailedError:
        """Write down that a document failed whose batch could not be committed."""

        def change(tx: Transaction) -> Document:
            document = records.find(tx, definition.name)
            assert document is not None, definition.name
            document = records.changed(
                document, state=records.FAILED, error=records.error_text(failure.error),
                failedDocument=failure.document, updatedTime=tx.now_ms,
            )  # fmt: skip
            records.put(tx, document)
            return document

        return self._told(self._seen(in_own_transaction(self._runner, READER, change)), failure)

    @staticmethod
    def _told(status: MigrationStatus, failure: Failure) -> MigrationFailedError:
        trim(failure.error)
        return MigrationFailedError(
            status.name, status.table, failure.document, records.error_text(failure.error), visited=status.visited,
            total=status.total,
        )  # fmt: skip

    # -- trying out --------------------------------------------------------------------------------------------------

    def dry_run(
        self, name: str, *, samples: int = SAMPLES, on_progress: Callable[[int, int], None] | None = None
    ) -> DryRun:
        """What a migration would do from where it stands, or from the beginning if it is done. Nothing is kept.

        Each batch is run and undone, so it sees nothing of the batches before it. Documents that fail are counted.
        `on_progress` is told how many documents were visited, and how many there are.
        Raises:  CallerError; StorageError.
        """
        __tracebackhide__ = True
        _require_plain_code("dry_run")
        definition = self._find(name)
        number = self._require_table(name, definition.table)
        document = records.document_of(self._runner.database.snapshot, name)
        place = records.begun(definition, number, 0, 0.0)
        if document is not None and document["state"] != records.DONE and document["tableNumber"] == number:
            place = {**document, "state": records.RUNNING}
        resumed_at = int(place["visited"])
        visited = changed = 0
        total = Rehearsal(max(0, samples))
        while True:
            attempt = Attempt(definition, definition.batch_size, place, total)
            try:
                place = self._execute(definition, attempt)
            except ConflictError:
                continue
            batch = attempt.batch
            assert batch is not None and batch.rehearsal is not None, name  # noqa: PT018 - one fact
            total.add(batch.rehearsal)
            visited, changed = visited + batch.visited, changed + batch.changed
            if on_progress is not None:
                on_progress(visited, int(place["total"]) - resumed_at)
            if batch.is_last:
                break
        for failure in total.failures:
            trim(failure.error)
        return DryRun(
            name, definition.table, visited, changed, total.failed, tuple(total.changes), tuple(total.failures),
            total.others, total.scheduled, resumed_at,
        )  # fmt: skip

    # -- looking, and giving up --------------------------------------------------------------------------------------

    def status(self, name: str) -> MigrationStatus:
        """How far a migration has come.

        Raises:  CallerError for a name that is neither defined nor known to the store.
        """
        document = records.document_of(self._runner.database.snapshot, name)
        if document is not None:
            return self._seen(document)
        definition = self._find(name)
        table = self._runner.database.snapshot.table(definition.table)
        total = 0 if table is None else len(table.documents)
        return MigrationStatus(name, definition.table, records.NEW, total=total)

    def statuses(self) -> list[MigrationStatus]:
        """How far all migrations have come that are defined or known to the store, by name."""
        known = {each["name"] for each in records.documents(self._runner.database.snapshot)}
        return [self.status(name) for name in sorted(known | set(self._definitions))]

    def cancel(self, name: str) -> MigrationStatus:
        """Give a migration up: one that runs stops after its batch. What is done stays, and `run` goes on from there.

        Raises:  CallerError for one that has not begun, or is done.
        """
        _require_plain_code("cancel")

        def change(tx: Transaction) -> Document:
            document = records.find(tx, name)
            if document is None or document["state"] == records.DONE:
                state = "is done" if document is not None else "has not begun"
                raise CallerError(f"the migration {name} {state}, so there is nothing to cancel.")
            document = records.changed(document, state=records.CANCELED, updatedTime=tx.now_ms)
            records.put(tx, document)
            return document

        return self._seen(in_own_transaction(self._runner, READER, change))

    def _seen(self, document: Document) -> MigrationStatus:
        name = document["name"]
        return records.status_of(document, self._definitions.get(name), is_under_way=name in self._under_way)


def _require_plain_code(verb: str) -> None:
    run = CURRENT.get()
    if run is not None:
        raise CallerError(
            f"{run.path}: a migration is many mutations, so it is run from plain code, not from inside a function.",
            hint=f'backend.migrations.{verb}("name")',
        )
