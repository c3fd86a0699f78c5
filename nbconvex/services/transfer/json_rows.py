"""Rows of JSON: one object a line, or one array of objects.

Owns:  finding the objects, line numbers, what is said about text that is no JSON.
Must not know: what becomes of an object.
Invariant: of an array, one object at a time is in memory.
Threads: one thread reads.
Source: RFC 8259; jsonlines.org; wire-protocol 7.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator
from typing import IO, Any, Final

import msgspec

from nbconvex.errors import DataRefusedError, LimitExceededError, ValueInvalidError
from nbconvex.limits import Limits
from nbconvex.services.transfer.rows import Batch, Rows, refused
from nbconvex.services.transfer.text_lines import text_lines
from nbconvex.values.codec import from_json

_BATCH_ROWS: Final = 1_000
_decode: Final = msgspec.json.Decoder().decode
#: What can begin or end a part of JSON, or hide one that does.
_MARKS: Final = re.compile(rb'["\[\]{},]')
_STRING_END: Final = re.compile(rb'["\\]')
_OPENING: Final = frozenset(b"[{")
_QUOTE: Final = ord('"')
_COMMA: Final = ord(",")
_CLOSING_BRACE: Final = ord("}")
#: How much of an array is read at once.
_CHUNK_BYTES: Final = 256 * 1024

#: From a tree of JSON to a value.
Read = Callable[[Any], Any]


def json_line_rows(file: IO[bytes], name: str, size: int | None, limits: Limits, *, read: Read = from_json) -> Rows:
    """The rows of a file with one object a line; empty lines are passed over.

    Raises:  DataRefusedError, LimitExceededError, while rows are read.
    """
    return Rows(name, "line", size, _line_batches(file, name, limits, read))


def _line_batches(file: IO[bytes], name: str, limits: Limits, read: Read) -> Generator[Batch, None, None]:
    numbers: list[int] = []
    rows: list[Any] = []
    number = done = 0
    for number, line in enumerate(text_lines(file, name, limits.import_line_bytes), 1):
        done += len(line)
        if line.isspace():
            continue
        numbers.append(number)
        rows.append(parsed(line, name, f"line {number:,}", read))
        if len(rows) >= _BATCH_ROWS:
            yield Batch(numbers, rows, done)
            numbers, rows = [], []
    yield Batch(numbers, rows, done)


def parsed(text: bytes, name: str, where: str, read: Read) -> Any:
    """The value of a text; a ValueInvalidError in its place for JSON that is no value.

    Raises:  DataRefusedError for what is no JSON.
    """
    try:
        tree = _decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise refused(name, where, f"this is not JSON: {error}") from None
    except RecursionError:
        raise refused(name, where, "a value is nested too deep") from None
    try:
        return read(tree)
    except ValueInvalidError as error:
        return error
    except RecursionError:
        return ValueInvalidError("a value is nested too deep")


def json_array_rows(file: IO[bytes], name: str, size: int | None, limits: Limits, *, read: Read = from_json) -> Rows:
    """The rows of a file that is one array of objects. They are counted, not lines: an array often has only one.

    Raises:  DataRefusedError, LimitExceededError, while rows are read.
    """
    return Rows(name, "row", size, _array_batches(file, name, limits, read))


def _array_batches(file: IO[bytes], name: str, limits: Limits, read: Read) -> Generator[Batch, None, None]:
    numbers: list[int] = []
    rows: list[Any] = []
    number = 0
    for number, (text, line) in enumerate(_elements(file, name, limits), 1):
        numbers.append(number)
        rows.append(parsed(text, name, f"row {number:,}, in line {line:,}", read))
        if len(rows) >= _BATCH_ROWS:
            yield Batch(numbers, rows, file.tell())
            numbers, rows = [], []
    yield Batch(numbers, rows, file.tell())


def _elements(file: IO[bytes], name: str, limits: Limits) -> Iterator[tuple[bytes, int]]:
    """The texts of the elements of an array, and the line that each begins in."""
    scanner = _Scanner(file, name, limits)
    scanner.expect_array()
    while (element := scanner.next_element()) is not None:
        yield element


class _Scanner:
    """Walks over the text of an array, from comma to comma, a chunk of the file at a time."""

    def __init__(self, file: IO[bytes], name: str, limits: Limits) -> None:
        self._file = file
        self._name = name
        self._max = limits.import_line_bytes
        self._text = file.read(_CHUNK_BYTES).removeprefix(b"\xef\xbb\xbf")
        self._at = 0
        self._line = 1
        self._number = 0
        self._is_over = False

    def expect_array(self) -> None:
        """Pass over the opening bracket."""
        first = self._next_byte()
        if first != b"[":
            cure = 'One object a line is the format "jsonl".' if first == b"{" else ""
            raise refused(self._name, f"line {self._line:,}", "this is not an array of objects", cure)
        self._go_to(self._at + 1)

    def next_element(self) -> tuple[bytes, int] | None:
        """The text of the next element and its line; None behind the last."""
        if self._is_over:
            return None
        first = self._next_byte()
        if not first:
            raise self._cut_off()
        if first == b"]":
            if self._number:
                raise refused(self._name, f"line {self._line:,}", "this is not JSON: nothing stands between , and ]")
            self._end()
            return None
        self._number += 1
        start, line = self._at, self._line
        end = self._element_end()
        text = self._text[start:end]
        is_last = self._text[end] == 0x5D
        self._go_to(end if is_last else end + 1)
        if is_last:
            self._end()
        return text, line

    def _element_end(self) -> int:
        """Where the comma or the bracket stands that ends the element which begins here."""
        depth, at = 0, self._at
        while True:
            mark = _MARKS.search(self._text, at)
            if mark is None:
                at = len(self._text)
                if not self._fill():
                    raise self._cut_off()
                continue
            at = mark.end()
            code = self._text[mark.start()]
            if code == _QUOTE:
                at = self._string_end(at)
            elif code in _OPENING:
                depth += 1
            elif not depth:
                if code == _CLOSING_BRACE:
                    raise refused(
                        self._name, f"row {self._number:,}, in line {self._line:,}", "this is not JSON: a } too many"
                    )
                return mark.start()
            elif code != _COMMA:
                depth -= 1

    def _string_end(self, at: int) -> int:
        """The place behind the quote that ends a string."""
        while True:
            mark = _STRING_END.search(self._text, at)
            if mark is not None:
                at = mark.end()
                if self._text[mark.start()] == _QUOTE:
                    return at
                at += 1
            else:
                # An escape may have led beyond what was read so far.
                at = max(at, len(self._text))
            if at >= len(self._text) and not self._fill():
                raise self._cut_off()

    def _next_byte(self) -> bytes:
        """The next byte that is no white space, to begin with; nothing at the end of the file."""
        if self._at > _CHUNK_BYTES:
            self._text, self._at = self._text[self._at :], 0
        while True:
            at = self._at
            while self._text[at : at + 1].isspace():
                at += 1
            self._go_to(at)
            if at < len(self._text) or not self._fill():
                return self._text[at : at + 1]

    def _go_to(self, place: int) -> None:
        self._line += self._text.count(b"\n", self._at, place)
        self._at = place

    def _fill(self) -> bool:
        """Whether the file went on."""
        if len(self._text) - self._at > self._max:
            raise LimitExceededError(
                "import_line_bytes", f"{self._name} was not imported: row {self._number:,} is longer than a row may be",
                maximum=self._max, cure="Is it an array of objects?",
            )  # fmt: skip
        chunk = self._file.read(_CHUNK_BYTES)
        self._text += chunk
        return bool(chunk)

    def _end(self) -> None:
        self._go_to(self._at + 1)
        if self._next_byte():
            raise refused(self._name, f"line {self._line:,}", "this is not JSON: something follows the array")
        self._is_over = True

    def _cut_off(self) -> DataRefusedError:
        return refused(self._name, f"line {self._line:,}", "the array has no end: the file is cut off")
