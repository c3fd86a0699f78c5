"""Scheduled functions as documents of `_scheduled_functions`, and their states.

Owns:  the fields of such a document; every change of its state; finding those that are due, and those that are old.
Must not know: threads; how a function is run.
Invariants: pending → inProgress → success | failed, pending → canceled, inProgress → canceled; a mutation goes from
pending to its end in one commit, so nobody sees one in progress. What has ended never changes again, and is kept for a
week. The next that is due is the first entry of an index. Source: semantics 7.1.
Threads: any; everything happens in a transaction, or on a snapshot.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from nbconvex.database.system_tables import BY_DUE, SCHEDULED_FUNCTIONS_TABLE
from nbconvex.errors import CallerError, LimitExceededError, ValueInvalidError
from nbconvex.functions.scheduling import Retry
from nbconvex.values.codec import decode_document
from nbconvex.values.ids import INTERNAL_ID_BYTES, decode_id, encode_id
from nbconvex.values.sort_key import encode_key

if TYPE_CHECKING:
    from nbconvex.database.snapshot import Snapshot, TableIndex
    from nbconvex.database.transaction import Transaction
    from nbconvex.database.writes import Document
    from nbconvex.functions.scheduling import Promise
    from nbconvex.limits import Limits

PENDING: Final = "pending"
IN_PROGRESS: Final = "inProgress"
SUCCESS: Final = "success"
FAILED: Final = "failed"
CANCELED: Final = "canceled"
STATES: Final = (PENDING, IN_PROGRESS, SUCCESS, FAILED, CANCELED)
ENDED: Final = (SUCCESS, FAILED, CANCELED)

#: How long a job that has ended is kept. Source: semantics 7.1.
KEPT_DAYS: Final = 7
#: How many old jobs are deleted in one transaction.
FORGOTTEN_AT_ONCE_MAX: Final = 1_000
_DAY_MS: Final = 86_400_000.0
#: Longer texts of errors are cut: the log has the whole one.
ERROR_CHARACTERS_MAX: Final = 4_000

#: What an action is told that was running when its process ended. Source: semantics 7.1.
INTERRUPTED: Final = (
    "Transient error: the kernel or program stopped while this action ran, and an action runs at most once. "
    "Schedule it with retry= if it is safe to repeat."
)


class Jobs:
    """What keeps promises, as functions see it: the protocol `Schedules`."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def add(self, tx: Transaction, promise: Promise, *, parent: str | None = None) -> str:
        """Write a promise down in `tx`; its id. What a canceled action schedules is canceled from the beginning.

        Raises:  LimitExceededError.
        """
        tx.metrics.charge_scheduled(promise.args_bytes)
        waiting = count_of(tx.snapshot, PENDING)
        maximum = self._limits.scheduled_pending
        if waiting >= maximum:
            raise LimitExceededError(
                "scheduled_pending", f"{waiting:,} scheduled functions are waiting already", maximum=maximum,
                actual=waiting, cure="Let one job do several things, or wait until some have run.",
            )  # fmt: skip
        fields: Document = {
            "name": promise.path.removesuffix(":default"),
            "args": [promise.args],
            "scheduledTime": promise.time_ms,
            "state": {"kind": PENDING},
        }
        if promise.retry is not None:
            retry = promise.retry
            fields["retry"] = {
                "attempts": float(retry.attempts),
                "pauseMs": float(retry.pause_ms),
                "factor": float(retry.factor),
            }
            fields["attempts"] = 0.0
        if promise.cron is not None:
            fields["cron"] = promise.cron
        if parent is not None and _is_canceled(tx, parent):
            fields |= {"state": {"kind": CANCELED}, "completedTime": max(tx.now_ms, promise.time_ms)}
        return tx.put_system(SCHEDULED_FUNCTIONS_TABLE, fields)

    def cancel(self, tx: Transaction, job: str, *, by: str | None = None) -> str:
        """Cancel a job in `tx`; what is to be said about it, or nothing. `by` is the job that does so.

        Raises:  CallerError.
        """
        document = find(tx, internal_id(job))
        if document is None:
            raise CallerError(f"there is no scheduled function {job}; those that have ended are kept {KEPT_DAYS} days.")
        kind = document["state"]["kind"]
        if by == job and kind == PENDING:
            raise CallerError(
                f"{document['name']} is the scheduled function {job} itself: a mutation that runs cannot cancel its "
                "own run. To undo what it does, raise an error."
            )
        if kind in ENDED:
            return f"[INFO] the scheduled function {job} ({document['name']}) was not canceled: it has ended ({kind})."
        end(tx, document, CANCELED)
        return ""


def internal_id(job: Any) -> bytes:
    """The 16 bytes that a job's document is kept under.

    Raises:  CallerError for what is no id of a scheduled function.
    """
    try:
        number, internal = decode_id(job)
    except (ValueInvalidError, TypeError, AttributeError):
        number, internal = 0, b""
    if number != SCHEDULED_FUNCTIONS_TABLE:
        raise CallerError(
            f"Invalid argument `id` for `scheduler.cancel`: expected an Id<_scheduled_functions>, got {job!r:.60}.",
            hint="job = ctx.scheduler.run_after(...); ctx.scheduler.cancel(job)",
        )
    return internal


def _is_canceled(tx: Transaction, job: str) -> bool:
    document = find(tx, internal_id(job))
    return document is not None and document["state"]["kind"] == CANCELED


def find(tx: Transaction, internal: bytes) -> Document | None:
    """A job as `tx` sees it; looking counts as reading."""
    return tx.get_system(SCHEDULED_FUNCTIONS_TABLE, internal)


# -- changes of state ------------------------------------------------------------------------------------------------


def _put(tx: Transaction, document: Document) -> None:
    tx.change_system(SCHEDULED_FUNCTIONS_TABLE, decode_id(document["_id"])[1], document)


def claim(tx: Transaction, document: Document, owner: str) -> None:
    """An action begins; `owner` is the scheduler that runs it."""
    changes: Document = {"state": {"kind": IN_PROGRESS, "owner": owner, "startedTime": tx.now_ms}}
    if "retry" in document:
        changes["attempts"] = document["attempts"] + 1.0
    _put(tx, {**document, **changes})


def end(tx: Transaction, document: Document, kind: str, error: str | None = None) -> None:
    """A job has ended."""
    state: Document = {"kind": kind}
    if error is not None:
        state["error"] = error
    _put(tx, {**document, "state": state, "completedTime": max(tx.now_ms, document["scheduledTime"])})


def end_failed(tx: Transaction, document: Document, error: str) -> None:
    """An attempt has failed: the job waits for its next one if it has one, and else has ended."""
    error = error[:ERROR_CHARACTERS_MAX].encode("utf-8", "replace").decode()
    retry = document.get("retry")
    if retry is None or document["attempts"] >= retry["attempts"]:
        end(tx, document, FAILED, error)
        return
    pause_ms = Retry(int(retry["attempts"]), retry["pauseMs"], retry["factor"]).pause_after_ms(
        int(document["attempts"])
    )
    again = {"state": {"kind": PENDING, "lastError": error}, "scheduledTime": tx.now_ms + pause_ms}
    _put(tx, {**document, **again})


# -- looking ---------------------------------------------------------------------------------------------------------


def _by_due(snapshot: Snapshot) -> TableIndex:
    return snapshot.tables[SCHEDULED_FUNCTIONS_TABLE].indexes[BY_DUE]


def _bounds(kind: str, until_ms: float | None = None) -> tuple[bytes, bytes]:
    """The keys of the jobs in a state, those due up to a time or all. No encoding starts with 0xFF."""
    prefix = encode_key(kind)
    return prefix, prefix + (b"\xff" if until_ms is None else encode_key(math.nextafter(until_ms, math.inf)))


def count_of(snapshot: Snapshot, kind: str) -> int:
    """How many jobs are in a state."""
    return _by_due(snapshot).entries.count(*_bounds(kind))


def of_kind(
    snapshot: Snapshot, kind: str, until_ms: float | None = None, *, newest_first: bool = False
) -> Iterator[Document]:
    """The jobs in a state, in the order in which they are due; read lazily."""
    for _, payloads in _by_due(snapshot).entries.chunks(*_bounds(kind, until_ms), reverse=newest_first):
        yield from map(decode_document, payloads)


def due_ids(snapshot: Snapshot, until_ms: float) -> Iterator[bytes]:
    """The internal ids of the pending jobs that are due at a time, in their order. No document is decoded."""
    for key, _ in _by_due(snapshot).entries.entries(*_bounds(PENDING, until_ms)):
        yield key[-INTERNAL_ID_BYTES:]


def next_due_ms(snapshot: Snapshot, after_ms: float = 0.0) -> float | None:
    """When the next pending job is due, later than `after_ms`; None if none is."""
    low, high = _bounds(PENDING)
    if after_ms:
        low = _bounds(PENDING, after_ms)[1]
    for _, payload in _by_due(snapshot).entries.entries(low, high):
        due_ms: float = decode_document(payload)["scheduledTime"]
        return due_ms
    return None


def document_of(snapshot: Snapshot, internal: bytes) -> Document | None:
    """A job as of a snapshot."""
    id_key = encode_id(SCHEDULED_FUNCTIONS_TABLE, internal).encode("ascii")
    payload = snapshot.tables[SCHEDULED_FUNCTIONS_TABLE].documents.get(id_key)
    return None if payload is None else decode_document(payload)


def has_any(snapshot: Snapshot) -> bool:
    """Whether there is any job, of whatever state."""
    return len(snapshot.tables[SCHEDULED_FUNCTIONS_TABLE].documents) > 0


def orphans(snapshot: Snapshot, owner: str) -> list[bytes]:
    """The internal ids of jobs that another process was running, which is no more: the store is ours alone."""
    return [
        decode_id(document["_id"])[1]
        for document in of_kind(snapshot, IN_PROGRESS)
        if document["state"].get("owner") != owner
    ]


def old_ids(snapshot: Snapshot, now_ms: float) -> list[bytes]:
    """The internal ids of jobs that ended more than a week ago, some at once."""
    before_ms = now_ms - KEPT_DAYS * _DAY_MS
    found: list[bytes] = []
    for kind in ENDED:
        for document in of_kind(snapshot, kind, before_ms):
            if document["completedTime"] <= before_ms:
                found.append(decode_id(document["_id"])[1])
            if len(found) >= FORGOTTEN_AT_ONCE_MAX:
                return found
    return found


def forget(tx: Transaction, internals: list[bytes]) -> None:
    """Delete jobs."""
    for internal in internals:
        if find(tx, internal) is not None:
            tx.change_system(SCHEDULED_FUNCTIONS_TABLE, internal, None)
