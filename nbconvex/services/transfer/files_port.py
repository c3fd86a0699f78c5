"""What a transfer needs of whoever keeps files.

Owns:  `Files`, the port. `services/files` provides it; the backend hands it in.
Must not know: where bytes lie.
Threads: as the provider's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Protocol

if TYPE_CHECKING:
    from nbconvex.database.snapshot import Snapshot
    from nbconvex.database.transaction import Transaction
    from nbconvex.storage.blobs import BlobWriter


class FileEntry(NamedTuple):
    """One file as of a snapshot.

    Shapes:  `internal` is the id's 16 bytes, `digest` the 32 of its SHA-256. `name` is the UUID of its address.
    Units:  `created_ms` since 1970 UTC.
    """

    internal: bytes
    digest: bytes
    size: int
    content_type: str | None
    created_ms: float
    name: str


class Files(Protocol):
    """Files of one backend, as data to be taken out and put in."""

    def held(self) -> AbstractContextManager[None]:
        """While this lasts, no bytes are removed: those of a snapshot taken in it are there, what was kept stays."""

    def entries(self, snapshot: Snapshot) -> Iterator[FileEntry]:
        """All files as of a snapshot, in the order of ids."""

    def bytes_of(self, digest: bytes) -> BinaryIO | None:
        """The bytes of a file, to be closed by the caller; None where they are lost."""

    def begin_bytes(self) -> BlobWriter:
        """Somewhere to write the bytes of a file to."""

    def put_entries(self, transaction: Transaction, entries: Sequence[FileEntry], *, replaces: bool) -> None:
        """Write the documents of files whose bytes are kept; with `replaces`, all others are deleted."""

    def drop_unneeded(self, digests: Sequence[bytes]) -> None:
        """Remove the bytes that were kept for nothing."""
