"""The port to durable bytes, without the bytes: a list of commits and a dict of documents.

Owns:  `MemoryPersistence`. It forgets everything at `close`, and is otherwise the port as its promises are written.
Must not know: files, DuckDB.
Invariant: `_documents` is what replaying `_log` from the start would give, as long as no bulk commit has cut it off.
Threads: as the port; one lock around each operation.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Sequence
from operator import attrgetter

from nbconvex.errors import HeadMovedError, StorageError, StorageFailedError
from nbconvex.storage.persistence import BulkCommit, Commit, Finish, Loaded, check_order


class MemoryPersistence:
    """A log that lives as long as this object."""

    def __init__(self, name: str = "memory") -> None:
        self._name = name
        self._lock = threading.Lock()
        self._log: list[Commit] = []
        self._logged_since = 0
        self._documents: dict[int, dict[bytes, bytes]] = {}
        self._globals: dict[str, bytes] = {}
        self._head = 0
        self._is_closed = False

    @property
    def name(self) -> str:
        return self._name

    def load(self) -> Loaded:
        with self._open():
            tables = [(table, iter(list(rows.items()))) for table, rows in sorted(self._documents.items()) if rows]
            return Loaded(self._head, tables)

    def append(self, commits: Sequence[Commit | BulkCommit], expected_head: int) -> None:
        with self._open():
            if expected_head != self._head:
                raise HeadMovedError(self._head)
            head = check_order(commits, self._head)
            for commit in commits:
                for revision in commit.revisions:
                    rows = self._documents.setdefault(revision.table, {})
                    if revision.payload is None:
                        rows.pop(revision.document_id, None)
                    else:
                        rows[revision.document_id] = revision.payload
                if isinstance(commit, BulkCommit):
                    for table, is_whole, new in commit.tables:
                        rows = {} if is_whole else self._documents.get(table, {})
                        rows.update(new)
                        self._documents[table] = rows
                    self._log, self._logged_since = [], commit.ts
                else:
                    self._log.append(commit)
            self._head = head

    def changes(self, since: int) -> list[Commit]:
        with self._open():
            if since < self._logged_since:
                raise StorageError(f"{self._name}: what came before a bulk commit is not kept. Load the store again.")
            return self._log[bisect_right(self._log, since, key=attrgetter("ts")) :]

    def wait_for_change(self, timeout_s: float) -> bool:
        return False

    def trim(self, before: int) -> None:
        """Nothing is dropped: what is superseded here is already gone, but for the log that `changes` needs."""

    def get_global(self, key: str) -> bytes | None:
        with self._open():
            return self._globals.get(key)

    def put_global(self, key: str, value: bytes) -> None:
        with self._open():
            self._globals[key] = value

    def checkpoint(self, finish: Finish | None = None) -> None:
        """Nothing to do: there is no bulk file."""

    def size_bytes(self) -> int:
        return 0

    def close(self, finish: Finish | None = None) -> None:
        with self._lock:
            self._is_closed = True
            self._log = []
            self._documents = {}
            self._globals = {}

    def _open(self) -> threading.Lock:
        if self._is_closed:
            raise StorageFailedError(f"{self._name}: the store is closed; open it again before using it.")
        return self._lock
