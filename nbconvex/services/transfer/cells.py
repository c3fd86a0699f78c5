"""What a cell of a table becomes, by what the schema says of its column.

Owns:  `Column` and what it makes of texts and of missing cells.
Must not know: files, documents.
Invariant: without a schema a text is what Convex makes of it: a number if it reads as one, else itself.
Threads: pure.
Source: wire-protocol 7; ADR 16.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from nbconvex.errors import ValueInvalidError
from nbconvex.values.codec import json_loads
from nbconvex.values.moments import ms_of
from nbconvex.values.scalars import UNSET, Int64
from nbconvex.values.validators import LiteralValidator, ObjectValidator, UnionValidator, Validator

#: What the reference's language takes for a number. Python's `float` takes more: blanks around it, underscores.
_NUMBER: Final = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|inf|infinity|nan)", re.IGNORECASE | re.ASCII)
_WHOLE: Final = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_ANY: Final = frozenset({"any"})
_TEXTS: Final = frozenset({"string", "id"})
_NUMBERS: Final = frozenset({"float64", "datetime"})
_NESTED: Final = frozenset({"array", "object", "record"})
_BOOLEANS: Final = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Column:
    """What may stand in one field of a table's documents; `kinds` are those of validators, "any" without one."""

    kinds: frozenset[str] = _ANY
    is_optional: bool = False

    @property
    def missing(self) -> Any:
        """What a missing cell of a data frame becomes: nothing where the field may be absent, else null."""
        return UNSET if self.is_optional and "null" not in self.kinds else None

    @property
    def wish(self) -> str:
        """What a column that could become several things should be, for `arrow_rows`."""
        if self.kinds & _TEXTS and "float64" not in self.kinds:
            return "text"
        if "int64" in self.kinds and "float64" not in self.kinds:
            return "int64"
        return "number" if self.kinds & _NUMBERS else ""

    def reader(self) -> Callable[[str], Any]:
        """What a text becomes."""
        if self.kinds & _ANY:
            return number_or_text
        return self._typed

    def _typed(self, text: str) -> Any:
        kinds = self.kinds
        if not text:
            if kinds & _TEXTS and not self.is_optional and "null" not in kinds:
                return text
            return self.missing if self.is_optional or "null" in kinds else text
        if kinds & _NUMBERS and _NUMBER.fullmatch(text):
            return float(text)
        if "datetime" in kinds and not kinds & _TEXTS:
            return _moment(text)
        if "int64" in kinds and _WHOLE.fullmatch(text) and -(2**63) <= int(text) < 2**63:
            return Int64(int(text))
        if "boolean" in kinds and text.lower() in _BOOLEANS:
            return _BOOLEANS[text.lower()]
        return self.unfolded(text)

    @property
    def is_nested(self) -> bool:
        """Whether what stands in the field may have an inside."""
        return bool(self.kinds & _NESTED)

    def unfolded(self, cell: Any) -> Any:
        """What a text holds as JSON, where the field may be an array or an object; else the cell itself."""
        if self.kinds & _NESTED and isinstance(cell, str) and cell[:1] in {"[", "{"}:
            with suppress(ValueInvalidError):
                return json_loads(cell)
        return cell


def number_or_text(text: str) -> Any:
    """A number if the text reads as one, else the text. Source: wire-protocol 7."""
    return float(text) if _NUMBER.fullmatch(text) else text


def _moment(text: str) -> Any:
    """The milliseconds of a time in ISO 8601, in UTC where it names no zone, as for columns of times; else the text."""
    with suppress(ValueError):
        moment = datetime.fromisoformat(text)
        return ms_of(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))
    return text


def columns_of(validator: Validator | None) -> Mapping[str, Column]:
    """What a table's validator says of its fields; nothing for what is not made of named fields."""
    members = validator.members if isinstance(validator, UnionValidator) else (validator,)
    objects = [member for member in members if isinstance(member, ObjectValidator)]
    if not objects or len(objects) < len(members):
        return {}
    names = {name: None for each in objects for name in each.fields}
    return {
        name: Column(
            frozenset(kind for each in objects if name in each.fields for kind in _kinds(each.fields[name])),
            any(name not in each.fields or each.fields[name].is_optional for each in objects),
        )
        for name in names
    }


def _kinds(validator: Validator) -> Iterator[str]:
    if isinstance(validator, UnionValidator):
        for member in validator.members:
            yield from _kinds(member)
    elif isinstance(validator, LiteralValidator):
        kinds = {str: "string", bool: "boolean", Int64: "int64"}
        yield kinds.get(type(validator.value), "float64")
    else:
        yield validator.kind
