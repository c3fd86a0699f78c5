"""Writing a snapshot: the ZIP file that Convex imports and exports.

Owns:  its entries, their order, their lines.
Must not know: where it is written; how files' bytes are kept.
Invariant: one table, one file at a time; nothing is whole in memory.
Threads: the caller's.
Source: wire-protocol 7.
"""

from __future__ import annotations

import base64
import mimetypes
import shutil
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import msgspec

from nbconvex.database.system_tables import STORAGE_TABLE
from nbconvex.errors import StorageCorruptError
from nbconvex.values.codec import decode_document
from nbconvex.values.export_json import export_json
from nbconvex.values.ids import encode_id

if TYPE_CHECKING:
    from nbconvex.database.snapshot import Table
    from nbconvex.services.transfer.files_port import FileEntry, Files

README: Final = """\
# A snapshot of an nbconvex store

Taken at {time} UTC. `_tables/documents.jsonl` lists the tables; each has its documents in `TABLE/documents.jsonl`, one
a line, as JSON in which a number without a point is a 64-bit integer.{files}

`%convex import FILE.zip` reads it. The layout is that of `npx convex export`.
"""
_FILES: Final = " `_storage` holds the files."
_UNIFORM: Final = b'"uniform"\n'
_JOINED_LINES: Final = 1_000
_PIECE_BYTES: Final = 1024 * 1024
#: From this size on, an entry says its size in 64 bits, which it has to say before it is written.
_LARGE_BYTES: Final = 512 * 1024 * 1024
_json: Final = msgspec.json.Encoder().encode

Told = Callable[[int], None]


class SnapshotWriter:
    """One snapshot being written. `taken_ns` is its moment; `told` is told of documents as they are written."""

    def __init__(self, path: Path, taken_ns: int, told: Told) -> None:
        self._told = told
        # The format begins in 1980.
        self._time = max(time.gmtime(taken_ns // 10**9)[:6], (1980, 1, 1, 0, 0, 0))
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, allowZip64=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def write_beginning(self, tables: Iterable[Table], *, has_files: bool) -> None:
        """Write what stands before the tables."""
        when = "{}-{:02}-{:02} {:02}:{:02}:{:02}".format(*self._time)
        self._write("README.md", [README.format(time=when, files=_FILES if has_files else "").encode()])
        listed = (_json({"name": table.name, "id": table.number}) + b"\n" for table in tables)
        self._write("_tables/documents.jsonl", listed)

    def write_table(self, table: Table) -> None:
        """Write a table's documents, in the order of their ids."""
        is_large = table.memory_bytes > _LARGE_BYTES
        self._write(f"{table.name}/documents.jsonl", self._lines(table), is_large=is_large)
        self._write(f"{table.name}/generated_schema.jsonl", [_UNIFORM])

    def _lines(self, table: Table) -> Iterator[bytes]:
        lines: list[bytes] = []
        for _, payloads in table.documents.chunks():
            lines.extend([export_json(decode_document(payload)) for payload in payloads])
            if len(lines) >= _JOINED_LINES:
                yield b"\n".join(lines) + b"\n"
                self._told(len(lines))
                lines.clear()
        if lines:
            yield b"\n".join(lines) + b"\n"
            self._told(len(lines))

    def write_files(self, entries: list[FileEntry], files: Files) -> None:
        """Write the files, what is known of them first.

        Raises:  StorageCorruptError where the bytes of one are lost.
        """
        self._write("_storage/documents.jsonl", (_file_line(entry) for entry in entries))
        for entry in entries:
            extension = mimetypes.guess_extension(entry.content_type or "", strict=False) or ""
            name = f"_storage/{encode_id(STORAGE_TABLE, entry.internal)}{extension}"
            content = files.bytes_of(entry.digest)
            if content is None:
                raise StorageCorruptError(
                    f"the bytes of the file {encode_id(STORAGE_TABLE, entry.internal)} are lost: restore the folder "
                    "beside the store, delete the file, or export without files."
                )
            with content, self._zip.open(self._info(name), "w", force_zip64=entry.size > _LARGE_BYTES) as into:
                shutil.copyfileobj(content, into, _PIECE_BYTES)

    def _write(self, name: str, pieces: Iterable[bytes], *, is_large: bool = False) -> None:
        with self._zip.open(self._info(name), "w", force_zip64=is_large) as entry:
            for piece in pieces:
                entry.write(piece)

    def _info(self, name: str) -> zipfile.ZipInfo:
        info = zipfile.ZipInfo(name, self._time)
        info.compress_type = zipfile.ZIP_DEFLATED
        info.external_attr = 0o644 << 16
        return info


def _file_line(entry: FileEntry) -> bytes:
    line = {
        "_id": encode_id(STORAGE_TABLE, entry.internal),
        "_creationTime": entry.created_ms,
        "sha256": base64.b64encode(entry.digest).decode(),
        "size": entry.size,
        "contentType": entry.content_type,
        "internalId": entry.name,
    }
    return _json(line) + b"\n"
