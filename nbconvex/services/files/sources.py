"""What `store` takes, as bytes in pieces.

Owns:  `Source`, `source_of`: paths, bytes, file objects, data frames, pictures, figures.
Must not know: where the bytes go. pandas, polars, Pillow and matplotlib are known by their methods, never imported.
Invariant: a file on disk is never read whole into memory.
Threads: the caller's.
"""

from __future__ import annotations

import io
import mimetypes
import os
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from nbconvex.errors import CallerError, ValueInvalidError

#: How much is read at once.
PIECE_BYTES: Final = 1024 * 1024
#: What is made of a data frame or a picture stays in memory up to this, then goes through a temporary file.
SPOOLED_BYTES: Final = 16 * 1024 * 1024
PARQUET: Final = "application/vnd.apache.parquet"
_TAKES: Final = "bytes, a path, a file opened with 'rb', a data frame, a picture or a figure"


@dataclass(frozen=True, slots=True)
class Source:
    """Bytes to store. `size` is None where it is not known before the end."""

    file: BinaryIO
    size: int | None
    content_type: str | None
    is_ours: bool = True

    def pieces(self) -> Iterator[bytes]:
        """The bytes, once. A file that was opened here is closed."""
        if not self.is_ours:
            yield from _pieces(self.file)
            return
        with closing(self.file):
            yield from _pieces(self.file)


def source_of(given: Any) -> Source:
    """What somebody wants stored.

    Raises:  ValueInvalidError for what has no bytes; CallerError for a path that leads to no file.
    """
    if isinstance(given, bytes | bytearray | memoryview):
        data = bytes(given)
        return Source(io.BytesIO(data), len(data), None)
    if isinstance(given, str | os.PathLike):
        return _of_path(Path(given), given)
    for method, content_type in (("to_parquet", PARQUET), ("write_parquet", PARQUET), ("savefig", "image/png")):
        write = getattr(given, method, None)
        if callable(write):
            return _written(write, content_type)
    if callable(getattr(given, "save", None)) and hasattr(given, "getbands"):
        return _written(lambda into: given.save(into, format="PNG"), "image/png")
    if callable(getattr(given, "read", None)):
        return _of_file(given)
    raise ValueInvalidError(
        f"storage.store takes {_TAKES}, not {type(given).__name__}",
        hint="ctx.storage.store(json.dumps(value).encode(), content_type='application/json')"
        if isinstance(given, dict | list)
        else None,
    )


def _of_path(path: Path, given: Any) -> Source:
    path = path.expanduser()
    try:
        file = path.open("rb")
    except FileNotFoundError:
        shown = str(given)[:80]
        raise CallerError(
            f"storage.store: there is no file {shown!r}. A str is a path; text is stored as bytes.",
            hint="ctx.storage.store(text.encode(), content_type='text/plain')",
        ) from None
    except OSError as error:
        raise CallerError(f"storage.store: {str(given)[:80]!r} cannot be read: {error.strerror}.") from error
    return Source(file, os.fstat(file.fileno()).st_size, mimetypes.guess_type(path.name)[0])


def _of_file(given: Any) -> Source:
    if isinstance(given, io.TextIOBase):
        raise ValueInvalidError("storage.store: this file was opened for text", hint="open(path, 'rb')")
    name = getattr(given, "name", None)
    size = None
    try:
        place = given.tell()
        size = given.seek(0, os.SEEK_END) - place
        given.seek(place)
    except (AttributeError, OSError, ValueError):
        # A pipe or a socket: its length is known at its end.
        size = None
    content_type = mimetypes.guess_type(name)[0] if isinstance(name, str) else None
    return Source(given, size, content_type, is_ours=False)


def _written(write: Any, content_type: str) -> Source:
    """What an object writes of itself."""
    spool = tempfile.SpooledTemporaryFile(max_size=SPOOLED_BYTES)  # noqa: SIM115 - closed when it was read
    try:
        write(spool)
        size = spool.seek(0, os.SEEK_END)
        spool.seek(0)
    except BaseException:
        spool.close()
        raise
    return Source(spool, size, content_type)  # type: ignore[arg-type] # a file in all that is used of it


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(PIECE_BYTES):
        if not isinstance(piece, bytes | bytearray | memoryview):
            raise ValueInvalidError(f"storage.store: this file gives {type(piece).__name__}, not bytes")
        yield bytes(piece)
