"""How values are written: as stored bytes, and as JSON on the wire.

Owns:  the msgpack form of documents and the JSON form of values; the door for values (`normalize`) is re-exported.
Must not know: what a file or a socket is.
Invariants: `decode(encode(v))` is v, an int staying an int, a float a float with all its bits. On the wire every number
is a float64, so a number that comes back is equal, though an int may come back as a float.
Threads: pure functions; the coders keep no state between calls.
Source: semantics 3.9, wire-protocol 2.1; msgspec.
"""

from __future__ import annotations

import base64
import binascii
import math
import struct
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, TypedDict

import msgspec

from nbconvex.errors import ValueInvalidError
from nbconvex.values.moments import plain_moment
from nbconvex.values.normalization import (
    document_size,
    format_path,
    is_identifier,
    normalize,
    normalize_document,
    normalize_sized,
    size_of,
)
from nbconvex.values.scalars import NUMBER_MAX, UNSET, Int64
from nbconvex.values.sort_key import equal_values

__all__ = [
    "decode_document",
    "decode_value",
    "decoder_of_fields",
    "document_size",
    "encode_document",
    "encode_value",
    "equal_values",
    "format_path",
    "from_json",
    "is_identifier",
    "json_dumps",
    "json_loads",
    "normalize",
    "normalize_document",
    "normalize_sized",
    "size_of",
    "to_json",
]

#: The number of msgpack's extension type for Int64: 8 big-endian bytes.
_INT64_EXTENSION = 1
_int64_bytes = struct.Struct(">q")
_little_int64 = struct.Struct("<q")
_little_float = struct.Struct("<d")


def _write_extension(value: Any) -> msgspec.msgpack.Ext:
    if type(value) is Int64:
        return msgspec.msgpack.Ext(_INT64_EXTENSION, _int64_bytes.pack(value.value))
    raise ValueInvalidError(f"{type(value).__name__} is not a supported type of value")


def _read_extension(code: int, data: memoryview) -> Int64:
    if code == _INT64_EXTENSION:
        return Int64(_int64_bytes.unpack(data)[0])
    raise ValueInvalidError(f"stored value has an unknown extension type {code}; a newer nbconvex may have written it")


#: The stored bytes of a normalized value, and back.
encode_value: Callable[[Any], bytes] = msgspec.msgpack.Encoder(enc_hook=_write_extension).encode
decode_value: Callable[[bytes], Any] = msgspec.msgpack.Decoder(ext_hook=_read_extension).decode

#: The stored bytes of a whole document, and a fresh document from them. The same encoding; one call into C each.
encode_document: Callable[[dict[str, Any]], bytes] = encode_value
decode_document: Callable[[bytes], dict[str, Any]] = decode_value


def decoder_of_fields(names: Iterable[str]) -> Callable[[bytes], dict[str, Any]]:
    """What decodes only these fields of a stored document, and passes over the others without looking into them."""
    fields = TypedDict("fields", dict.fromkeys(names, Any), total=False)  # type: ignore[misc]
    decoder: Any = msgspec.msgpack.Decoder(fields, ext_hook=_read_extension)
    decode: Callable[[bytes], dict[str, Any]] = decoder.decode
    return decode


def to_json(value: Any) -> Any:
    """A normalized value as a tree for JSON, where every number is a float64, times too. `UNSET` becomes
    {"$undefined": null}.
    """
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return value
    if kind is float:
        if value - value == 0 and (value != 0 or math.copysign(1, value) > 0):
            return value
        return {"$float": base64.b64encode(_little_float.pack(value)).decode()}
    if kind is int:
        return float(value)
    if kind is dict:
        return {name: to_json(item) for name, item in value.items()}
    if kind is list:
        return [to_json(item) for item in value]
    if kind is Int64:
        return {"$integer": base64.b64encode(_little_int64.pack(value.value)).decode()}
    if kind is bytes:
        return {"$bytes": base64.b64encode(value).decode()}
    if value is UNSET:
        return {"$undefined": None}
    if isinstance(value, datetime):
        return to_json(plain_moment(value))
    return to_json(normalize(value))


class _DamagedError(Exception):
    """What is wrong with a part of a tree; collects the steps to it while the stack unwinds."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.steps: list[object] = []


def from_json(tree: Any, *, path: str = "", allow_undefined: bool = False) -> Any:
    """The value of a tree that came as JSON. A number without a fraction may be an int, and is the same number.

    Raises:  ValueInvalidError for unknown `$` keys and damaged wrappers, naming the place, and for what is nested too
             deep to be read.
    """
    try:
        return _read_tree(tree, allow_undefined)
    except _DamagedError as damage:
        raise ValueInvalidError(str(damage), path=path + format_path(reversed(damage.steps))) from None
    except RecursionError:
        raise ValueInvalidError("a value is nested too deep", path=path) from None


def _read_tree(tree: Any, allow_undefined: bool) -> Any:  # noqa: FBT001 - called for every part of a value
    kind = type(tree)
    if kind is str or kind is float or kind is bool or tree is None:
        return tree
    if kind is dict:
        return _read_object(tree, allow_undefined)
    if kind is list:
        items: list[Any] = []
        try:
            for item in tree:
                items.append(_read_tree(item, False))  # noqa: PERF401 - its length is the place of a fault
        except _DamagedError as damage:
            damage.steps.append(len(items))
            raise
        return items
    if kind is int:
        if -NUMBER_MAX <= tree <= NUMBER_MAX:
            return tree
        try:
            return float(tree)
        except OverflowError:
            raise _DamagedError("a number is beyond float64") from None
    raise _DamagedError(f"{kind.__name__} does not come from JSON")


def _read_object(tree: dict[str, Any], allow_undefined: bool) -> Any:  # noqa: FBT001 - see above
    value = {}
    name = ""
    try:
        for name, item in tree.items():
            if name[:1] == "$":
                if len(tree) == 1 and (name in _WRAPPERS or (allow_undefined and name == "$undefined")):
                    return _read_wrapper(name, item)
                raise _DamagedError(f'field name "{name}" starts with "$", which is reserved')
            kind = type(item)
            if kind is str or kind is float:
                value[name] = item
            else:
                value[name] = _read_tree(item, allow_undefined)
    except _DamagedError as damage:
        damage.steps.append(name)
        raise
    return value


_WRAPPERS = frozenset({"$integer", "$float", "$bytes"})


def _read_wrapper(name: str, item: Any) -> Any:
    if name == "$undefined":
        return UNSET
    try:
        data = base64.b64decode(item, validate=True)
        if name == "$bytes":
            return data
        if name == "$integer":
            return Int64(_little_int64.unpack(data)[0])
        number: float = _little_float.unpack(data)[0]
    except (binascii.Error, struct.error, TypeError, ValueError):
        raise _DamagedError(f"{name} does not hold base64 of the right length") from None
    if math.isfinite(number) and (number != 0 or math.copysign(1, number) > 0):
        raise _DamagedError(f"$float holds the ordinary number {number}, which JSON writes as itself")
    return number


_write_json = msgspec.json.Encoder().encode
_read_json = msgspec.json.Decoder().decode


def json_dumps(value: Any) -> str:
    """A normalized value as JSON text."""
    return _write_json(to_json(value)).decode()


def json_loads(text: str | bytes) -> Any:
    """The value of a JSON text.

    Raises:  ValueInvalidError for what is not JSON or not a value.
    """
    try:
        return from_json(_read_json(text))
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueInvalidError(f"this is not JSON: {error}") from error
    except RecursionError:
        raise ValueInvalidError("a value is nested too deep") from None
