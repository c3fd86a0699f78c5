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
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

from nbconvex.errors import LimitExceededError, NbconvexError, ValueInvalidError
from nbconvex.limits import Limits
from nbconvex.values.foreign import describe_foreign, plain_equivalent, shown
from nbconvex.values.scalars import NUMBER_MAX, UNSET, Int64

#: What `_id` and `_creationTime` add to the size of a document that has none yet.
SYSTEM_FIELDS_BYTES: Final = 38 + 23

_DEFAULT_LIMITS = Limits()
_TOO_DEEP = "a value is nested too deep, or contains itself"
_SYSTEM_FIELDS = frozenset({"_id", "_creationTime"})


class _RefusalError(Exception):
    """Why a part of a value was refused; collects the steps to it while the stack unwinds.

    Fields:  `limit` is the name of a limit that was passed, its maximum and the actual number.
    """

    def __init__(
        self, problem: str, *, hint: str | None = None, limit: tuple[str, int, int | None] | None = None
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.hint = hint
        self.limit = limit
        self.steps: list[object] = []

    def set_nesting(self, name: str, maximum: int) -> None:
        """Say which limit was passed, if this is about depth: only where the descent began is that known."""
        if self.problem is _TOO_DEEP:
            self.limit = (name, maximum, None)
            self.hint = "Keep inner objects as documents of their own, and their ids here."

    def outside(self, root: str) -> NbconvexError:
        """The error that callers see."""
        path = root + format_path(reversed(self.steps))
        if self.limit is None:
            return ValueInvalidError(self.problem, path=path, hint=self.hint)
        name, maximum, actual = self.limit
        where = f" (at {path})" if path else ""
        return LimitExceededError(name, self.problem + where, maximum=maximum, actual=actual, cure=self.hint or "")


def format_path(steps: Iterable[object]) -> str:
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
    except _RefusalError as refusal:
        refusal.set_nesting("argument_nesting", nesting_max)
        raise refusal.outside(path) from None


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
            value = _document_object(value)
        _check_document_names(tuple(value), limits.identifier_length)
        plain, size = _object(value, limits.document_nesting, limits)
    except _RefusalError as refusal:
        refusal.set_nesting("document_nesting", limits.document_nesting)
        raise refusal.outside(path) from None
    if patch and len(plain) != len(value):
        # In the order of the caller, so that what a patch adds stands where it was written.
        plain = {name: plain.get(name, UNSET) for name in value}
    return plain, size


def _document_object(value: Any) -> dict[Any, Any]:
    plain = plain_equivalent(value)
    if type(plain) is dict:
        return plain
    problem, hint = (
        f"a document must be an object (a dict), got {type(value).__name__} {shown(value)}",
        '{"field": value}',
    )
    if type(plain) not in {str, int, float, bool, bytes, list, type(None)}:
        problem, hint = describe_foreign(value)
    raise _RefusalError(problem, hint=hint)


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
        raise _RefusalError(_TOO_DEEP)
    if len(value) > limits.object_fields:
        raise _RefusalError(
            f"an object has {len(value):,} fields",
            limit=("object_fields", limits.object_fields, len(value)),
            hint="Keep many entries as documents of a table of their own.",
        )
    size, longest_name = _names_size(tuple(value))
    if longest_name > limits.field_name_bytes:
        raise _long_name(next(name for name in value if len(name) == longest_name), limits)
    plain = value.copy()
    has_plain_names = True
    name = ""
    try:
        for name, item in value.items():
            if type(name) is not str:
                has_plain_names = False
            kind = type(item)
            if kind is str:
                size += 2 + (len(item) if item.isascii() else _utf8_length(item))
            elif kind is float:
                size += 9
            elif kind is int:
                if not -NUMBER_MAX <= item <= NUMBER_MAX:
                    raise _large_number(item)
                size += 9
            elif kind is bool or item is None:
                size += 1
            elif item is UNSET:
                del plain[name]
                size -= len(name) + 1
            else:
                plain[name], item_size = _other(item, depth - 1, limits)
                size += item_size
    except _RefusalError as refusal:
        refusal.steps.append(name)
        raise
    if not has_plain_names:
        plain = {str.__str__(key): item for key, item in plain.items()}
    return plain, size


def _array(value: list[Any] | tuple[Any, ...], depth: int, limits: Limits) -> tuple[list[Any], int]:
    if depth <= 0:
        raise _RefusalError(_TOO_DEEP)
    count = len(value)
    if count > limits.array_length:
        raise _RefusalError(
            f"an array has {count:,} elements",
            limit=("array_length", limits.array_length, count),
            hint="Pass them in batches, one call a batch; keep them as documents of a table of their own, or as bytes.",
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
    except _RefusalError as refusal:
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
            raise _large_number(value)
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
    raise _RefusalError(problem, hint=hint)


def _utf8_length(text: str) -> int:
    try:
        return len(text.encode())
    except UnicodeEncodeError as error:
        surrogate = ord(text[error.start])
        raise _RefusalError(
            f"a string holds a lone surrogate (U+{surrogate:04X} at position {error.start}), which is not a character",
            hint='text.encode("utf-8", "replace").decode()',
        ) from None


# The names of an object's fields are looked at once for all objects of that shape.
@lru_cache(maxsize=4_096)
def _names_size(names: tuple[Any, ...]) -> tuple[int, int]:
    """For the names of an object's fields: the object's size without its values, and the length of the longest."""
    longest = 0
    size = 2
    for name in names:
        _check_name(name)
        size += len(name) + 1
        longest = max(longest, len(name))
    return size, longest


def _check_name(name: Any) -> None:
    if not isinstance(name, str):
        raise _RefusalError(
            f"the fields of an object have strings as names, got {type(name).__name__} {shown(name)}",
            hint="{str(name): ...}",
        )
    if name.startswith("$"):
        raise _RefusalError(
            f'field name {_quoted(name)} starts with "$", which is reserved', hint=_quoted(name.lstrip("$") or "name")
        )
    if not (name.isascii() and name.isprintable()):
        raise _RefusalError(
            f"field name {name!r:.80} is not made of printable ASCII characters; rename the field, or keep such text "
            "in a value",
            hint=_quoted(_ascii_like(name)) if _ascii_like(name) else '[{"key": ..., "value": ...}]',
        )


@lru_cache(maxsize=4_096)
def _check_document_names(names: tuple[Any, ...], length_max: int) -> None:
    for name in names:
        _check_name(name)
        if name in _SYSTEM_FIELDS:
            continue
        if name.startswith("_"):
            raise _RefusalError(
                f"field {_quoted(name)} starts with an underscore, only allowed for system fields",
                hint=_quoted(name.strip("_") or "name"),
            )
        if not is_identifier(name):
            raise _RefusalError(
                f"{_quoted(name)} cannot be a field of a document: letters, digits and underscores, a letter first",
                hint=_quoted(_identifier_like(name)),
            )
        if len(name) > length_max:
            raise _RefusalError(
                f"the field name {_quoted(name)} has {len(name):,} characters",
                limit=("identifier_length", length_max, len(name)),
                hint="Keep long text in a value.",
            )


def _ascii_like(name: str) -> str:
    """What is left of a name without accents and other marks; nothing, if its letters are of another script."""
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss"))
    letters = "".join(mark for mark in plain if not unicodedata.combining(mark))
    return _identifier_like(letters) if letters.isascii() else ""


def _identifier_like(name: str) -> str:
    letters = re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_")
    return letters if letters and not letters[0].isdigit() else f"field_{letters}".rstrip("_")


def _quoted(name: str) -> str:
    return f'"{name if len(name) <= 60 else name[:57] + "..."}"'


def is_identifier(name: str) -> bool:
    """Whether a name may stand for a table, an index or a field, its length apart: letters, digits and `_`, not
    beginning with a digit, not only underscores.
    """
    return name.isascii() and name.isidentifier() and name.strip("_") != ""


def _long_name(name: str, limits: Limits) -> _RefusalError:
    return _RefusalError(
        f"the field name {_quoted(name)} has {len(name):,} characters",
        limit=("field_name_bytes", limits.field_name_bytes, len(name)),
        hint="Keep long text in a value.",
    )


def _large_number(number: int) -> _RefusalError:
    text = f"{number:,}" if abs(number) < 2**80 else "an int"
    inside = -(2**63) <= number < 2**63
    return _RefusalError(
        f"{text} is beyond ±2**53, where numbers (float64) no longer hold every whole one",
        hint=f"Int64({number})" if inside else "str(number), or float(number) to round it",
    )
