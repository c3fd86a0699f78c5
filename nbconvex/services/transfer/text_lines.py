"""Lines of a text file, each of bounded length and in UTF-8.

Owns:  reading them, and what is said about a line that cannot be read.
Must not know: what a line means.
Threads: one thread reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Final

from nbconvex.errors import LimitExceededError
from nbconvex.services.transfer.rows import refused

_BOM: Final = b"\xef\xbb\xbf"


def text_lines(file: IO[bytes], name: str, line_bytes_max: int, *, has_text: bool = True) -> Iterator[bytes]:
    """The lines of a file, with their ends.

    Raises:  LimitExceededError for a line that is too long; DataRefusedError for one that is not UTF-8, or holds NUL.
    """
    number = 0
    while line := file.readline(line_bytes_max + 1):
        number += 1
        if len(line) > line_bytes_max:
            raise LimitExceededError(
                "import_line_bytes", f"{name} was not imported: line {number:,} is longer than a line may be",
                maximum=line_bytes_max, cure="Is it text, with one row a line?",
            )  # fmt: skip
        if number == 1:
            line = line.removeprefix(_BOM)
        if has_text and not line.isascii():
            _require_utf8(line, name, number)
        if b"\0" in line:
            raise refused(name, f"line {number:,}", "it holds a NUL byte", _encoding_cure(line))
        yield line


def _require_utf8(line: bytes, name: str, number: int) -> None:
    try:
        line.decode()
    except UnicodeDecodeError as error:
        byte = line[error.start]
        raise refused(
            name, f"line {number:,}", f"byte {error.start + 1:,} (0x{byte:02x}) is not UTF-8",
            'Save it as UTF-8, or convert it: open(path, encoding="cp1252") reads what Windows calls ANSI.',
        ) from None  # fmt: skip


def _encoding_cure(line: bytes) -> str:
    return (
        'It looks like UTF-16. Save it as UTF-8, or convert it: open(path, encoding="utf-16") reads it.'
        if line.count(b"\0") > len(line) // 4
        else "Text has none: the file is damaged, or is no text."
    )
