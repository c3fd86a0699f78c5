"""What a vector index needs of a stored document, taken from its payload without decoding the rest.

Owns:  `VectorReader`.
Must not know: matrices, tables, which documents are asked for.
Invariant: parts come out as they are stored, so that equal bytes are equal values.
Threads: any.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from nbconvex.values.codec import decode_document, encode_value
from nbconvex.values.scalars import UNSET
from nbconvex.values.sort_key import field_value

#: The stored bytes of a document's vector, then of each filter field; empty where the field is absent.
Parts = Sequence[bytes]

_ABSENT = msgspec.Raw(b"")


class VectorReader:
    """Reads a document's vector field and filter fields, dotted paths allowed.

    Mechanism: a decoder that keeps these fields as they are and skips all others: 384 numbers as Python objects would
    take ten times as long.
    """

    __slots__ = ("_decode", "_fields")

    def __init__(self, vector_field: str, filter_fields: Sequence[str]) -> None:
        self._fields = (vector_field, *filter_fields)
        self._decode: Callable[[bytes], Any] | None = None
        if not any("." in name for name in self._fields) and len(set(self._fields)) == len(self._fields):
            # Our names, theirs only in the payload: a field may be called `class`.
            names = {f"part{place}": name for place, name in enumerate(self._fields)}
            shape = msgspec.defstruct("Parts", [(name, msgspec.Raw, _ABSENT) for name in names], rename=names)
            self._decode = msgspec.msgpack.Decoder(shape).decode

    def read(self, payload: bytes) -> Parts:
        """The parts of one document."""
        if self._decode is not None:
            return [bytes(part) for part in msgspec.structs.astuple(self._decode(payload))]
        document = decode_document(payload)
        values = [field_value(document, path) for path in self._fields]
        return [b"" if value is UNSET else encode_value(value) for value in values]
