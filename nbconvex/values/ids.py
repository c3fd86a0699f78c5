"""Document ids: their text, and how new ones are made.

Owns:  the text form of (table number, internal id), its checks, and the making of internal ids.
Must not know: which tables or documents exist.
Invariants: an id has exactly one text; decoding refuses every other. Internal ids are 16 bytes.
Threads: functions are pure; an `IdMaker` may be shared.
Source: semantics 3.7.
"""

from __future__ import annotations

import random
from functools import lru_cache
from itertools import accumulate
from typing import Final

from nbconvex.clock import Clock
from nbconvex.errors import ValueInvalidError
from nbconvex.values.foreign import shown

ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
INTERNAL_ID_BYTES: Final = 16
TABLE_NUMBER_MAX: Final = 2**32 - 1

_NS_PER_DAY = 86_400 * 10**9

_CHUNK = 32
_CHUNK_BITS = _CHUNK * 5
#: From 5 bits in a byte to a letter.
TO_LETTERS: Final = bytes.maketrans(bytes(range(32)), ALPHABET.encode())


def _spread_steps() -> tuple[tuple[int, int, int], ...]:
    """For each halving of 160 bits into groups of 80, 40, 20, 10, 5: masks of the low and high halves, and how far to
    move the high ones, so that a group ends where 8/5 of the space puts it.
    """
    steps = []
    for count, width in ((1, 80), (2, 40), (4, 20), (8, 10), (16, 5)):
        room = width * 8 // 5
        low = sum(((1 << width) - 1) << 2 * room * place for place in range(count))
        steps.append((low, low << width, room - width))
    return tuple(steps)


#: Masks of low and high halves, and distances, for 160 bits that become 32 bytes of 5 bits each.
SPREAD: Final = _spread_steps()

# Python reads base 32 with the digits 0-9a-v. What is not a letter of ours becomes one that `int` refuses; without
# that, its sign, underscores and spaces would pass.
_TO_PYTHON_DIGITS = bytes.maketrans(
    bytes(range(256)),
    bytes(
        b"0123456789abcdefghijklmnopqrstuv"[ALPHABET.index(chr(code))] if chr(code) in ALPHABET else ord("!")
        for code in range(256)
    ),
)

# Text length → (whole bytes, bits left over). No other length can hold whole bytes without a spare character.
_LENGTHS = {31: (19, 3), 32: (20, 0), 34: (21, 2), 36: (22, 4), 37: (23, 1)}


def encode_id(table_number: int, internal: bytes) -> str:
    """The text of an id."""
    assert len(internal) == INTERNAL_ID_BYTES, internal
    body = table_prefix(table_number) + internal
    size = (len(body) + 2) * 8
    length = -(-size // 5)
    bits = (int.from_bytes(body, "big") << 16 | _footer(body)) << length * 5 - size
    if length == _CHUNK:
        return _letters(bits)
    if length < _CHUNK:
        return _letters(bits)[-length:]
    return _letters(bits >> _CHUNK_BITS)[_CHUNK - length :] + _letters(bits & (1 << _CHUNK_BITS) - 1)


def _letters(bits: int) -> str:
    """32 letters for 160 bits. Every step halves the groups of bits and moves them apart, until 5 bits fill a byte."""
    for low, high, distance in SPREAD:
        bits = bits & low | (bits & high) << distance
    return bits.to_bytes(_CHUNK, "big").translate(TO_LETTERS).decode()


@lru_cache(maxsize=65_536)
def decode_id(text: str) -> tuple[int, bytes]:
    """The table number and the internal id of an id's text.

    Raises:  ValueInvalidError for anything that is not the one text of an id.
    """
    try:
        body_bytes, spare_bits = _LENGTHS[len(text)]
        bits = int(text.encode("ascii").translate(_TO_PYTHON_DIGITS), 32)
    except (KeyError, ValueError, AttributeError, TypeError):
        raise _undecodable(text) from None
    body = (bits >> spare_bits).to_bytes(body_bytes, "big")
    prefix_bytes = body_bytes - INTERNAL_ID_BYTES - 2
    table_number = _table_number(body[:prefix_bytes])
    footer = bits >> spare_bits & 0xFFFF
    if table_number is None or bits & (1 << spare_bits) - 1 or _footer(body[:-2]) != footer:
        raise _undecodable(text)
    return table_number, body[prefix_bytes:-2]


def _undecodable(text: object) -> ValueInvalidError:
    return ValueInvalidError(f"unable to decode ID: {shown(text)} is not the id of a document")


@lru_cache(maxsize=16_384)
def table_prefix(table_number: int) -> bytes:
    """A table number as a little-endian base-128 varint."""
    assert 0 < table_number <= TABLE_NUMBER_MAX, table_number
    out = bytearray()
    while table_number > 0x7F:
        out.append(table_number & 0x7F | 0x80)
        table_number >>= 7
    out.append(table_number)
    return bytes(out)


@lru_cache(maxsize=16_384)
def _table_number(prefix: bytes) -> int | None:
    """The table number of a varint that takes up the whole of `prefix` in its shortest form; else None."""
    if any(byte < 0x80 for byte in prefix[:-1]) or prefix[-1] >= 0x80 or prefix[-1] == 0:
        return None
    number = sum((byte & 0x7F) << 7 * place for place, byte in enumerate(prefix))
    return number if number <= TABLE_NUMBER_MAX else None


def _footer(body: bytes) -> int:
    """Fletcher-16 with both sums modulo 256, first sum in the first byte, for version 0 of the format."""
    return (sum(body) & 0xFF) << 8 | sum(accumulate(body)) & 0xFF


def day_of(now_ns: int) -> int:
    """The day that ids made at that time end in, since 1970, in 16 bits."""
    return now_ns // _NS_PER_DAY & 0xFFFF


class IdMaker:
    """Makes internal ids: 14 random bytes, then the day since 1970 as two big-endian bytes. Promises no order."""

    def __init__(self, rng: random.Random, clock: Clock) -> None:
        self._random_bits = rng.getrandbits
        self._now_ns = clock.now_ns

    def make(self) -> bytes:
        """A new internal id."""
        day = self._now_ns() // _NS_PER_DAY & 0xFFFF  # not `day_of`: an insert pays for each call
        return (self._random_bits(112) << 16 | day).to_bytes(INTERNAL_ID_BYTES, "big")
