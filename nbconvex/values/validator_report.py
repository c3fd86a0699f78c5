"""What a failed validation says.

Owns:  the sentences and lines of a validator report, and how values are shown in them.
Must not know: how a validator checks.
Invariants: making a `Mismatch` is cheap, because a union makes and drops one a member; text is made only for the one
that gets out.
Source: semantics 1.6.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from enum import Enum
from typing import Any

from nbconvex.errors import CallerError, ValueInvalidError
from nbconvex.values.foreign import shown

#: Longest value that a report shows whole.
_SHOWN_CHARACTERS_MAX = 400


#: What is advised where a field is missing.
OPTIONAL_ADVICE = "If it may be absent, wrap its validator in v.optional(...)."
#: The same, where the field has a default.
DEFAULT_ADVICE = (
    "Its default is for documents that are written from now on; fill the stored ones in with a migration, or wrap the "
    "validator in v.optional(...)."
)
#: What is advised where None stands in a field that takes no null.
NULL_ADVICE = "None is a value, null: leave an optional field out, or wrap its validator in v.nullable(...)."
#: The same, where the field is an argument.
NULL_ARGUMENT_ADVICE = "None is a value, null: leave an optional argument out, or let its annotation say  | None."


class MismatchKind(Enum):
    """In which way a value failed."""

    MISSING_FIELD = "missing field"
    EXTRA_FIELD = "extra field"
    NO_MATCH = "no match"
    LITERAL = "literal"
    ID_OF_OTHER_TABLE = "id of other table"
    RECORD_KEY = "record key"


class Mismatch(Exception):
    """A failed check on its way out; every container adds its step to the path. Never leaves the values room.

    Fields:  `validator` is anything that prints in source form; `detail` is the field's or the table's name.
    """

    def __init__(self, kind: MismatchKind, value: Any, validator: object, detail: str | None = None) -> None:
        self.kind = kind
        self.value = value
        self.validator = validator
        self.detail = detail
        self.steps: list[str] = []


class ValidationProblem(ValueInvalidError):
    """A value does not match a validator.

    `report` has up to four lines: sentence, `Path:`, `Value:` or `Object:`, `Validator:`. `path` is "" where the value
    as a whole is wrong; a missing or extra field is named in the sentence, the path being that of the object.
    """

    def __init__(self, mismatch: Mismatch) -> None:
        self.path = "".join(reversed(mismatch.steps))
        self.kind = mismatch.kind
        self.problem = _sentence(mismatch)
        is_object = mismatch.kind in {MismatchKind.MISSING_FIELD, MismatchKind.EXTRA_FIELD}
        lines = [self.problem]
        if self.path:
            lines.append(f"Path: {self.path}")
        lines.append(f"{'Object' if is_object else 'Value'}: {show_value(mismatch.value)}")
        lines.append(f"Validator: {mismatch.validator}")
        self.report = "\n".join(lines)
        CallerError.__init__(self, self.report)


def _sentence(mismatch: Mismatch) -> str:
    match mismatch.kind:
        case MismatchKind.MISSING_FIELD:
            known = getattr(mismatch.validator, "fields", {}).get(mismatch.detail)
            advice = OPTIONAL_ADVICE if known is None or known.default is None else DEFAULT_ADVICE
            return f'Object is missing the required field "{mismatch.detail}".{_guess(mismatch)} {advice}'
        case MismatchKind.EXTRA_FIELD:
            return f'Object has an extra field "{mismatch.detail}" that is not in the validator.{_guess(mismatch)}'
        case MismatchKind.LITERAL:
            return f"Value {show_value(mismatch.value)} is not the literal that {mismatch.validator} asks for."
        case MismatchKind.ID_OF_OTHER_TABLE:
            found = mismatch.detail
            if found is None:
                owner = "no table of this database"
            elif found.startswith("_"):
                owner = f'the system table "{found}"'
            else:
                owner = f'table "{found}"'
            asked = f'not to "{getattr(mismatch.validator, "table_name", "")}" as {mismatch.validator} asks.'
            return f"ID {show_value(mismatch.value)} belongs to {owner}, {asked}"
        case MismatchKind.RECORD_KEY:
            return 'A key of a record may not be empty or start with "_".'
        case _:
            is_null_field = mismatch.value is None and mismatch.steps and mismatch.steps[0].startswith(".")
            return f"Value does not match validator.{f' {NULL_ADVICE}' if is_null_field else ''}"


def _guess(mismatch: Mismatch) -> str:
    known = getattr(mismatch.validator, "fields", {})
    has_others = getattr(mismatch.validator, "rest", None) is not None
    return "" if has_others else misspelling(mismatch.detail or "", mismatch.value, known)


def misspelling(name: str, given: Iterable[str], known: Iterable[str]) -> str:
    """A guess, as a sentence to append, at what was written in the place of `name`, or what `name` was written for."""
    given, known = set(given), set(known)
    if name in known:
        close = difflib.get_close_matches(name, sorted(given - known), 1)
        return f' Did you mean "{name}" where it has "{close[0]}"?' if close else ""
    close = difflib.get_close_matches(name, sorted(known - given), 1)
    return f' Did you mean "{close[0]}"?' if close else ""


def show_value(value: Any, *, characters_max: int = _SHOWN_CHARACTERS_MAX) -> str:
    """A value as Python source with double quotes, cut in the middle where it is long."""
    parts: list[str] = []
    _show(value, parts, [characters_max])
    text = "".join(parts)
    if len(text) <= characters_max:
        return text
    return f"{text[: characters_max * 2 // 3]} ... {text[len(text) - characters_max // 4 :]}"


def _show(value: Any, parts: list[str], budget: list[int]) -> None:
    """Append the text of a value; stops descending soon after the budget of characters is spent."""
    if budget[0] < -_SHOWN_CHARACTERS_MAX:
        return
    kind = type(value)
    if kind is dict:
        opening = "{"
        for name, item in value.items():
            parts.append(f"{opening}{json.dumps(name, ensure_ascii=False)}: ")
            budget[0] -= len(parts[-1])
            opening = ", "
            _show(item, parts, budget)
        parts.append("}" if value else "{}")
    elif kind is list or kind is tuple:
        opening = "["
        for item in value:
            parts.append(opening)
            opening = ", "
            _show(item, parts, budget)
            if budget[0] < -_SHOWN_CHARACTERS_MAX:
                break
        parts.append("]" if value else "[]")
    else:
        parts.append(_show_scalar(value))
        budget[0] -= len(parts[-1])


def _show_scalar(value: Any) -> str:
    if type(value) is str:
        return json.dumps(value[: 4 * _SHOWN_CHARACTERS_MAX], ensure_ascii=False)
    if type(value) is bytes:
        start = repr(value[:40])
        return start if len(value) <= 40 else f"{start}... ({len(value):,} bytes)"
    return shown(value, characters_max=100)
