"""Bytes of files: the port, and a folder that keeps them under the name of their content.

Owns:  `Blobs` and `BlobWriter` and their promises; `BlobFolder`, the folder beside the store.
Must not know: documents, names of files, who asks; which blobs are needed, which its user decides.
Invariants: a blob appears under its name whole and durable, or not at all: it is written to a temporary, hashed on the
way, synced, renamed, and its folder synced. What a crash leaves are temporaries and blobs that nobody names; both are
`sweep`'s. A blob never changes, so a reader that is open when it is discarded reads on.
Threads: any; one writer belongs to one thread at a time.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Protocol

from nbconvex.errors import StorageFailedError
from nbconvex.storage.files import Disk, FileSystem

#: What stands behind the store's own name.
FOLDER_SUFFIX = ".files"
#: Where blobs are until they are whole.
_INCOMING = "incoming"
_NAME = re.compile(r"[0-9a-f]{64}")
_GROUP = re.compile(r"[0-9a-f]{2}")


class BlobWriter(Protocol):
    """One blob on its way in. It ends with `keep` or `abort`; after either, `abort` does nothing.

    Raises:  StorageFailedError where the disk fails or is full.
    """

    @property
    def size(self) -> int:
        """Bytes written so far."""

    @property
    def digest(self) -> bytes:
        """The SHA-256 of what was written so far."""

    def write(self, data: bytes) -> None:
        """Add bytes."""

    def keep(self) -> None:
        """Make the blob durable under its digest. If there is one of that digest already, that one stays."""

    def abort(self) -> None:
        """Forget what was written."""


class Blobs(Protocol):
    """Immutable bytes by their SHA-256 (32 bytes).

    Promises: what `keep` has returned for is there after a crash; what it has not is whole or absent.
    Raises:  StorageFailedError where the disk fails.
    """

    def begin(self) -> BlobWriter:
        """Somewhere to write a blob to."""

    def open(self, digest: bytes) -> BinaryIO | None:
        """The bytes, for reading from any place; None if there is no such blob."""

    def discard(self, digest: bytes) -> None:
        """Remove a blob, if it is there."""

    def sweep(self, is_needed: Callable[[bytes], bool]) -> int:
        """Remove what a crash has left: temporaries, and blobs that are not needed. How many blobs those were.

        Only while nothing is being written.
        """

    def size_bytes(self) -> int:
        """Bytes that all blobs take."""

    def close(self) -> None:
        """Release everything. Calling it twice is fine."""


class BlobFolder:
    """Blobs in a folder, which is made with the first of them. Without a path: one that goes with `close`."""

    def __init__(self, path: Path | None, *, files: FileSystem | None = None) -> None:
        self._path = path
        self._is_temporary = path is None
        self._files = files or Disk()
        self._lock = threading.Lock()

    @property
    def path(self) -> Path | None:
        """Where the blobs are; None as long as a temporary folder was not needed."""
        return self._path

    def begin(self) -> _FileWriter:
        return _FileWriter(self)

    def open(self, digest: bytes) -> BinaryIO | None:
        if self._path is None:
            return None
        try:
            return self.place(digest).open("rb")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _failed(error, "was read") from error

    def discard(self, digest: bytes) -> None:
        if self._path is not None:
            # Where an open file cannot be removed it stays, and the next sweep finds it.
            with suppress(OSError):
                self._files.remove(self.place(digest))

    def sweep(self, is_needed: Callable[[bytes], bool]) -> int:
        if self._path is None or not self._path.is_dir():
            return 0
        for left in self._entries(self._path / _INCOMING):
            with suppress(OSError):
                self._files.remove(Path(left.path))
        unneeded = [digest for digest, _ in self._blobs() if not is_needed(digest)]
        for digest in unneeded:
            self.discard(digest)
        return len(unneeded)

    def size_bytes(self) -> int:
        return sum(each.stat().st_size for _, each in self._blobs())

    def close(self) -> None:
        if self._is_temporary and self._path is not None:
            path, self._path = self._path, None
            shutil.rmtree(path, ignore_errors=True)

    def place(self, digest: bytes) -> Path:
        """Where a blob is, or would be."""
        assert self._path is not None
        name = digest.hex()
        return self._path / name[:2] / name

    def new_temporary(self) -> tuple[Path, int]:
        """A new empty file beside the blobs, open for writing."""
        with self._lock:
            if self._path is None:
                self._path = Path(tempfile.mkdtemp(prefix="nbconvex-files-"))
            path = self._path / _INCOMING / secrets.token_hex(16)
        try:
            self._require_folder(path.parent)
            return path, self._files.open(path, create=True)
        except OSError as error:
            raise _failed(error, "was stored") from error

    def name(self, temporary: Path, digest: bytes) -> None:
        """Give a temporary that is whole and synced its name, durably."""
        place = self.place(digest)
        self._require_folder(place.parent)
        if place.exists():
            self._files.remove(temporary)
        else:
            self._files.rename(temporary, place)
        # Also where it was there: whoever renamed it may have died before this.
        self._files.sync_folder(place)

    @property
    def files(self) -> FileSystem:
        """The file system that holds them."""
        return self._files

    def _require_folder(self, folder: Path) -> None:
        """Make a folder of ours, durably."""
        if folder.is_dir():
            return
        for each in (folder.parent, folder):
            if not each.is_dir():
                with suppress(FileExistsError):
                    each.mkdir()
                self._files.sync_folder(each)

    def _blobs(self) -> Iterator[tuple[bytes, os.DirEntry[str]]]:
        for group in self._entries(self._path):
            if _GROUP.fullmatch(group.name) and group.is_dir(follow_symlinks=False):
                for each in self._entries(Path(group.path)):
                    if _NAME.fullmatch(each.name):
                        yield bytes.fromhex(each.name), each

    @staticmethod
    def _entries(folder: Path | None) -> list[os.DirEntry[str]]:
        if folder is None:
            return []
        try:
            with os.scandir(folder) as found:
                return list(found)
        except OSError:
            return []


class _FileWriter:
    """A blob as a temporary file. Nothing is on disk before the first byte, or `keep`."""

    def __init__(self, folder: BlobFolder) -> None:
        self._folder = folder
        self._hash = hashlib.sha256()
        self._path: Path | None = None
        self._file = -1
        self.size = 0

    @property
    def digest(self) -> bytes:
        return self._hash.digest()

    def write(self, data: bytes) -> None:
        if self._path is None:
            self._path, self._file = self._folder.new_temporary()
        try:
            self._folder.files.write(self._file, self.size, data)
        except OSError as error:
            raise _failed(error, "was stored") from error
        self._hash.update(data)
        self.size += len(data)

    def keep(self) -> None:
        if self._path is None:
            self._path, self._file = self._folder.new_temporary()
        try:
            self._folder.files.sync(self._file)
            self._close()
            self._folder.name(self._path, self.digest)
        except OSError as error:
            raise _failed(error, "was stored") from error
        self._path = None

    def abort(self) -> None:
        self._close()
        path, self._path = self._path, None
        if path is not None:
            with suppress(OSError):
                self._folder.files.remove(path)

    def _close(self) -> None:
        file, self._file = self._file, -1
        if file >= 0:
            self._folder.files.close(file)


def _failed(error: OSError, what: str) -> StorageFailedError:
    return StorageFailedError(f"{error.strerror or error} while a file {what}. Nothing was changed.")
