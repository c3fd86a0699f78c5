"""Reading a snapshot: a ZIP file, of which nobody knows who made it.

Owns:  which entries there are and what they are; what is refused before anything is unpacked.
Must not know: what becomes of documents and files.
Invariants: nothing is ever unpacked to a path that stands in the file. No entry gives more bytes than it says it has,
and all together no more than an import may read.
Threads: one thread reads.
Source: wire-protocol 7; PKWARE's APPNOTE 6.3; D. Fifield, "A better zip bomb" (2019).
"""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final, cast

import msgspec

from nbconvex.errors import DataRefusedError, LimitExceededError
from nbconvex.limits import MIB, Limits
from nbconvex.services.transfer.rows import refused

_DOCUMENTS: Final = "documents.jsonl"
_SCHEMA: Final = "generated_schema.jsonl"
_TABLES: Final = "_tables"
_STORAGE: Final = "_storage"
_COMPONENTS: Final = "_components"
#: Smaller entries may be packed as tightly as they like.
_RATIO_FROM_BYTES: Final = 16 * MIB
_LOCAL_HEADER_BYTES: Final = 30
_UNIX: Final = 3
_ENCRYPTED: Final = 0x1 | 0x40
_SCHEMA_BYTES_MAX: Final = 64 * 1024


@dataclass(slots=True)
class Contents:
    """What a snapshot has: documents by table, which of those tables keep their types, files by their ids."""

    documents: dict[str, zipfile.ZipInfo] = field(default_factory=dict)
    schemas: dict[str, zipfile.ZipInfo] = field(default_factory=dict)
    listing: zipfile.ZipInfo | None = None
    storage: zipfile.ZipInfo | None = None
    files: dict[str, zipfile.ZipInfo] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)


class SnapshotReader:
    """An open snapshot. `contents` is what it says that it has, looked at and found harmless."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self.name = path.name
        self._limits = limits
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, zipfile.LargeZipFile, ValueError, EOFError, NotImplementedError) as error:
            raise DataRefusedError(
                self.name, [f"it is no ZIP file, or is cut off: {error}"], cure="Copy or download it again."
            ) from error
        try:
            self.contents = self._examined()
        except BaseException:
            self._zip.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        self._zip.close()

    @contextmanager
    def open(self, entry: zipfile.ZipInfo) -> Iterator[IO[bytes]]:
        """The bytes of an entry.

        Raises:  DataRefusedError in the block where they are damaged.
        """
        with self._damage(entry), self._zip.open(entry) as raw:
            yield io.BufferedReader(cast("Any", raw), 64 * 1024)

    def keeps_types(self, table: str) -> bool:
        """Whether the table's documents are written so that a decimal point is a type.

        Raises:  DataRefusedError for a description of shapes, as old exports have it.
        """
        entry = self.contents.schemas.get(table)
        if entry is None:
            return False
        with self.open(entry) as file:
            line = file.readline(_SCHEMA_BYTES_MAX)
        try:
            told = msgspec.json.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            told = None
        if told != "uniform":
            raise self._refused(
                entry.filename, 'it should hold "uniform"', "Exports of old versions of Convex describe their types in "
                "it otherwise: import it there, and export it again.",
            )  # fmt: skip
        return True

    # -- looking before anything is unpacked -----------------------------------------------------------------------

    def _examined(self) -> Contents:
        entries = self._zip.infolist()
        limits = self._limits
        if len(entries) > limits.import_entries:
            raise LimitExceededError(
                "import_entries", f"{self.name} was not imported: it has {len(entries):,} entries",
                maximum=limits.import_entries, actual=len(entries),
            )  # fmt: skip
        total = 0
        contents, seen = Contents(), set[str]()
        prefix: str | None = None
        for entry in entries:
            self._require_harmless(entry)
            if entry.filename in seen:
                raise self._refused(entry.filename, "it is there twice")
            seen.add(entry.filename)
            total += entry.file_size
            if total > limits.import_bytes:
                raise LimitExceededError(
                    "import_bytes", f'{self.name} was not imported: up to its entry "{entry.filename:.100}" it says '
                    f"that it has {total:,} bytes", maximum=limits.import_bytes, actual=total,
                )  # fmt: skip
        self._require_apart(entries)
        for entry in entries:
            if not entry.is_dir():
                prefix = self._sort(entry, contents, prefix)
        if not (contents.listing or contents.documents or contents.storage or contents.files):
            raise DataRefusedError(
                self.name, [f'it is no snapshot: it has no entry "TABLE/{_DOCUMENTS}"'],
                cure="`npx convex export` and `%convex export FILE.zip` write snapshots.",
            )  # fmt: skip
        return contents

    def _require_harmless(self, entry: zipfile.ZipInfo) -> None:
        name = entry.orig_filename
        parts = name.split("/")
        if "\0" in name or "\\" in name or name.startswith("/") or ":" in parts[0] or ".." in parts:
            raise self._refused(name, "its name leads out of the snapshot, or is no name")
        if entry.flag_bits & _ENCRYPTED:
            raise self._refused(name, "it is encrypted", "Pack the snapshot again without a password.")
        if entry.create_system == _UNIX and stat.S_ISLNK(entry.external_attr >> 16):
            raise self._refused(name, "it is a link, and a snapshot has none")
        if entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise self._refused(
                name, f"it is packed by method {entry.compress_type}; snapshots are by deflate (8) or not at all (0)"
            )
        if entry.compress_type == zipfile.ZIP_STORED and entry.compress_size != entry.file_size:
            raise self._refused(name, "it is not packed, and yet its two sizes differ")
        ratio = self._limits.import_ratio
        if entry.file_size > max(_RATIO_FROM_BYTES, ratio * entry.compress_size):
            raise LimitExceededError(
                "import_ratio", f'{self.name} was not imported: its entry "{name:.100}" says that it unpacks from '
                f"{entry.compress_size:,} to {entry.file_size:,} bytes, as a bomb does", maximum=ratio,
                cure="Open the store with limits=Limits(import_ratio=...) if it is none.",
            )  # fmt: skip

    def _require_apart(self, entries: list[zipfile.ZipInfo]) -> None:
        """Refuse entries that share bytes, of which a small file can hold any number."""
        end, last = 0, ""
        for entry in sorted(entries, key=lambda entry: entry.header_offset):
            if entry.header_offset < end:
                raise self._refused(entry.filename, f'it lies within the entry "{last}"')
            end, last = entry.header_offset + _LOCAL_HEADER_BYTES + entry.compress_size, entry.filename

    def _sort(self, entry: zipfile.ZipInfo, contents: Contents, prefix: str | None) -> str | None:
        """Put an entry where it belongs. Names are matched at their ends; what stands before is the same for all."""
        *before, folder, file = ["", *entry.filename.split("/")] if "/" in entry.filename else ["", "", entry.filename]
        if _COMPONENTS in before or folder == _COMPONENTS:
            return self._skip(contents, f"{_COMPONENTS} (nbconvex has no components)", prefix)
        if file not in {_DOCUMENTS, _SCHEMA} and folder != _STORAGE:
            return prefix if file == "README.md" else self._skip(contents, entry.filename, prefix)
        root = "/".join(before)
        if prefix is not None and root != prefix:
            raise self._refused(entry.filename, f'there are two snapshots in it: the other one begins with "{prefix}"')
        if folder == _STORAGE:
            self._sort_file(entry, file, contents)
        elif folder == _TABLES:
            contents.listing = entry if file == _DOCUMENTS else contents.listing
        elif folder.startswith("_"):
            self._skip(contents, f"{folder} (a system table)", prefix)
        elif not folder:
            self._skip(contents, entry.filename, prefix)
        else:
            into = contents.documents if file == _DOCUMENTS else contents.schemas
            into[folder] = entry
        return root

    def _sort_file(self, entry: zipfile.ZipInfo, file: str, contents: Contents) -> None:
        if file == _DOCUMENTS:
            contents.storage = entry
            return
        if file == _SCHEMA:
            return
        file_id = file.partition(".")[0]
        if file_id in contents.files:
            raise self._refused(entry.filename, f"the file {file_id} is there twice")
        contents.files[file_id] = entry

    @staticmethod
    def _skip(contents: Contents, what: str, prefix: str | None) -> str | None:
        if what not in contents.skipped:
            contents.skipped.append(what)
        return prefix

    # -- unpacking ---------------------------------------------------------------------------------------------------

    @contextmanager
    def _damage(self, entry: zipfile.ZipInfo) -> Iterator[None]:
        try:
            yield
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise self._refused(entry.filename, f"it is damaged: {str(error) or 'it is cut off'}") from error

    def _refused(self, entry: str, problem: str, cure: str = "") -> DataRefusedError:
        return refused(self.name, f'entry "{entry:.100}"', problem, cure)
