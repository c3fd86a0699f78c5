"""The bytes of a commit journal: its header, its frames, what a frame carries. Pure: no file, no state.

Owns:  the format, as `docs/storage-format.md` describes it.
Must not know: where the bytes stand, DuckDB, what a document means.
Invariant: a frame is whole or it is nothing. Its checksum covers its length, its sequence number, its payload and the
store's id, so that neither a torn frame nor one of another store, nor one in another frame's place, can pass.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from nbconvex.storage.persistence import Commit

#: Of the journal, and of everything that this module lays down.
FORMAT_VERSION = 1

JOURNAL_MAGIC = b"NBCXJRNL"
FRAME_MAGIC = b"\xf7Fr\x01"

#: The header is kept twice, in pages of their own: a torn write of one leaves the other.
SLOT_OFFSETS = (0, 4096)
SLOT_BYTES = 128

#: Who has the file open, as JSON, padded with blanks. Not checked, not synced: it is for a message only.
HOLDER_OFFSET = 2048
HOLDER_BYTES = 512

FRAMES_OFFSET = 8192

_SLOT = struct.Struct("<8sIIQ16sQQ")  # magic, version, reserved, generation, store id, start, first sequence
_CHECKSUM = struct.Struct("<I")
_FRAME = struct.Struct("<4sIQI")  # magic, payload length, sequence, checksum
_CHECKED = struct.Struct("<IQ")

FRAME_HEAD_BYTES = _FRAME.size

#: What one frame carries: commits, and globals that were put.
Batch = tuple[list[Commit], dict[str, bytes]]

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Batch).decode


@dataclass(frozen=True, slots=True)
class Header:
    """Where a journal begins.

    Shapes:  `start` is the offset of the frame with number `first_sequence`, or the place where it will be.
    """

    generation: int
    store_id: bytes
    start: int
    first_sequence: int


@dataclass(frozen=True, slots=True)
class FrameHead:
    """What stands before a frame's payload."""

    length: int
    sequence: int
    checksum: int


def encode_header(header: Header) -> bytes:
    """One slot's content."""
    body = _SLOT.pack(
        JOURNAL_MAGIC, FORMAT_VERSION, 0, header.generation, header.store_id, header.start, header.first_sequence
    )
    return (body + _CHECKSUM.pack(zlib.crc32(body))).ljust(SLOT_BYTES, b"\0")


def decode_header(slot: bytes) -> Header | None:
    """The header in a slot; None if the slot is empty, torn or damaged."""
    if len(slot) < SLOT_BYTES or slot != slot[: _SLOT.size + _CHECKSUM.size].ljust(SLOT_BYTES, b"\0"):
        return None
    body, checksum = slot[: _SLOT.size], _CHECKSUM.unpack_from(slot, _SLOT.size)[0]
    if zlib.crc32(body) != checksum:
        return None
    magic, version, _reserved, generation, store_id, start, first_sequence = _SLOT.unpack(body)
    if magic != JOURNAL_MAGIC or version != FORMAT_VERSION or start < FRAMES_OFFSET:
        return None
    return Header(generation, store_id, start, first_sequence)


def version_of(slot: bytes) -> int | None:
    """The format version that a slot claims, whatever else it holds; None if it is no slot of a journal."""
    if len(slot) < SLOT_BYTES or not slot.startswith(JOURNAL_MAGIC):
        return None
    version: int = _SLOT.unpack_from(slot)[1]
    return version


def seed_of(store_id: bytes) -> int:
    """What the checksums of a store's frames begin from."""
    return zlib.crc32(store_id)


def encode_frame(sequence: int, payload: bytes, seed: int) -> bytes:
    """A whole frame. The commit path: two checksums and one copy."""
    length = len(payload)
    checksum = zlib.crc32(payload, zlib.crc32(_CHECKED.pack(length, sequence), seed))
    return _FRAME.pack(FRAME_MAGIC, length, sequence, checksum) + payload


def decode_frame_head(data: bytes, offset: int = 0) -> FrameHead | None:
    """The head of the frame at `offset` of `data`; None if no frame begins there."""
    if len(data) - offset < FRAME_HEAD_BYTES:
        return None
    magic, length, sequence, checksum = _FRAME.unpack_from(data, offset)
    return FrameHead(length, sequence, checksum) if magic == FRAME_MAGIC else None


def is_intact(head: FrameHead, payload: bytes, seed: int) -> bool:
    """Whether `payload` is what was written under `head`."""
    if len(payload) != head.length:
        return False
    return zlib.crc32(payload, zlib.crc32(_CHECKED.pack(head.length, head.sequence), seed)) == head.checksum


def encode_commits(commits: Sequence[Commit]) -> bytes:
    """The payload of a frame that carries `commits`."""
    return _encode((commits, _NO_GLOBALS))


def encode_global(key: str, value: bytes) -> bytes:
    """The payload of a frame that carries one global."""
    return _encode((_NO_COMMITS, {key: value}))


def decode_batch(payload: bytes) -> Batch:
    """What a frame carries.

    Raises:  msgspec.DecodeError, for a payload that passed its checksum and yet is none.
    """
    batch: Batch = _decode(payload)
    return batch


_NO_GLOBALS: dict[str, bytes] = {}
_NO_COMMITS: list[Commit] = []
