"""What SQL answers as plain values: rows as dicts of what documents are made of.

Owns:  the value of each of DuckDB's types; `reader_of`.
Must not know: how a statement is run; where rows go.
Invariants: nothing of numpy, Decimal or datetime comes out. Whole numbers up to 2**53 are numbers, larger ones Int64,
exact. Moments are milliseconds since 1970 UTC, as everywhere; days, times of day and spans have no such number, and are
texts. JSON is the value that it stands for.
Threads: pure functions.
"""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from nbconvex.errors import SqlInvalidError, ValueInvalidError
from nbconvex.values.codec import from_json
from nbconvex.values.scalars import INT64_MAX, INT64_MIN, NUMBER_MAX, Int64

_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - TIMESTAMP has no zone; it is UTC here
_EPOCH_UTC = _EPOCH.replace(tzinfo=dt.UTC)
_MILLISECOND = dt.timedelta(milliseconds=1)

_read_json = msgspec.json.Decoder().decode

Convert = Callable[[Any], Any]


def reader_of(types: list[str]) -> Callable[[tuple[Any, ...]], list[Any]]:
    """What makes plain values of a row, for columns of these types (as DuckDB spells them)."""
    converts = [_conversion(kind) for kind in types]

    def read(row: tuple[Any, ...]) -> list[Any]:
        return [convert(value) for convert, value in zip(converts, row, strict=True)]

    return read


#: Types whose Python objects are plain values already.
_AS_THEY_ARE = frozenset({"DOUBLE", "VARCHAR", "BOOLEAN", "BLOB", "INTEGER", "SMALLINT", "TINYINT", "UINTEGER"})


def _conversion(kind: str) -> Convert:
    if kind in _AS_THEY_ARE:
        return _as_is
    return _inner_json(kind) if "JSON" in kind else plain


def _as_is(value: Any) -> Any:
    return value


def plain(value: Any) -> Any:
    """A Python object of DuckDB's as a plain value.

    Raises:  SqlInvalidError for what no value stands for.
    """
    convert = _BY_CLASS.get(type(value))
    if convert is not None:
        return convert(value)
    raise SqlInvalidError(f"a result of type {type(value).__name__} is no value: cast it, as in x::VARCHAR.")


def _whole(value: int) -> Any:
    if -NUMBER_MAX <= value <= NUMBER_MAX:
        return value
    return Int64(value) if INT64_MIN <= value <= INT64_MAX else float(value)


def _moment(value: dt.datetime) -> float:
    return (value - (_EPOCH if value.tzinfo is None else _EPOCH_UTC)) / _MILLISECOND


def _mapping(value: dict[Any, Any]) -> dict[str, Any]:
    return {key if isinstance(key, str) else str(key): plain(item) for key, item in value.items()}


_BY_CLASS: dict[type, Convert] = {
    type(None): _as_is,
    bool: _as_is,
    float: _as_is,
    str: _as_is,
    int: _whole,
    bytes: bytes,
    bytearray: bytes,
    list: lambda value: [plain(item) for item in value],
    tuple: lambda value: [plain(item) for item in value],
    dict: _mapping,
    dt.datetime: _moment,
    dt.date: lambda value: value.isoformat(),
    dt.time: lambda value: value.isoformat(),
    dt.timedelta: str,
    decimal.Decimal: float,
    uuid.UUID: str,
}


def _json_column(value: Any) -> Any:
    if not isinstance(value, str):
        return plain(value)
    try:
        return _read_tree(_read_json(value))
    except (ValueInvalidError, msgspec.MsgspecError):
        # JSON that is no value of ours, such as a key with "$": SQL can make it, and it stays the text that it is.
        return value


def _read_tree(tree: Any) -> Any:
    """As `from_json`, but whole numbers beyond 2**53 are the Int64 that they were, and not the nearest number."""
    kind = type(tree)
    if kind is int:
        return _whole(tree)
    if kind is list:
        return [_read_tree(item) for item in tree]
    if kind is dict:
        if any(name[:1] == "$" for name in tree):
            return from_json(tree)
        return {name: _read_tree(item) for name, item in tree.items()}
    return tree


def _inner_json(kind: str) -> Convert:
    """For a type with JSON inside: LIST, STRUCT or MAP."""
    if kind == "JSON":
        return _json_column
    if kind.endswith("[]"):
        element = _inner_json(kind[:-2])
        return lambda value: None if value is None else [element(item) for item in value]
    if kind.startswith("MAP("):
        item_of = _inner_json(_split(kind[4:-1])[1])
        return lambda value: None if value is None else {str(key): item_of(item) for key, item in value.items()}
    if kind.startswith("STRUCT("):
        converts = dict(_field(each) for each in _split(kind[7:-1]))
        return lambda value: (
            None if value is None else {name: converts.get(name, plain)(item) for name, item in value.items()}
        )
    return plain


def _field(text: str) -> tuple[str, Convert]:
    """Name and conversion of one field of a STRUCT's type."""
    if text.startswith('"'):
        end = 1
        while text[end : end + 1] != '"' or text[end + 1 : end + 2] == '"':
            end += 2 if text[end : end + 1] == '"' else 1
        return text[1:end].replace('""', '"'), _inner_json(text[end + 1 :].strip())
    name, _, kind = text.partition(" ")
    return name, _inner_json(kind.strip())


def _split(text: str) -> list[str]:
    """The parts of a type's inside, at the commas that are in no parenthesis or quotes."""
    parts, depth, is_quoted, start = [], 0, False, 0
    for at, character in enumerate(text):
        if character == '"':
            is_quoted = not is_quoted
        elif is_quoted:
            continue
        elif character in "([":
            depth += 1
        elif character in ")]":
            depth -= 1
        elif character == "," and not depth:
            parts.append(text[start:at].strip())
            start = at + 1
    return [*parts, text[start:].strip()]


def text_bytes(value: Any) -> int:
    """About how many bytes of text a value has, nested ones included."""
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, Mapping):
        return sum(text_bytes(each) for pair in value.items() for each in pair)
    if isinstance(value, Sequence):
        return sum(map(text_bytes, value))
    return 0
