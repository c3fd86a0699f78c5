"""Values as people write them, where they edit data by hand.

Owns:  `spelled`, `read_spelled`, `as_meant`.
Must not know: documents' tables, pages, commands.
Invariants: a text is read as Python or JSON, then taken as the text it is, so that words need no quotes; where the
validator lets through texts only, every text that has no quotes around it is one. `read_spelled(spelled(value))` is the
value. Nothing that is written here is ever run: it is parsed, and anything but a value is refused.
Threads: pure functions.
"""

from __future__ import annotations

import ast
import json
import math
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from nbconvex.errors import ValueInvalidError
from nbconvex.values.codec import from_json
from nbconvex.values.moments import is_time, moment_of
from nbconvex.values.scalars import INT64_MAX, INT64_MIN, UNSET, Int64
from nbconvex.values.validator_paths import validators_at
from nbconvex.values.validators import Validator

#: Names that stand for values, in Python's spelling and in JSON's.
_NAMES: Final[Mapping[str, Any]] = {
    "null": None, "true": True, "false": False, "NaN": math.nan, "nan": math.nan,
    "Infinity": math.inf, "inf": math.inf, "UNSET": UNSET,
}  # fmt: skip
#: What begins something that is no plain word, so that a fault in it is a fault and not a text.
_OPENING: Final = ("{", "[", '"', "'", "b'", 'b"', "Int64(", "datetime(")
#: Characters up to which a nested value stands in one line.
_LINE_MAX: Final = 60
_TEXTS: Final = frozenset({"string", "id"})
_QUOTED: Final = re.compile(r"""\s*(["']).*\1\s*\Z""", re.DOTALL)


class _Refused(Exception):
    """Why a part of a text is no value."""


def spelled(value: Any, *, indent: int | None = None) -> str:
    """A value as it is written for `read_spelled`: JSON, with `Int64(5)`, `b"..."` and `datetime("...")` in it.

    A text that cannot be taken for anything else stands without quotes. With `indent` nested values have lines.
    """
    if isinstance(value, str):
        return value if _is_plain_word(value) else json.dumps(value, ensure_ascii=False)
    return _written(value, indent, 0)


def read_spelled(text: str, validator: Validator | None = None, path: str = "") -> Any:
    """The value that a person has written. What `validator` lets through at `path` decides where a text may be read in
    several ways: as digits for a string, a whole number for an Int64, a date for a time.

    Raises:  ValueInvalidError with what is wrong, and where.
    """
    kinds = _kinds(validator, path)
    stripped = text.strip()
    if kinds & _TEXTS and kinds <= _TEXTS | {"null"} and not _QUOTED.match(text):
        return None if "null" in kinds and stripped in {"null", "None"} else text
    if not stripped:
        return text
    try:
        value = _parsed(stripped)
    except _Refused as refused:
        if stripped.startswith(_OPENING):
            raise ValueInvalidError(f"this cannot be read: {refused}") from None
        value = text
    return as_meant(value, validator, path)


def _is_plain_word(text: str) -> bool:
    """Whether a text is read back as itself without quotes, and looks like it."""
    if not text.strip() or text != text.strip() or text.startswith(_OPENING):
        return False
    try:
        _parsed(text)
    except _Refused:
        return True
    return False


# -- writing -----------------------------------------------------------------------------------------------------------


def _written(value: Any, indent: int | None, depth: int) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Int64):
        return f"Int64({value.value})"
    if isinstance(value, (int, float)):
        return _number(value)
    if isinstance(value, bytes):
        return _bytes(value)
    if isinstance(value, datetime):
        return f'datetime("{moment_text(value)}")'
    if isinstance(value, Mapping):
        parts = [f"{json.dumps(name, ensure_ascii=False)}: {_written(each, indent, depth + 1)}"
                 for name, each in value.items()]  # fmt: skip
        return _bracketed("{", parts, "}", indent, depth)
    if isinstance(value, (list, tuple)):
        return _bracketed("[", [_written(each, indent, depth + 1) for each in value], "]", indent, depth)
    return "UNSET" if value is UNSET else json.dumps(repr(value), ensure_ascii=False)


def _number(value: float) -> str:
    # Not of an int, which may be too large to be asked.
    if type(value) is float and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return repr(value)


def _bytes(value: bytes) -> str:
    text = repr(value)
    # One kind of quotes, as everywhere else.
    return text if '"' in text else f'b"{text[2:-1]}"'


def _bracketed(opening: str, parts: Sequence[str], closing: str, indent: int | None, depth: int) -> str:
    line = f"{opening}{', '.join(parts)}{closing}"
    # What stands inside and is short is read more easily in one line.
    if indent is None or not parts or (depth and len(line) <= _LINE_MAX and "\n" not in line):
        return line
    inner, outer = " " * indent * (depth + 1), " " * indent * depth
    return f"{opening}\n{inner}" + f",\n{inner}".join(parts) + f"\n{outer}{closing}"


def moment_text(moment: datetime) -> str:
    """A moment in UTC, to the microsecond where that says more."""
    text = moment.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00")
    return f"{text.removesuffix('000').removesuffix('.000')}Z"


# -- reading -----------------------------------------------------------------------------------------------------------


def _parsed(text: str) -> Any:
    """The value of a text that is Python or JSON."""
    if text[:1] in {"{", "[", '"'}:
        try:
            tree = json.loads(text, object_pairs_hook=_once, parse_constant=_NAMES.__getitem__)
        except (ValueError, KeyError, RecursionError):
            pass
        else:
            return _unwrapped(tree)
    try:
        with warnings.catch_warnings():
            # A backslash that is none of Python's is the author's own affair.
            warnings.simplefilter("ignore")
            tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise _Refused(_fault(error)) from None
    try:
        return _value(tree)
    except RecursionError:
        raise _Refused("it is nested too deep") from None


def _fault(error: BaseException) -> str:
    if isinstance(error, SyntaxError) and error.lineno is not None:
        return f"{error.msg} (line {error.lineno}, column {error.offset})"
    return "it is nested too deep" if isinstance(error, (MemoryError, RecursionError)) else str(error)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _Refused(f'the field "{twice}" is given twice')
    return found


def _unwrapped(tree: Any) -> Any:
    """A tree of JSON in which `{"$integer": ...}` and its like are what clients send."""
    try:
        return from_json(tree)
    except ValueInvalidError as error:
        raise _Refused(str(error)) from None


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, (str, int, float, bytes, type(None))):
        return node.value
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_value(each) for each in node.elts]
    if isinstance(node, ast.Dict):
        return _once([(_name(key), _value(each)) for key, each in zip(node.keys, node.values, strict=True)])
    if isinstance(node, ast.Name) and node.id in _NAMES:
        return _NAMES[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        number = _value(node.operand)
        if isinstance(number, (int, float)) and not isinstance(number, bool):
            return -number if isinstance(node.op, ast.USub) else number
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 1 and not node.keywords:
        read = _CALLS.get(node.func.id)
        if read is not None:
            return read(_value(node.args[0]))
    raise _Refused(f"{ast.unparse(node)[:100]} is no value (line {node.lineno}, column {node.col_offset + 1})")


def _name(node: ast.expr | None) -> str:
    name = None if node is None else _value(node)
    if not isinstance(name, str):
        raise _Refused("names of fields are texts in quotes")
    return name


def _int64(given: Any) -> Int64:
    if type(given) is not int or not INT64_MIN <= given <= INT64_MAX:
        raise _Refused(f"Int64 takes a whole number of 64 bits, got {str(given)[:50]}")
    return Int64(given)


def _moment(given: Any) -> datetime:
    if isinstance(given, str):
        try:
            moment = datetime.fromisoformat(given)
        except ValueError:
            raise _Refused(f'"{given[:50]}" is no time; write 2026-01-31T12:00:00Z') from None
        # Without a zone it would depend on who reads it: what is shown is in UTC, so what is written is.
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    if is_time(given):
        return moment_of(given)
    raise _Refused('datetime takes a text, as in datetime("2026-01-31T12:00:00Z")')


_CALLS: Final[Mapping[str, Callable[[Any], Any]]] = {"Int64": _int64, "datetime": _moment}


# -- what the schema says ----------------------------------------------------------------------------------------------


def _kinds(validator: Validator | None, path: str) -> frozenset[str]:
    """The kinds of values that a validator lets through at a path; nothing where anything may come."""
    members = validators_at(validator, path)
    if members is None:
        return frozenset()
    return frozenset(
        "string" if each.kind == "literal" and isinstance(getattr(each, "value", None), str) else each.kind
        for each in members
    )


def as_meant(value: Any, validator: Validator | None, path: str = "") -> Any:
    """A value that was written in a form of another kind, which the validator does not let through at `path`: a whole
    number where an Int64 is meant, a text where a time is.

    Raises:  ValueInvalidError for a text that is no time.
    """
    kinds = _kinds(validator, path)
    if type(value) is int and "int64" in kinds and not kinds & {"float64", "number", "integer"}:
        return _int64(value) if INT64_MIN <= value <= INT64_MAX else value
    if isinstance(value, str) and "datetime" in kinds and not kinds & _TEXTS:
        try:
            return _moment(value)
        except _Refused as refused:
            raise ValueInvalidError(str(refused)) from None
    return value
