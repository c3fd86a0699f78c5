"""The commit path: from a finished transaction to a durable, published commit.

Owns:  `Database`: beginning, accepting; opening from the log; schema pushes.
Must not know: user functions, the wire, Jupyter.
Invariants:
- Durable before visible: readers see the *published* snapshot, which the persistence has acknowledged.
- Mutations chain on the *accepted* snapshot, which may be ahead of it; what they saw is released to nobody before it is
  durable, for a commit can only become durable after all that it was based on.
Threads: accepting runs in the caller's thread under `_state_lock`, held for microseconds; the way from there is
`commit_queue`. No user code runs under a lock. Source: ADR 3.
"""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Callable, Sequence

from nbconvex.clock import Clock
from nbconvex.database import schema_push
from nbconvex.database.active_schema import ActiveSchema
from nbconvex.database.bulk import Built, Bulk
from nbconvex.database.commit_queue import CommitQueue, Pending, Resolve
from nbconvex.database.commit_record import document_id_of, record_of
from nbconvex.database.guarded_transaction import GuardedTransaction, Watch
from nbconvex.database.interrupts import InterruptsHeld
from nbconvex.database.loading import load_snapshot, newest_creation_ms
from nbconvex.database.reads import ReadSet
from nbconvex.database.snapshot import Snapshot
from nbconvex.database.system_tables import ENVIRONMENT_TABLE, SCHEMAS_TABLE, TABLES_TABLE
from nbconvex.database.transaction import Transaction
from nbconvex.database.write_log import WriteLog
from nbconvex.database.writes import Write
from nbconvex.errors import ConflictError, LimitExceededError, SchemaInvalidError, StorageError, StorageFailedError
from nbconvex.limits import UNLIMITED, Limits
from nbconvex.storage.persistence import BulkCommit, Commit, Finish, Persistence, Revision
from nbconvex.values.id_batches import IdBatches
from nbconvex.values.ids import IdMaker
from nbconvex.values.schema import SchemaDefinition

#: A schema push that meets commits this often is repeated once more with commits held back.
_PUSH_TRIES = 3
#: From this many writes on, what a commit leaves in memory is put together.
_BULK_MIN = 64
#: The share of the memory budget from which on `%convex status` warns.
MEMORY_WARNING_SHARE = 0.8


class Database:
    """Transactions over one persistence. Made by `Database.open`; `close` may be called twice."""

    def __init__(
        self,
        persistence: Persistence,
        snapshot: Snapshot,
        *,
        clock: Clock,
        limits: Limits,
        random: random.Random,
        memory_bytes_max: int = UNLIMITED,
    ) -> None:
        self.limits = limits
        self.clock = clock
        self.memory_bytes_max = memory_bytes_max
        self.write_log = WriteLog(snapshot.ts)
        #: Who hears of writes, in transactions that begin from now on.
        self.watch: Watch | None = None
        self._persistence = persistence
        self._random = random
        self._make_id = IdMaker(random, clock).make
        self._accepted = snapshot
        self._queue = CommitQueue(persistence, snapshot)
        self._last_creation_ms = newest_creation_ms(snapshot)
        self._state_lock = threading.Lock()
        self._is_closed = False
        #: Tables of which somebody has read some fields only: their commits say which fields they changed.
        self._by_field: frozenset[int] = frozenset()

    @classmethod
    def open(
        cls,
        persistence: Persistence,
        *,
        clock: Clock,
        limits: Limits | None = None,
        random: random.Random,
        memory_bytes_max: int = UNLIMITED,
    ) -> Database:
        """A database over everything that is durable in `persistence`.

        Raises:  StorageError.
        """
        return cls(
            persistence, load_snapshot(persistence), clock=clock, limits=limits or Limits(), random=random,
            memory_bytes_max=memory_bytes_max,
        )  # fmt: skip

    # -- reading -----------------------------------------------------------------------------------------------------

    @property
    def snapshot(self) -> Snapshot:
        """The newest durable snapshot."""
        return self._queue.published

    @property
    def ahead(self) -> Snapshot:
        """The newest snapshot that is durable or being made so: see `wait_durable` before giving out what it says."""
        return self._queue.ahead

    @property
    def head(self) -> int:
        """The timestamp of the newest durable commit."""
        return self._queue.published.ts

    @property
    def name(self) -> str:
        """What to call this store in messages."""
        return self._persistence.name

    @property
    def memory_bytes(self) -> int:
        """An estimate of the resident bytes of all documents and indexes."""
        return self._queue.published.memory_bytes

    @property
    def append_s(self) -> float:
        """About how long it takes to make a commit durable."""
        return self._queue.append_s

    @property
    def has_failed(self) -> bool:
        """Whether an append has failed, after which nothing more is accepted."""
        return self._queue.failure is not None

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._is_closed

    def begin(self, *, writable: bool, reader: str = "") -> Transaction:
        """A transaction: over the newest accepted snapshot if it may write, else over the newest durable one.

        Raises:  StorageFailedError if an append failed before, or if the database is closed.
        """
        if self._queue.failure is not None or self._is_closed:
            raise self._refusal()
        return self._transaction(
            self._accepted if writable else self._queue.published, writable=writable, reader=reader
        )

    def readable(self) -> Snapshot:
        """The newest durable snapshot, for who reads no documents of it.

        Raises:  StorageFailedError if an append failed before, or if the database is closed.
        """
        if self._queue.failure is not None or self._is_closed:
            raise self._refusal()
        return self._queue.published

    def begin_at(self, snapshot: Snapshot, *, reader: str = "") -> Transaction:
        """A transaction that only reads, over `snapshot`."""
        return self._transaction(snapshot, writable=False, reader=reader)

    def _transaction(self, snapshot: Snapshot, *, writable: bool, reader: str) -> Transaction:
        # Microseconds: what a float64 of milliseconds can hold without noise.
        now_ms = self.clock.now_ns() // 1000 / 1000
        creation_ms = now_ms
        if writable and creation_ms <= self._last_creation_ms:
            creation_ms = math.nextafter(self._last_creation_ms, math.inf)
        seed = self._random.getrandbits(64)
        parts = (snapshot, self.limits, now_ms, creation_ms, seed, self._make_id, writable, reader)
        schema = snapshot.schema
        if writable and (self.watch is not None or (schema is not None and schema.rules)):
            return GuardedTransaction(self.watch, *parts)
        return Transaction(*parts)

    # -- committing --------------------------------------------------------------------------------------------------

    def commit(self, transaction: Transaction) -> int:
        """The commit's timestamp, once it and everything that it saw is durable.

        An interrupt that arrives while this waits is raised when the outcome is known, with a note that tells it.
        Raises:  ConflictError (nothing was written); StorageFailedError.
        """
        with InterruptsHeld("the mutation had been committed"):
            pending = self._accept(transaction, None)
            if pending is None:
                return transaction.snapshot.ts
            self._queue.wait(pending)
        return pending.ts

    def commit_async(self, transaction: Transaction, resolve: Resolve, *, is_flushed: bool = True) -> None:
        """Accept now; `resolve` is told the timestamp from the committer thread, or at once where nothing waits.

        Without `is_flushed` the caller promises a `flush_soon` later, once for all that it accepts until then.
        Raises:  ConflictError, at once; StorageFailedError.
        """
        if not transaction.writes and transaction.snapshot.ts <= self._queue.published.ts:
            resolve(transaction.snapshot.ts)
            return
        if self._accept(transaction, resolve) is None:
            resolve(transaction.snapshot.ts)
        elif is_flushed:
            self._queue.wake()

    def flush_soon(self) -> None:
        """Have the committer thread make durable what waits."""
        self._queue.wake()

    def wait_durable(self, ts: int) -> None:
        """Return when everything up to `ts` is durable.

        Raises:  StorageFailedError.
        """
        if ts <= self._queue.published.ts or self._queue.has_just_published(ts):
            return
        pending = Pending(ts, None, self._accepted, None)
        with InterruptsHeld("what was waited for is durable"):
            self._queue.enter(pending)
            self._queue.wait(pending)

    def listen(self, callback: Callable[[Snapshot], None]) -> Callable[[], None]:
        """Call `callback` after each publish, from the publishing thread; it must return at once.

        Returns what ends it.
        """
        return self._queue.listen(callback)

    def note_fields(self, reads: ReadSet) -> None:
        """Have commits from now on say which fields they changed, in tables of which `reads` has some fields only.

        Of earlier ones that is not known, so they concern whoever read anything of their documents.
        """
        if reads.by_field is not None:
            self._by_field |= {number for number, _ in reads.by_field}

    def listen_early(self, callback: Callable[[Snapshot], None]) -> Callable[[], None]:
        """Call `callback` before each append, from the thread that makes it; it must return at once.

        Returns what ends it.
        """
        return self._queue.listen_early(callback)

    def _accept(self, transaction: Transaction, resolve: Resolve | None) -> Pending | None:
        """What waits to become durable; None where nothing was written and all that was read is durable."""
        writes = [write for write in transaction.writes.values() if not (write.before is None and write.after is None)]
        if len(writes) >= _BULK_MIN:
            writes = [write.packed() for write in writes]
        with self._state_lock:
            if self._queue.failure is not None or self._is_closed:
                raise self._refusal()
            accepted = self._accepted
            if not writes:
                if transaction.snapshot.ts <= self._queue.published.ts:
                    return None
                # What it read is accepted but not yet durable: its answer waits for that.
                pending = Pending(transaction.snapshot.ts, None, transaction.snapshot, resolve)
                self._queue.enter(pending)
                return pending
            if transaction.snapshot is not accepted:
                self._require_no_conflict(transaction)
            self._last_creation_ms = max(self._last_creation_ms, transaction.newest_creation_ms)
            return self._enter(accepted, writes, transaction.reader, resolve)

    def _require_no_conflict(self, transaction: Transaction) -> None:
        """Refuse a transaction that read something which was changed since its snapshot."""
        snapshot, accepted = transaction.snapshot, self._accepted
        self.note_fields(transaction.reads)
        if accepted.schema is not snapshot.schema:
            raise ConflictError("_schemas", writer="a schema push", reader=transaction.reader)
        records = self.write_log.since(snapshot.ts)
        if records is None:
            raise ConflictError("(any)", writer="more commits than are remembered", reader=transaction.reader)
        for record in records:
            overlapped = transaction.reads.overlaps(record)
            if overlapped is not None:
                (number, index), key = overlapped
                raise ConflictError(
                    snapshot.table_name(number) or accepted.table_name(number) or str(number),
                    document_id=document_id_of(number, index, key) if key else None,
                    writer=record.writer,
                    reader=transaction.reader,
                )
        for number in {number for number, _ in transaction.writes}:
            # Inserting reads nothing, so only this tells that the table has gone.
            name = snapshot.table_name(number)
            if name is not None and accepted.table_name(number) != name:
                raise ConflictError(name, writer="the deletion of the table", reader=transaction.reader)

    def _enter(
        self, accepted: Snapshot, writes: Sequence[Write], writer: str, resolve: Resolve | None,
        become: Callable[[Snapshot], Snapshot] | None = None, bulk: Built | None = None,
    ) -> Pending:  # fmt: skip
        """Give the writes a timestamp and a place in the line; `_state_lock` is held."""
        ts = max(accepted.ts + 1, self.clock.now_ns())
        following = accepted.with_writes(writes, ts)
        if become is not None:
            following = become(following)
        if self.memory_bytes_max != UNLIMITED and following.memory_bytes > self.memory_bytes_max:
            self._require_shrinking(accepted, following)
        revisions = tuple([Revision(write.table, write.document_id, write.after) for write in writes])
        record = record_of(ts, accepted, writes, writer, self._by_field)
        commit: Commit | BulkCommit = Commit(ts, revisions)
        if bulk is not None and bulk.bulk:
            record, commit = bulk.record_of(record), BulkCommit(ts, revisions, bulk.bulk)
        self.write_log.append(record)
        self._accepted = following
        pending = Pending(ts, commit, following, resolve)
        self._queue.enter(pending)
        return pending

    def _require_shrinking(self, accepted: Snapshot, following: Snapshot) -> None:
        if following.memory_bytes > accepted.memory_bytes:
            raise LimitExceededError(
                "memory_bytes_max", "the documents and indexes of this store would outgrow its memory budget",
                maximum=self.memory_bytes_max, actual=following.memory_bytes,
                cure="Delete documents, or open the store with a larger memory_bytes_max.",
            )  # fmt: skip

    def _refusal(self) -> StorageError:
        if self._queue.failure is not None:
            return self._queue.failure
        return StorageFailedError(
            f"{self.name} is closed. Open it again with nbconvex.open(...) or %reload_ext nbconvex."
        )

    # -- bulk --------------------------------------------------------------------------------------------------------

    def begin_bulk(self) -> Bulk:
        """A load of many documents over the newest accepted snapshot.

        Raises:  StorageFailedError.
        """
        transaction = self.begin(writable=True, reader="import")
        return Bulk(
            transaction.snapshot, self.limits, transaction.creation_time_ms, IdBatches(self._random, self.clock).make,
            self.memory_bytes_max,
        )  # fmt: skip

    def commit_bulk(self, bulk: Bulk, system: Callable[[Transaction], None] = lambda _: None) -> int:
        """The timestamp at which all documents of `bulk` are there, and what `system` writes with them.

        An interrupt that arrives meanwhile is raised when the outcome is known.
        Raises:  ConflictError, CallerError, LimitExceededError: nothing was written; StorageFailedError.
        """
        if self.watch is not None and any(name in self.watch.tables for name in bulk.loads):
            with self._state_lock:
                self._last_creation_ms = max(self._last_creation_ms, bulk.newest_creation_ms)
            return bulk.commit_told(self.begin, self.commit, system)
        for is_last in (False, False, True):
            base = self._accepted
            built = bulk.build(self._transaction(base, writable=True, reader="import"), system)
            with InterruptsHeld("what was imported had been committed"):
                with self._state_lock:
                    if self._queue.failure is not None or self._is_closed:
                        raise self._refusal()
                    if self._accepted is not base and not built.fits(self._accepted):
                        if not is_last:
                            continue
                        built = bulk.build(self._transaction(self._accepted, writable=True, reader="import"), system)
                    if not built.writes and not built.bulk:
                        return base.ts
                    self._last_creation_ms = max(self._last_creation_ms, bulk.newest_creation_ms)
                    pending = self._enter(self._accepted, built.writes, "import", None, built.become, built)
                self._queue.wait(pending)
            return pending.ts
        raise AssertionError("the last attempt returns or raises")

    # -- schema ------------------------------------------------------------------------------------------------------

    def push_schema(self, schema: SchemaDefinition, *, check_only: bool = False) -> schema_push.SchemaReport:
        """Put `schema` in force if all documents fit, or change nothing.

        Raises:  SchemaViolatedError; SchemaInvalidError if another push came first.
        """
        active = ActiveSchema(schema)
        begun_with = self._accepted.schema
        for attempt in range(_PUSH_TRIES):
            snapshot = self._accepted
            report, build = self._prepared(snapshot, active)
            if check_only:
                return report
            is_last = attempt == _PUSH_TRIES - 1
            with InterruptsHeld("the schema had been put in force"):
                with self._state_lock:
                    if self._queue.failure is not None or self._is_closed:
                        raise self._refusal()
                    if self._accepted.schema is not begun_with:
                        raise SchemaInvalidError("this schema was overwritten by another push; run the cell again.")
                    if self._accepted is not snapshot:
                        if not is_last:
                            continue
                        report, build = self._prepared(self._accepted, active)
                    writes = self._schema_writes(active, report)
                    pending = self._enter(self._accepted, writes, "%%schema", None, build)
                self._queue.wait(pending)
            return report
        raise AssertionError("the last attempt of a push returns or raises")

    def _prepared(
        self, snapshot: Snapshot, active: ActiveSchema
    ) -> tuple[schema_push.SchemaReport, Callable[[Snapshot], Snapshot]]:
        checked, skipped = schema_push.check_documents(snapshot, active)
        created = tuple(name for name in active.definition.tables if snapshot.table(name) is None)
        diff = schema_push.changes(snapshot.schema, active.definition)
        # Built here, outside of the lock; the push itself writes only system documents.
        built = schema_push.with_schema(snapshot, active)

        def become(following: Snapshot) -> Snapshot:
            tables = {**following.tables, **{
                number: table for number, table in built.tables.items() if number not in (TABLES_TABLE, SCHEMAS_TABLE)
            }}  # fmt: skip
            return schema_push.with_schema(following.with_tables(tables, active), active)

        return schema_push.SchemaReport(diff, checked, skipped, created), become

    def _schema_writes(self, active: ActiveSchema, report: schema_push.SchemaReport) -> list[Write]:
        transaction = self._transaction(self._accepted, writable=True, reader="%%schema")
        for name in report.created_tables:
            transaction.create_table(name)
        transaction.clear_system(SCHEMAS_TABLE)
        transaction.put_system(SCHEMAS_TABLE, {"schema": active.definition.to_json()})
        return list(transaction.writes.values())

    # -- housekeeping ------------------------------------------------------------------------------------------------

    def drop_table(self, name: str) -> int:
        """Delete a table and its documents; returns how many there were.

        Raises:  SchemaInvalidError while the schema lists it or refers to it.
        """
        return self._commit_deletions(lambda snapshot: [schema_push.require_droppable(snapshot, name).number])

    def clear(self) -> int:
        """Delete everything but variables, which are no data; returns how many documents there were."""
        return self._commit_deletions(lambda snapshot: [each for each in snapshot.tables if each != ENVIRONMENT_TABLE])

    def _commit_deletions(self, numbers_of: Callable[[Snapshot], list[int]]) -> int:
        with InterruptsHeld("the deletion had been committed"):
            with self._state_lock:
                if self._queue.failure is not None or self._is_closed:
                    raise self._refusal()
                numbers = numbers_of(self._accepted)
                writes, count = schema_push.deletions(self._accepted, numbers)
                if not writes:
                    return 0
                drops_schema = SCHEMAS_TABLE in numbers
                pending = self._enter(
                    self._accepted,
                    writes,
                    "reset",
                    None,
                    (lambda each: each.with_tables(each.tables, None)) if drops_schema else None,
                )
            self._queue.wait(pending)
        return count

    def get_global(self, key: str) -> bytes | None:
        """A small value kept beside the log."""
        return self._persistence.get_global(key)

    def put_global(self, key: str, value: bytes) -> None:
        """Keep a small value durably beside the log."""
        with self._queue.flush_lock:
            self._persistence.put_global(key, value)

    def size_bytes(self) -> int:
        """Bytes on disk."""
        return self._persistence.size_bytes()

    def checkpoint(self, finish: Finish | None = None) -> None:
        """Bring the database file up to the log; `finish` is called with it, complete as of `snapshot`.

        Raises:  StorageError; whatever `finish` raises.
        """
        with InterruptsHeld("the checkpoint was made"), self._queue.flush_lock:
            self._queue.flush()
            if self._queue.failure is not None:
                raise self._queue.failure
            self._persistence.checkpoint(finish)

    def close(self, finish: Finish | None = None) -> None:
        """Make durable what waits, release the file. Afterwards every call is refused. `finish`: as `checkpoint`."""
        with InterruptsHeld("the store was closed"):
            self._close(finish)

    def _close(self, finish: Finish | None) -> None:
        with self._queue.flush_lock:
            if self._is_closed:
                return
            self._queue.flush()
            with self._state_lock:
                self._is_closed = True
            # Accepted between the two: they must not wait for ever.
            self._queue.flush()
        self._queue.stop()
        self._persistence.close(finish)
