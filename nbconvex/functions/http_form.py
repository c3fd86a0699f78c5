"""Forms in the body of a request: texts and files by name.

Owns:  `Form`, `UploadedFile`, `read_form`.
Must not know: where a body comes from.
Limits:  form_parts; the parser's own on the length of a part's head.
Invariant: whatever a client sends, the answer is a form or a `RequestRefusedError`.
Threads: pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from nbconvex.errors import RequestRefusedError


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file that a form brought. `filename` is the sender's word for it: never a path to write to."""

    filename: str
    content_type: str
    data: bytes

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return len(self.data)

    def text(self) -> str:
        """Its content as text."""
        return self.data.decode("utf-8", "replace")

    def __repr__(self) -> str:
        return f"<file {self.filename!r}, {self.content_type}, {self.size:,} bytes>"


class Form(Mapping[str, "str | UploadedFile"]):
    """What a form says, by name: texts, and files. One name stands for its first value; `get_all` has all."""

    __slots__ = ("_first", "pairs")

    def __init__(self, pairs: Iterable[tuple[str, str | UploadedFile]]) -> None:
        self.pairs = tuple(pairs)
        self._first: dict[str, str | UploadedFile] = {}
        for name, value in self.pairs:
            self._first.setdefault(name, value)

    def __getitem__(self, name: str) -> str | UploadedFile:
        return self._first[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._first)

    def __len__(self) -> int:
        return len(self._first)

    def get_all(self, name: str) -> list[str | UploadedFile]:
        """Every value of one name, in order."""
        return [value for each, value in self.pairs if each == name]

    def __repr__(self) -> str:
        return f"{self._first!r}"


def read_form(body: bytes, content_type: str | None, *, parts_max: int) -> Form:
    """The form that a body holds, as a browser or curl sends it.

    Raises:  RequestRefusedError.
    """
    # Not at the top: few notebooks have forms.
    from python_multipart.multipart import parse_options_header

    media_type, options = parse_options_header(content_type or "")
    if media_type == b"application/x-www-form-urlencoded":
        return Form(_urlencoded(body, parts_max))
    if media_type == b"multipart/form-data":
        boundary = options.get(b"boundary")
        if not boundary:
            raise _refused("The header Content-Type has no boundary: let the client write that header itself.")
        return Form(_Parts(boundary, parts_max).read(body))
    raise RequestRefusedError(
        415, "BadForm",
        "A form has the Content-Type multipart/form-data or application/x-www-form-urlencoded, not "
        f"{media_type.decode('latin-1')!r:.80}.",
    )  # fmt: skip


def _refused(problem: str) -> RequestRefusedError:
    return RequestRefusedError(400, "BadForm", problem)


def _too_many(parts_max: int) -> RequestRefusedError:
    return RequestRefusedError(413, "FormTooLarge", f"The form has more than {parts_max:,} parts (limit form_parts).")


def _urlencoded(body: bytes, parts_max: int) -> list[tuple[str, str]]:
    if body.count(b"&") >= parts_max:
        raise _too_many(parts_max)
    return parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, encoding="utf-8", errors="replace")


class _Parts:
    """The parts of one multipart body."""

    def __init__(self, boundary: bytes, parts_max: int) -> None:
        self._boundary = boundary
        self._parts_max = parts_max
        self._pairs: list[tuple[str, str | UploadedFile]] = []
        self._headers: dict[bytes, bytes] = {}
        self._field = self._text = b""
        self._data = bytearray()
        self._is_ended = False

    def read(self, body: bytes) -> list[tuple[str, str | UploadedFile]]:
        from python_multipart.exceptions import FormParserError
        from python_multipart.multipart import MultipartParser

        callbacks: Any = {
            "on_part_begin": self._begin, "on_part_data": self._add, "on_part_end": self._end_part,
            "on_header_field": self._add_field, "on_header_value": self._add_value, "on_header_end": self._end_header,
            "on_end": self._end,
        }  # fmt: skip
        try:
            parser = MultipartParser(self._boundary, callbacks)
            parser.write(body)
            parser.finalize()
        except FormParserError as error:
            raise _refused(f"The form cannot be read: {error}.") from None
        if not self._is_ended:
            raise _refused("The form ends in the middle.")
        return self._pairs

    def _begin(self) -> None:
        if len(self._pairs) >= self._parts_max:
            raise _too_many(self._parts_max)
        self._headers = {}
        self._data = bytearray()

    def _add_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        self._text += data[start:end]

    def _end_header(self) -> None:
        self._headers[self._field.lower()] = self._text
        self._field = self._text = b""

    def _add(self, data: bytes, start: int, end: int) -> None:
        self._data += data[start:end]

    def _end_part(self) -> None:
        from python_multipart.multipart import parse_options_header

        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        name = options.get(b"name")
        if name is None:
            raise _refused("A part of the form has no name.")
        filename = options.get(b"filename")
        value: str | UploadedFile
        if filename is None:
            value = self._data.decode("utf-8", "replace")
        else:
            kind = self._headers.get(b"content-type", b"application/octet-stream")
            value = UploadedFile(filename.decode("utf-8", "replace"), kind.decode("latin-1"), bytes(self._data))
        self._pairs.append((name.decode("utf-8", "replace"), value))

    def _end(self) -> None:
        self._is_ended = True
