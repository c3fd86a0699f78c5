"""Mutations that a client sends again after a lost connection are answered, not run again.

Owns:  the system table `_requests`: one document a mutation that came with a request key, with what it was answered.
Must not know: the wire, sessions, sockets.
Invariants: the answer is in the same commit as what the mutation wrote, so both are there after a crash or neither is.
Looking a key up counts as reading it: of two runs with the same key one meets a conflict, and then finds the answer. A
mutation that failed wrote nothing and leaves no answer; it runs again.
Threads: that of the run.
Source: wire-protocol 3.6; ADR 9.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nbconvex.database.snapshot import BY_CREATION_TIME
from nbconvex.database.system_tables import REQUESTS_TABLE
from nbconvex.functions.result import encoded_result
from nbconvex.values.codec import decode_document, decode_value
from nbconvex.values.ids import INTERNAL_ID_BYTES, decode_id, encode_id

if TYPE_CHECKING:
    from nbconvex.database.database import Database
    from nbconvex.database.snapshot import Snapshot
    from nbconvex.functions.run import Run

#: How long an answer is kept: longer than any client goes on trying. Source: wire-protocol 3.6.
KEPT_DAYS = 14
#: How many answers are kept at most: a client asks again for its newest few, and memory holds them all.
KEPT_MAX = 50_000
#: How many are forgotten in one transaction.
FORGOTTEN_AT_ONCE_MAX = 1_000
_DAY_MS = 86_400_000.0


def once(run: Run, handle: Callable[[], Any]) -> Any:
    """The value of `handle`, or, if a mutation with this run's key was answered before, that answer."""
    tx, key = run.tx, run.request_key
    assert tx is not None, run.path
    assert key is not None, run.path
    internal = _internal_id(key)
    answered = tx.get_system(REQUESTS_TABLE, internal)
    if answered is not None:
        for line in answered["lines"]:
            run.sink.add(line)
        return decode_value(answered["value"])
    value = handle()
    fields = {"path": run.path, "value": encoded_result(run, value), "lines": list(run.sink.lines)}
    tx.put_system(REQUESTS_TABLE, fields, internal=internal)
    return value


def is_answered(snapshot: Snapshot, key: tuple[str, int]) -> bool:
    """Whether the mutation with this key is committed."""
    document_id = encode_id(REQUESTS_TABLE, _internal_id(key)).encode("ascii")
    return snapshot.tables[REQUESTS_TABLE].documents.get(document_id) is not None


def _internal_id(key: tuple[str, int]) -> bytes:
    """Where the answer to a key is kept. A session's name is its own choice, so it is never used as it is."""
    session, number = key
    return hashlib.sha256(f"{number}|{session}".encode(errors="surrogatepass")).digest()[:INTERNAL_ID_BYTES]


def forget_old(database: Database) -> int:
    """Forget answers that are too old or too many, some at once; how many there were.

    Raises:  ConflictError if somebody else is at it; StorageFailedError.
    """
    tx = database.begin(writable=True, reader="_requests")
    old = _oldest(tx.snapshot, tx.now_ms)
    for internal in old:
        tx.change_system(REQUESTS_TABLE, internal, None)
    if old:
        database.commit(tx)
    return len(old)


def _oldest(snapshot: Snapshot, now_ms: float) -> list[bytes]:
    """The internal ids of answers to forget, the oldest first."""
    table = snapshot.tables[REQUESTS_TABLE]
    surplus = len(table.documents) - KEPT_MAX
    old: list[bytes] = []
    for _, payload in table.indexes[BY_CREATION_TIME].entries.entries():
        document = decode_document(payload)
        if len(old) >= FORGOTTEN_AT_ONCE_MAX:
            break
        if len(old) >= surplus and document["_creationTime"] > now_ms - KEPT_DAYS * _DAY_MS:
            break
        old.append(decode_id(document["_id"])[1])
    return old
