"""Where a stored document's id and creation time stand, so that the built-in indexes need no keys of their own.

Owns:  `id_key`, `creation_key`, the check that a payload has this form.
Must not know: tables, trees.
Invariant: a stored document is a msgpack map that begins with `_id` (text) and `_creationTime` (a float64). So both are
found at fixed places, and two indexes of 100,000 documents save some 15 MB of keys. Source: ADR 8; performance.md W12.
Threads: any.
"""

from __future__ import annotations

import struct

from nbconvex.errors import StorageCorruptError

_ID_FIELD = b"\xa3_id"
_CREATION_FIELD = b"\xad_creationTime\xcb"
#: A map of up to 15 fields says so in one byte, a larger one in three.
_SHORT_MAP_END = 0x90
#: A string of 32 bytes and more has a header of two bytes.
_STR8 = 0xD9
#: The shortest text of an id. Source: semantics 3.7.
ID_LENGTH_MIN = 31
#: A key of `by_creation_time` begins with a float64.
CREATION_TIME_BYTES = 8
_pack_double = struct.Struct(">d").pack


def _id_span(payload: bytes) -> tuple[int, int]:
    start = 5 if payload[0] < _SHORT_MAP_END else 7
    header = payload[start]
    if header == _STR8:
        return start + 2, start + 2 + payload[start + 1]
    return start + 1, start + 1 + (header & 0x1F)


def id_key(payload: bytes) -> bytes:
    """The key of `by_id`: the id's text. Texts of one table are in the order of their internal ids."""
    if payload[5] == _STR8 and payload[0] < _SHORT_MAP_END:
        return payload[7 : 7 + payload[6]]
    start, end = _id_span(payload)
    return payload[start:end]


def creation_key(payload: bytes) -> bytes:
    """The key of `by_creation_time`: the creation time's 8 bytes, then the id's text."""
    start, end = _id_span(payload)
    at = end + len(_CREATION_FIELD)
    return payload[at : at + CREATION_TIME_BYTES] + payload[start:end]


def creation_key_of(creation_time_ms: float, document_id: str) -> bytes:
    """What `creation_key` reads from the payload of such a document."""
    return _pack_double(creation_time_ms) + document_id.encode("ascii")


def creation_bound(encoded: bytes) -> bytes:
    """A position in `by_creation_time` from the sort key of the value asked for, which need not be a time."""
    if encoded[:1] != b"\x0d":
        return b"" if encoded < b"\x0d" else b"\xff"
    # A positive number's sort key has the sign bit set; a negative one lies before all times.
    return bytes((encoded[1] & 0x7F,)) + encoded[2:] if encoded[1] & 0x80 else b""


def require_canonical(payload: bytes, table: str) -> None:
    """Refuse a payload that no version of nbconvex wrote. Called for each document of a store that is opened.

    Raises:  StorageCorruptError.
    """
    if _ID_FIELD in payload[:7]:
        start, end = _id_span(payload)
        if end - start >= ID_LENGTH_MIN and payload.startswith(_CREATION_FIELD, end):
            return
    raise StorageCorruptError(f'a document of table "{table}" does not begin with its id and creation time.')
