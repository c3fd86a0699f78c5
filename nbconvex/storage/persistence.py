"""The port to durable bytes, and its promises in words.

Owns:  `Persistence`, `Commit`, `BulkCommit`, `Revision`, `Loaded`; the check that timestamps increase.
Must not know: any database product; snapshots, conflicts, schemas, what a document means.
Threads: `append` is called by one thread at a time (the database holds its flush lock), but not always the same one.
`load` is called once, before the first `append`. `close` may be called from any thread, and twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

#: What is done with the bulk file while it is complete and ours: something derived is put beside the documents.
Finish = Callable[[Path], None]


class Revision(NamedTuple):
    """One document as one commit left it.

    Shapes:  `table` is the table's number; `document_id` the 16 bytes of the internal id; `payload` the document as
    encoded by `values.codec.encode_document`, or None where the commit deleted it.
    """

    table: int
    document_id: bytes
    payload: bytes | None


class Commit(NamedTuple):
    """What one transaction wrote. At most one revision a document.

    Units:  `ts` in integer nanoseconds since 1970 UTC, strictly increasing over the log.
    """

    ts: int
    revisions: tuple[Revision, ...]


class BulkTable(NamedTuple):
    """What a bulk commit does to one table.

    Fields:  with `is_whole`, whatever the table held before is gone; else the documents are new ones beside it.
    Shapes:  `rows` gives (document_id, payload) as in `Revision`, of any number of documents, and may be gone through
    more than once.
    """

    table: int
    is_whole: bool
    rows: Iterable[tuple[bytes, bytes]]


class BulkCommit(NamedTuple):
    """A commit of so many documents that they are not listed one by one: an import's.

    Shapes:  `revisions` are of other tables than `tables`.
    """

    ts: int
    revisions: tuple[Revision, ...]
    tables: tuple[BulkTable, ...]


@dataclass(frozen=True, slots=True)
class Loaded:
    """Everything that is durable: the newest timestamp, and the live documents in any order.

    Shapes:  `tables` gives, for each table number, an iterable of (document_id, payload).
    """

    head: int
    tables: Sequence[tuple[int, Iterator[tuple[bytes, bytes]]]]


class Persistence(Protocol):
    """A durable log of commits with the live documents at its head.

    Promises:
    - `append` is all or nothing and durable on return: after a crash at any later moment, `load` gives these commits.
    - A crash during `append` leaves a prefix of the batch: whole commits in order, never half of one.
    - After `append` returns, the head is the last commit's timestamp.
    - After `append` raised anything but `HeadMovedError`, the outcome is unknown and the caller must not go on.
    """

    @property
    def name(self) -> str:
        """What to call this store in messages: a path, or "memory"."""

    def load(self) -> Loaded:
        """Every live document and the head, at one point of the log. 0 is the head of an empty log.

        The iterables of `tables` are to be used up before the first `append`.
        Raises:  StorageCorruptError, StorageVersionError, StoragePathError, StorageLockedError.
        """

    def append(self, commits: Sequence[Commit | BulkCommit], expected_head: int) -> None:
        """Make `commits` durable, in order, if the log's head is `expected_head`.

        Raises:  HeadMovedError if somebody else appended; StorageFailedError, and so does every later call;
        ValueError if the timestamps do not increase, in which case nothing was written.
        """

    def changes(self, since: int) -> list[Commit]:
        """Every commit with a timestamp above `since`, in order and complete.

        Raises:  StorageError where `since` is older than what is kept commit by commit: at least everything after
        the last `load`, the last `checkpoint` and the last bulk commit. The cure is to load again.
        """

    def wait_for_change(self, timeout_s: float) -> bool:
        """Whether the head may have moved without us. Always False where this process alone may write."""

    def trim(self, before: int) -> None:
        """Allow superseded revisions older than `before` to be dropped."""

    def get_global(self, key: str) -> bytes | None:
        """A small value kept beside the log: a secret, a format version."""

    def put_global(self, key: str, value: bytes) -> None:
        """Keep a small value durably."""

    def checkpoint(self, finish: Finish | None = None) -> None:
        """Bring the bulk file up to the log. Returns when it is durable. A no-op where there is no bulk file.

        `finish` is then called with the file, before anything else is done to it.
        """

    def size_bytes(self) -> int:
        """Bytes on disk, 0 in memory."""

    def close(self, finish: Finish | None = None) -> None:
        """Release everything; afterwards the bulk file alone is complete. Calling it twice is fine.

        `finish` is called with the complete file before it is let go. What it raises is logged: the log is safe.
        Raises:  StorageError if the bulk file could not be brought up to the log. Everything is released all the
        same, and nothing is lost: the log stays beside the file and is read at the next `load`.
        """


def check_order(commits: Sequence[Commit | BulkCommit], head: int) -> int:
    """The head after `commits`.

    Raises:  ValueError if a timestamp is not above the one before it.
    """
    for commit in commits:
        if commit.ts <= head:
            raise ValueError(f"commit timestamps must increase: {commit.ts} does not come after {head}")
        head = commit.ts
    return head
