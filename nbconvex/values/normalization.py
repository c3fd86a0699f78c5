"""From whatever Python holds to a plain value: the one door through which values come in.

Owns:  which Python objects are values, what is converted on the way in, the sentences that refuse the rest, sizes.
Must not know: validators, tables, the wire.
Invariants: the result is made of new dicts and lists, and of exactly None, bool, int, float, str, bytes, Int64, list
and dict, so that everything behind this door may dispatch on the exact type.
Threads: pure functions.
Source: semantics 1.9 (sizes, limits), 3.2, 3.9.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

from nbconvex.errors import LimitExceededError, NbconvexError, ValueInvalidError
from nbconvex.limits import Limits
from nbconvex.values.foreign import describe_foreign, plain_equivalent
from nbconvex.values.scalars import NUMBER_MAX, UNSET, Int64

#: What `_id` and `_creationTime` add to the size of a document that has none yet.
SYSTEM_FIELDS_BYTES: Final = 38 + 23

_DEFAULT_LIMITS = Limits()
_IDENTIFIER = re.compile(r"_*[A-Za-z][A-Za-z0-9_]*|_+[0-9][A-Za-z0-9_]*", re.ASCII)
_SYSTEM_FIELDS = frozenset({"_id", "_creationTime"})


class _Refusal(Exception):
    """Why a part of a value was refused; collects the steps to it while the stack unwinds."""

    def __init__(self, problem: str, *, hint: str | None = None, limit: tuple[str, int, int] | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.hint = hint
        self.limit = limit
        self.steps: list[str | int] = []

    def error(self, root: str) -> NbconvexError:
        path = root + format_path(reversed(self.steps))
        if self.limit is None:
            return ValueInvalidError(self.problem, path=path, hint=self.hint)
        name, maximum, actual = self.limit
        where = f" at {path}" if path else ""
        return LimitExceededError(name, self.problem + where, maximum=maximum, actual=actual, cure=self.hint or "")


def format_path(steps: Any) -> str:
    """Steps as text: names as `.name`, positions as `[0]`, names that are no identifiers as `["a b"]`."""
    parts = []
    for step in steps:
        if type(step) is int:
            parts.append(f"[{step}]")
        elif isinstance(step, str) and step.isidentifier():
            parts.append(f".{step}")
        else:
            parts.append(f"[{step!r}]")
    return "".join(parts)


def normalize(value: Any, *, path: str = "", limits: Limits | None = None, nesting_max: int = 64) -> Any:
    """The value as plain new dicts and lists: tuples become lists, numpy scalars Python's, `UNSET` fields vanish.

    Raises:  ValueInvalidError for what is not a value, LimitExceededError for what is too long, too deep or too wide;
             both name the place below `path`.
    """
    return normalize_sized(value, path=path, limits=limits, nesting_max=nesting_max)[0]


def normalize_sized(
    value: Any, *, path: str = "", limits: Limits | None = None, nesting_max: int = 64
) -> tuple[Any, int]:
    """What `normalize` returns, and its size in bytes, in one pass."""
    limits = limits or _DEFAULT_LIMITS
    try:
        if type(value) is dict:
            return _object(value, nesting_max, limits)
        return _other(value, nesting_max, limits)
    except _Refusal as refusal:
        raise refusal.error(path) from None


def normalize_document(
    value: Any, *, limits: Limits | None = None, path: str = "", patch: bool = False
) -> tuple[dict[str, Any], int]:
    """A document's fields as `normalize` makes them, and their size, with the rules for the names of fields.

    `_id` and `_creationTime` pass; whether they may is the caller's affair. With `patch`, fields that are `UNSET` at
    the top stay (and count nothing).

    Raises:  ValueInvalidError, LimitExceededError.
    """
    limits = limits or _DEFAULT_LIMITS
    try:
        if type(value) is not dict:
            value = plain_equivalent(value)
            if type(value) is not dict:
                raise _Refusal(f"a document must be an object (a dict), got {_shown(value)}", hint='{"field": value}')
        plain, size = _object(value, limits.document_nesting, limits)
        for name in plain:
            if not _is_document_field(name) or len(name) > limits.identifier_length:
                raise _field_refusal(name, limits)
    except _Refusal as refusal:
        raise refusal.error(path) from None
    if patch and len(plain) != len(value):
        for name, item in value.items():
            if item is UNSET:
                plain[str(name)] = UNSET
    return plain, size


def size_of(value: Any) -> int:
    """The size of a normalized value in bytes. Source: semantics 1.9."""
    kind = type(value)
    if kind is str:
        return 2 + (len(value) if value.isascii() else len(value.encode()))
    if kind is float or kind is int or kind is Int64:
        return 9
    if kind is bool or value is None:
        return 1
    if kind is dict:
        return 2 + sum([len(name) + 1 + size_of(item) for name, item in value.items()])
    if kind is list:
        return 2 + sum(map(size_of, value))
    if kind is bytes:
        return 2 + len(value)
    return normalize_sized(value)[1]


def document_size(document: dict[str, Any]) -> int:
    """The size of a document in bytes; system fields that it does not have yet are counted as if it had."""
    size = size_of(document)
    if "_id" not in document:
        size += 38
    if "_creationTime" not in document:
        size += 23
    return size


def _object(value: dict[Any, Any], depth: int, limits: Limits) -> tuple[dict[str, Any], int]:
    if depth <= 0:
        raise _nesting_refusal(limits)
    if len(value) > limits.object_fields:
        raise _Refusal(
            f"an object has {len(value):,} fields",
            limit=("object_fields", limits.object_fields, len(value)),
            hint="Keep many entries as documents of a table of their own.",
        )
    name_max = limits.field_name_bytes
    plain: dict[str, Any] = {}
    size = 2
    name = None
    try:
        for name, item in value.items():
            kind = type(item)
            if kind is str:
                size += 2 + (len(item) if item.isascii() else _utf8_length(item))
                checked = item
            elif kind is float:
                size += 9
                checked = item
            elif kind is int:
                if not -NUMBER_MAX <= item <= NUMBER_MAX:
                    raise _number_refusal(item)
                size += 9
                checked = item
            elif kind is bool or item is None:
                size += 1
                checked = item
            elif item is UNSET:
                continue
            else:
                checked, item_size = _other(item, depth - 1, limits)
                size += item_size
            name_size = _name_size(name)
            if name_size > name_max:
                raise _name_length_refusal(name_size, limits)
            size += name_size + 1
            plain[name if type(name) is str else str.__str__(name)] = checked
    except _Refusal as refusal:
        refusal.steps.append(name if isinstance(name, str) else repr(name))
        raise
    return plain, size


def _array(value: list[Any] | tuple[Any, ...], depth: int, limits: Limits) -> tuple[list[Any], int]:
    if depth <= 0:
        raise _nesting_refusal(limits)
    count = len(value)
    if count > limits.array_length:
        raise _Refusal(
            f"an array has {count:,} elements",
            limit=("array_length", limits.array_length, count),
            hint="Keep the elements as documents of a table of their own, or as bytes.",
        )
    if count >= 8 and set(map(type, value)) == {float}:
        return list(value), 2 + 9 * count
    plain: list[Any] = []
    size = 2
    try:
        for item in value:
            kind = type(item)
            if kind is str and item.isascii():
                size += 2 + len(item)
                plain.append(item)
            elif kind is float:
                size += 9
                plain.append(item)
            else:
                checked, item_size = _other(item, depth - 1, limits)
                size += item_size
                plain.append(checked)
    except _Refusal as refusal:
        refusal.steps.append(len(plain))
        raise
    return plain, size


def _other(value: Any, depth: int, limits: Limits) -> tuple[Any, int]:
    """Any value: the full table of types. The loops above answer the usual ones themselves."""
    kind = type(value)
    if kind is dict:
        return _object(value, depth, limits)
    if kind is list or kind is tuple:
        return _array(value, depth, limits)
    if kind is str:
        return value, 2 + _utf8_length(value)
    if kind is int:
        if not -NUMBER_MAX <= value <= NUMBER_MAX:
            raise _number_refusal(value)
        return value, 9
    if kind is float or kind is Int64:
        return value, 9
    if kind is bool or value is None:
        return value, 1
    if kind is bytes:
        return value, 2 + len(value)
    plain = plain_equivalent(value)
    # An equivalent of a type that is itself in the table: this ends after one more step.
    if plain is not value:
        return _other(plain, depth, limits)
    problem, hint = describe_foreign(value)
    raise _Refusal(problem, hint=hint)


def _utf8_length(text: str) -> int:
    try:
        return len(text.encode())
    except UnicodeEncodeError as error:
        surrogate = ord(text[error.start])
        raise _Refusal(
            f"a string holds a lone surrogate (U+{surrogate:04X} at position {error.start}), which is not a character",
            hint='text.encode("utf-8", "replace").decode()',
        ) from None


@lru_cache(maxsize=8_192)
def _name_size(name: Any) -> int:
    """The size of a field's name in bytes. Remembered, because the same few names come again and again."""
    if not isinstance(name, str):
        raise _Refusal(f"the fields of an object have strings as names, got {_shown(name)}", hint=f'{{"{name}": ...}}')
    if name.startswith("$"):
        raise _Refusal(f'field name {name!r} starts with "$", which is reserved', hint=repr(name.lstrip("$") or "name"))
    if not (name.isascii() and name.isprintable()):
        raise _Refusal(
            f"field name {name!r} is not made of printable ASCII characters; keep such text in a value",
            hint=f'[{{"key": {name!r}, "value": ...}}]',
        )
    return len(name)


@lru_cache(maxsize=8_192)
def _is_document_field(name: str) -> bool:
    return name in _SYSTEM_FIELDS or (not name.startswith("_") and is_identifier(name))


def is_identifier(name: str) -> bool:
    """Whether a name may stand for a table, an index or a field, its length apart: letters, digits and `_`, not
    beginning with a digit, not only underscores.
    """
    return name.isascii() and name.isidentifier() and name.strip("_") != ""


def _field_refusal(name: str, limits: Limits) -> _Refusal:
    if name.startswith("_"):
        return _Refusal(
            f'field "{name}" starts with an underscore, only allowed for system fields',
            hint=f'"{name.strip("_") or "name"}"',
        )
    if len(name) > limits.identifier_length:
        return _name_length_refusal(len(name), limits, of_document=True)
    suggestion = re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_")
    suggestion = f"field_{suggestion}" if suggestion[:1].isdigit() or not suggestion else suggestion
    return _Refusal(
        f'"{name}" cannot be a field of a document: letters, digits and underscores, beginning with a letter',
        hint=f'"{suggestion}"',
    )


def _name_length_refusal(actual: int, limits: Limits, *, of_document: bool = False) -> _Refusal:
    limit = "identifier_length" if of_document else "field_name_bytes"
    return _Refusal(
        f"a field name has {actual:,} characters",
        limit=(limit, getattr(limits, limit), actual),
        hint="Keep long text in a value.",
    )


def _nesting_refusal(limits: Limits) -> _Refusal:
    return _Refusal(
        "a value is nested too deep, or contains itself",
        hint="Keep inner objects as documents of their own, and their ids here.",
    )


def _number_refusal(number: int) -> _Refusal:
    shown = f"{number:,}" if abs(number) < 2**80 else "an int"
    inside = -(2**63) <= number < 2**63
    return _Refusal(
        f"{shown} is beyond ±2**53, where numbers (float64) no longer hold every whole one",
        hint=f"Int64({number})" if inside else "str(number), or float(number) to round it",
    )


def _shown(value: Any) -> str:
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"
