"""The order of values, as bytes: comparing two encodings compares the values.

Owns:  the sort-key encoding and everything that is decided by it: order, equality, index keys.
Must not know: which indexes exist; how documents are stored.
Invariants: an encoding is self-delimiting, so encodings can be concatenated; no encoding starts with 0xFF.
Order:  UNSET < null < int64 < number < boolean < string < bytes < array < object. Numbers in IEEE total order.
Threads: pure functions.
Source: semantics 3.8.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nbconvex.errors import ValueInvalidError
from nbconvex.values.scalars import UNSET, Int64, Unset

KeyEncoder = Callable[[Any], bytes]

_UNSET_KEY = b"\x01"
_NULL_KEY = b"\x03"
_FALSE_KEY = b"\x0e"
_TRUE_KEY = b"\x0f"
_ALL_BITS = 2**64 - 1

_pack_number = struct.Struct(">Bd").pack
_pack_bits = struct.Struct(">BQ").pack
_pack_float = struct.Struct(">d").pack
_unpack_bits = struct.Struct(">Q").unpack


def encode_key(value: Any) -> bytes:
    """The sort key of a value, or of `UNSET`.

    Raises:  ValueInvalidError for what is not a value.
    """
    kind = type(value)
    if kind is str:
        try:
            text: bytes = value.encode()
            if "\0" in value:
                text = text.replace(b"\0", b"\0\xff")
            return b"\x10" + text + b"\0"
        except UnicodeEncodeError:
            raise ValueInvalidError("a string holds a lone surrogate, which is not a character") from None
    if kind is float or kind is int:
        # Setting the sign bit of a positive number negates it.
        if value > 0:
            return _pack_number(0x0D, -value)
        return _encode_number(value)
    encoder = _ENCODERS.get(kind)
    if encoder is None:
        raise ValueInvalidError(f"{kind.__name__} has no place in the order of values")
    return encoder(value)


def encode_number_key(value: float) -> bytes:
    """The sort key of a number: 9 bytes, 0x0D first."""
    return _pack_number(0x0D, -value) if value > 0 else _encode_number(value)


def _encode_number(value: float) -> bytes:
    bits = _unpack_bits(_pack_float(value))[0]
    return _pack_bits(0x0D, bits ^ _ALL_BITS if bits >> 63 else bits | 1 << 63)


def _encode_int64(value: Int64) -> bytes:
    number = value.value
    if number == 0:
        return b"\x08"
    if number > 0:
        if number <= 0x7F:
            return b"\x09" + number.to_bytes(1, "big")
        if number <= 0x7FFF:
            return b"\x0a" + number.to_bytes(2, "big")
        if number <= 0x7FFFFFFF:
            return b"\x0b" + number.to_bytes(4, "big")
        return b"\x0c" + number.to_bytes(8, "big")
    if number >= -0x80:
        return b"\x07" + number.to_bytes(1, "big", signed=True)
    if number >= -0x8000:
        return b"\x06" + number.to_bytes(2, "big", signed=True)
    if number >= -0x80000000:
        return b"\x05" + number.to_bytes(4, "big", signed=True)
    return b"\x04" + number.to_bytes(8, "big", signed=True)


def _encode_bytes(value: bytes) -> bytes:
    return b"\x11" + value.replace(b"\0", b"\0\xff") + b"\0"


def _encode_array(value: Sequence[Any]) -> bytes:
    return b"\x12" + b"".join(map(encode_key, value)) + b"\0"


def _encode_object(value: Mapping[str, Any]) -> bytes:
    parts = [b"\x15"]
    # Keys are ASCII, so the order of strings is the order of their bytes.
    for name in sorted(value):
        # An empty key must not look like the end of the object.
        parts.append(name.encode() + b"\0" if name else b"\0\xff")
        parts.append(encode_key(value[name]))
    parts.append(b"\0")
    return b"".join(parts)


_ENCODERS: dict[type, KeyEncoder] = {
    Unset: lambda _: _UNSET_KEY,
    type(None): lambda _: _NULL_KEY,
    Int64: _encode_int64,
    bool: lambda value: _TRUE_KEY if value else _FALSE_KEY,
    bytes: _encode_bytes,
    list: _encode_array,
    tuple: _encode_array,
    dict: _encode_object,
}


def after_prefix(prefix: bytes) -> bytes | None:
    """The smallest bytes above everything that starts with `prefix`; None where there are none (all 0xFF or empty)."""
    trimmed = prefix.rstrip(b"\xff")
    if not trimmed:
        return None
    return trimmed[:-1] + (trimmed[-1] + 1).to_bytes(1, "big")


def equal_values(left: Any, right: Any) -> bool:
    """Whether two values are the same value: 1 and 1.0 are, 1 and True or 1 and Int64(1) or 0.0 and -0.0 are not."""
    if left is right:
        return True
    kind = type(left)
    if kind is type(right):
        if kind is str or kind is bool:
            return bool(left == right)
        if kind is int and left == right:
            return True
        if kind is dict:
            return left.keys() == right.keys() and all(map(equal_values, left.values(), map(right.get, left)))
    return encode_key(left) == encode_key(right)


def field_value(document: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path of a document; `UNSET` where a step is missing or is not an object."""
    value: Any = document
    for step in path.split("."):
        if type(value) is not dict:
            return UNSET
        value = value.get(step, UNSET)
    return value


def make_key_encoder(fields: Sequence[str]) -> Callable[[dict[str, Any]], bytes]:
    """A function from a document to the concatenated sort keys of these fields (dotted paths allowed).

    It ends before creation time and id, which the caller appends.
    """
    paths = tuple(fields)
    if any("." in path for path in paths):
        getters = tuple(_field_getter(path) for path in paths)
        return lambda document: b"".join([encode_key(get(document)) for get in getters])
    if not paths:
        return lambda _: b""
    if len(paths) == 1:
        only = paths[0]
        return lambda document: encode_key(document.get(only, UNSET))
    return lambda document: b"".join([encode_key(document.get(name, UNSET)) for name in paths])


def _field_getter(path: str) -> Callable[[dict[str, Any]], Any]:
    steps = tuple(path.split("."))

    def get(document: dict[str, Any]) -> Any:
        value: Any = document
        for step in steps:
            if type(value) is not dict:
                return UNSET
            value = value.get(step, UNSET)
        return value

    return get
