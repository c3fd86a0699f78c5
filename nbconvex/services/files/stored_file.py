"""A file as somebody holds it who may read it.

Owns:  `StoredFile`.
Must not know: transactions, addresses.
Invariant: the bytes are read when they are asked for, not before.
Threads: any.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from nbconvex.errors import FileRefusedError

if TYPE_CHECKING:
    from nbconvex.services.files.records import FileRecord
    from nbconvex.storage.blobs import Blobs

#: Pictures up to this size are shown when a file is the last line of a cell.
_SHOWN_BYTES: Final = 8 * 1024 * 1024
_SHOWN: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
_PIECE_BYTES: Final = 1024 * 1024


class StoredFile:
    """A stored file: what is known of it, and its bytes."""

    def __init__(self, record: FileRecord, blobs: Blobs) -> None:
        self._record = record
        self._blobs = blobs

    @property
    def storage_id(self) -> str:
        """Its id."""
        return self._record.file_id

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return self._record.size

    @property
    def content_type(self) -> str | None:
        """What it was said to be, by whoever stored it."""
        return self._record.content_type

    @property
    def sha256(self) -> str:
        """The hash of its bytes, as base64."""
        return self._record.sha256

    @property
    def digest(self) -> bytes:
        """The hash of its bytes, as bytes."""
        return self._record.digest

    def open(self) -> BinaryIO:
        """The bytes as a file to read from; close it.

        Raises:  FileRefusedError if the file was deleted meanwhile.
        """
        file = self._blobs.open(self._record.digest)
        if file is None:
            raise FileRefusedError("FileNotFound", f"The bytes of {self.storage_id} are not there: it was deleted.")
        return file

    def read(self) -> bytes:
        """All bytes at once.

        Raises:  FileRefusedError.
        """
        with self.open() as file:
            return file.read()

    def text(self, encoding: str = "utf-8") -> str:
        """All of it as text.

        Raises:  FileRefusedError; UnicodeDecodeError.
        """
        return self.read().decode(encoding)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Copy the bytes into a file; its path.

        Raises:  FileRefusedError; OSError.
        """
        into = Path(path).expanduser()
        with self.open() as file, into.open("wb") as copy:
            shutil.copyfileobj(file, copy, _PIECE_BYTES)
        return into

    def __bytes__(self) -> bytes:
        return self.read()

    def __len__(self) -> int:
        return self.size

    def _repr_mimebundle_(self, **_: object) -> dict[str, str | bytes]:
        bundle: dict[str, str | bytes] = {"text/plain": repr(self)}
        kind = (self.content_type or "").partition(";")[0].strip().lower()
        if kind in _SHOWN and self.size <= _SHOWN_BYTES:
            bundle[kind] = self.read()
        return bundle

    def __repr__(self) -> str:
        return f"<file {self.storage_id}, {self.size:,} bytes, {self.content_type or 'no content type'}>"
