"""Pagination cursors: a position behind an index key, or the end, tied to the query that made it.

Owns:  `Cursor`, its text form, `fingerprint_of`.
Must not know: how pages are read.
Invariant: a cursor is a key, not a count, so it survives the deletion of the document it points behind, and inserts
before it shift nothing. Source: semantics 5.
Threads: any.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from nbconvex.errors import CursorInvalidError

_FINGERPRINT_BYTES = 8
_CHECKSUM_BYTES = 4
_AFTER_KEY = b"\x01"
_END = b"\x02"


@dataclass(frozen=True, slots=True)
class Cursor:
    """A position in a query: behind `key`, or at the end where `key` is None."""

    fingerprint: bytes
    key: bytes | None

    def __str__(self) -> str:
        body = self.fingerprint + (_END if self.key is None else _AFTER_KEY + self.key)
        checked = zlib.crc32(body).to_bytes(_CHECKSUM_BYTES, "big") + body
        return base64.urlsafe_b64encode(checked).decode("ascii").rstrip("=")

    @classmethod
    def parse(cls, text: Any, fingerprint: bytes) -> Cursor:
        """The cursor that `text` holds.

        Raises:  CursorInvalidError if it is damaged or made by a query with another fingerprint.
        """
        if not isinstance(text, str):
            raise CursorInvalidError(f"a cursor is a text or None, got {type(text).__name__}.")
        try:
            raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (UnicodeEncodeError, binascii.Error, ValueError):
            raise CursorInvalidError("this text is no cursor.") from None
        checksum, body = raw[:_CHECKSUM_BYTES], raw[_CHECKSUM_BYTES:]
        kind = body[_FINGERPRINT_BYTES : _FINGERPRINT_BYTES + 1]
        if zlib.crc32(body).to_bytes(_CHECKSUM_BYTES, "big") != checksum or kind not in {_AFTER_KEY, _END}:
            raise CursorInvalidError("this text is no cursor.")
        if body[:_FINGERPRINT_BYTES] != fingerprint:
            raise CursorInvalidError("it was made by another query (other table, index, range, order or filter).")
        return cls(fingerprint, None if kind == _END else body[_FINGERPRINT_BYTES + 1 :])


def fingerprint_of(*parts: object) -> bytes:
    """What ties a cursor to a query: 8 bytes over everything that decides its results' order and content."""
    return blake2b(repr(parts).encode(), digest_size=_FINGERPRINT_BYTES).digest()
