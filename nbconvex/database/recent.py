"""Documents as the newest commits left them, before these are entered into the trees.

Owns:  `Recent`.
Must not know: indexes; when a commit is entered into them.
Invariants: one serves all snapshots of one line, each of which looks past what is newer than itself; it only grows.
Threads: `enter` under the database's state lock; `find` from any thread, without a lock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbconvex.database.snapshot import Table
    from nbconvex.database.writes import Write

#: From this many writes on, they are entered into the trees although nobody has looked.
RECENT_WRITES_MAX = 1_024

#: A commit's timestamp, the document's payload since then (None: deleted), and the version before this one, or None.
_Version = tuple[int, bytes | None, Any]


class Recent:
    """What was written since `tables`, by document; the last commit was at `ts` (nanoseconds)."""

    __slots__ = ("_versions", "entered", "tables", "ts")

    def __init__(self, tables: Mapping[int, Table], ts: int) -> None:
        self.tables = tables
        self.ts = ts
        #: How many writes there were.
        self.entered = 0
        self._versions: dict[tuple[int, bytes], _Version] = {}

    def enter(self, writes: Sequence[Write], ts: int) -> None:
        """Take in the next commit."""
        versions = self._versions
        for write in writes:
            key = (write.table, write.document_id)
            versions[key] = (ts, write.after, versions.get(key))
        self.entered += len(writes)
        self.ts = ts

    def find(self, ts: int, number: int, document_id: bytes, id_key: bytes) -> bytes | None:
        """The payload as of `ts` of a document, by its table's number, its id and its key in `by_id`; None for none."""
        version: _Version | None = self._versions.get((number, document_id))
        while version is not None:
            written_ts, payload, version = version
            if written_ts <= ts:
                return payload
        table = self.tables.get(number)
        return None if table is None else table.documents.get(id_key)
