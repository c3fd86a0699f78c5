"""What is said where something stands in a validator's place, or `v` has no such word.

Owns:  `not_a_validator`, `unknown_word`, `check_on_delete`.
Must not know: validators.
Source: semantics 2.1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from nbconvex.errors import SchemaInvalidError
from nbconvex.values.foreign import shown
from nbconvex.values.scalars import Int64

_PYTHON_SPELLINGS: Mapping[type, str] = {
    str: "v.string()",
    int: "v.number()",
    float: "v.number()",
    bool: "v.boolean()",
    bytes: "v.bytes()",
    datetime: "v.datetime()",
    list: "v.array(v.any())",
    dict: "v.any()",
    Int64: "v.int64()",
}
_CURES: Mapping[str, str] = {
    "date": "v.datetime() for a moment, v.string() for a day: 2026-01-31",
    "timestamp": "v.datetime()",
    "email": "check the text in the function: v.string()",
    "bool": "v.boolean()",
    "str": "v.string()",
    "float": "v.number()",
    "int": "v.integer() for whole numbers, v.int64() for 64-bit integers",
    "list": "v.array(...)",
    "dict": "v.object({...}) or v.record(...)",
    "none": "v.null()",
    "default": 'default= is an argument of a field\'s validator: v.string(default="x")',
}
#: What may become of a document when one is deleted that it refers to.
ON_DELETE = ("cascade", "set_null", "restrict")


def check_on_delete(table: str, given: Any) -> None:
    """Refuse what `v.id(table, on_delete=...)` cannot be given.

    Raises:  SchemaInvalidError.
    """
    if given is not None and given not in ON_DELETE:
        raise SchemaInvalidError(
            f'v.id("{table}"): on_delete is one of {", ".join(ON_DELETE)}, got {given!r:.60}',
            hint=f'v.id("{table}", on_delete="cascade")',
        )


def unknown_word(name: str, known: Sequence[str]) -> str:
    """The sentence about a word that `v` does not have."""
    return f"v.{name} does not exist; {_CURES.get(name.lower()) or 'there are ' + ', '.join(known)}"


def not_a_validator(item: Any, place: str, namespace: object) -> SchemaInvalidError:
    """The error for what is no validator, naming `place` and what usually went wrong there. `namespace` is `v`."""
    if item is None:
        return SchemaInvalidError(
            f"{place} has no validator (it is None). A name it was to come from is not defined yet: usually the cell "
            "that defines it has not been run. For null write v.null()."
        )
    if callable(item) and getattr(item, "__self__", None) is namespace:
        name = getattr(item, "__name__", "string")
        return SchemaInvalidError(f"{place} is v.{name} itself; call it", hint=f"v.{name}()")
    spelling = _PYTHON_SPELLINGS.get(item) if isinstance(item, type) else None
    if spelling is not None:
        return SchemaInvalidError(f"{place} must be a validator, got the type {item.__name__}", hint=spelling)
    if isinstance(item, Mapping):
        return SchemaInvalidError(f"{place} must be a validator, got a dict", hint="v.object({...})")
    return SchemaInvalidError(
        f"{place} must be a validator such as v.string(), got {type(item).__name__} {shown(item)}"
    )
