"""Frames and headers: what is packed comes back; what was changed does not pass."""

from __future__ import annotations

import msgspec
import pytest

from nbconvex.storage.frames import (
    FRAME_HEAD_BYTES,
    FRAMES_OFFSET,
    SLOT_BYTES,
    Header,
    decode_batch,
    decode_frame_head,
    decode_header,
    encode_commits,
    encode_frame,
    encode_global,
    encode_header,
    is_intact,
    seed_of,
    version_of,
)
from nbconvex.storage.persistence import Commit, Revision

HEADER = Header(generation=7, store_id=b"0123456789abcdef", start=FRAMES_OFFSET + 40, first_sequence=2**40)
SEED = seed_of(HEADER.store_id)


def test_a_header_comes_back():
    slot = encode_header(HEADER)
    assert len(slot) == SLOT_BYTES
    assert decode_header(slot) == HEADER
    assert version_of(slot) == 1


def test_a_header_with_any_byte_changed_is_none():
    slot = bytearray(encode_header(HEADER))
    for at in range(SLOT_BYTES):
        slot[at] ^= 0x01
        assert decode_header(bytes(slot)) is None, at
        slot[at] ^= 0x01


@pytest.mark.parametrize("slot", [b"", bytes(SLOT_BYTES), b"NBCXJRNL", b"x" * SLOT_BYTES])
def test_what_is_no_header_is_none(slot):
    assert decode_header(slot) is None
    assert version_of(slot) is None


def test_a_header_that_begins_inside_itself_is_none():
    assert decode_header(encode_header(Header(1, HEADER.store_id, FRAMES_OFFSET - 1, 1))) is None


@pytest.mark.parametrize("payload", [b"", b"x", bytes(100_000)])
def test_a_frame_comes_back(payload):
    frame = b"before" + encode_frame(9, payload, SEED)
    head = decode_frame_head(frame, 6)
    assert (head.sequence, head.length) == (9, len(payload))
    assert is_intact(head, frame[6 + FRAME_HEAD_BYTES :], SEED)


def test_a_frame_with_any_bit_changed_does_not_pass():
    frame = bytearray(encode_frame(9, b"payload", SEED))
    for bit in range(8 * len(frame)):
        frame[bit // 8] ^= 1 << bit % 8
        head = decode_frame_head(bytes(frame))
        assert head is None or not is_intact(head, bytes(frame[FRAME_HEAD_BYTES:]), SEED), bit
        frame[bit // 8] ^= 1 << bit % 8


def test_a_frame_of_another_store_or_place_does_not_pass():
    payload = b"payload"
    head = decode_frame_head(encode_frame(9, payload, SEED))
    assert not is_intact(head, payload, seed_of(b"another store id"))
    assert not is_intact(decode_frame_head(encode_frame(9, payload, SEED)[:20]), payload[:-1], SEED)
    assert decode_frame_head(b"\xf7Fr") is None


def test_commits_and_globals_come_back():
    commits = [
        Commit(2**62, (Revision(10001, bytes(16), b"\x81"), Revision(11, b"i" * 16, None))),
        Commit(2**62 + 1, ()),
    ]
    assert decode_batch(encode_commits(commits)) == (commits, {})
    assert decode_batch(encode_global("k", b"\0")) == ([], {"k": b"\0"})


def test_a_payload_that_is_none_is_refused():
    with pytest.raises(msgspec.DecodeError):
        decode_batch(b"\xc0")
