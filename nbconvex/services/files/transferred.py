"""Files as data that is taken out of a store, and put into one.

Owns:  `TransferredFiles`, what imports and exports ask of files.
Must not know: formats; who asks. It fits a port of theirs.
Invariant: as in `sweeper`: bytes are durable before the document that names them is committed.
Threads: those of the transactions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from nbconvex.services.files import records

if TYPE_CHECKING:
    from nbconvex.database.snapshot import Snapshot
    from nbconvex.database.transaction import Transaction
    from nbconvex.services.files.file_store import FileStore
    from nbconvex.services.files.sweeper import Sweeper
    from nbconvex.storage.blobs import Blobs, BlobWriter


class _Entry(NamedTuple):
    internal: bytes
    digest: bytes
    size: int
    content_type: str | None
    created_ms: float
    name: str


class TransferredFiles:
    """The files of one store. `store` gives addresses."""

    def __init__(self, store: FileStore, blobs: Blobs, sweeper: Sweeper) -> None:
        self._store = store
        self._blobs = blobs
        self._sweeper = sweeper

    def held(self) -> AbstractContextManager[None]:
        """While this lasts, no bytes are removed."""
        return self._sweeper.held()

    def entries(self, snapshot: Snapshot) -> Iterator[Any]:
        """All files as of a snapshot, in the order of ids."""
        for each in records.every(snapshot):
            name = self._store.tickets.name(each.internal)
            yield _Entry(each.internal, each.digest, each.size, each.content_type, each.created_ms, name)

    def bytes_of(self, digest: bytes) -> BinaryIO | None:
        """The bytes of a file, to be closed by the caller; None where they are lost."""
        return self._blobs.open(digest)

    def begin_bytes(self) -> BlobWriter:
        """Somewhere to write the bytes of a file to."""
        return self._blobs.begin()

    def put_entries(self, transaction: Transaction, entries: Sequence[Any], *, replaces: bool) -> None:
        """Write the documents of files whose bytes are kept; with `replaces`, all others are deleted."""
        present = {each.internal: each for each in records.every(transaction.snapshot)}
        for entry in entries:
            old = present.pop(entry.internal, None)
            if old is not None:
                records.delete(transaction, old)
            records.put_as(transaction, entry.internal, entry.digest, entry.size, entry.content_type, entry.created_ms)
        if replaces:
            for old in present.values():
                records.delete(transaction, old)
                self._sweeper.doom(old.internal, old.digest)

    def drop_unneeded(self, digests: Sequence[bytes]) -> None:
        """Remove the bytes that were kept for nothing."""
        self._sweeper.drop(digests)
