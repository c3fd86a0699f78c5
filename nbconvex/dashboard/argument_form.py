"""A form for the arguments of a function, made of its validators.

Owns:  `Control`, one question of a form; `ArgumentForm`: which questions there are, and reading the answers back.
Must not know: pages; how a function is run. The page draws controls by their kind.
Invariants: what a page sends is a stranger's: an answer that cannot be read becomes a sentence at its field, and
nothing is run. What was read is checked by the function's own validator all the same.
Shapes:  an answer is `{"text": ...}`, `{"choice": n}`, `{"member": n, "answer": ...}`, `{"null": true}`, or None where
the field is left out.
Threads: pure.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from nbconvex.errors import CallerError, ValueInvalidError
from nbconvex.functions.definition import FunctionDefinition
from nbconvex.values.cells import cut_text
from nbconvex.values.moments import ms_of
from nbconvex.values.scalars import Int64
from nbconvex.values.spelling import read_spelled, spelled
from nbconvex.values.validators import (
    ArrayValidator,
    IdValidator,
    LiteralValidator,
    ObjectValidator,
    SimpleValidator,
    UnionValidator,
    Validator,
)

#: Characters of one answer: what a person pastes, not a file.
ANSWER_MAX: Final = 1_000_000
#: Characters of a default that is shown beside its field.
DEFAULT_MAX: Final = 200
#: Fields of one form; the others are given as one value.
FIELDS_MAX: Final = 100
#: Choices of one control; a longer union is answered as text.
CHOICES_MAX: Final = 200
#: Where everything is asked for at once: the arguments of a handler `def f(ctx, args)`. No field has such a name.
WHOLE: Final = "$arguments"
#: Further arguments of a handler with `**kwargs`.
OTHERS: Final = "$others"

_VALUE_HINTS: Final = {
    "array": "[1, 2] as in Python or JSON",
    "object": '{"name": "value"} as in Python or JSON',
    "record": '{"key": "value"} as in Python or JSON',
    "bytes": 'b"\\x00\\x01" as in Python',
}


class _UnreadableError(Exception):
    """An answer that cannot be read; says why."""


@dataclass(frozen=True, slots=True)
class Control:
    """One question.

    Shapes:  `kind` is text, number, whole, int64, time, id, choice, value, fixed or union. `choices` are values; a
    union has `members`. `is_nullable` lets null be chosen beside.
    """

    kind: str
    label: str
    hint: str = ""
    choices: tuple[Any, ...] = ()
    members: tuple[Control, ...] = ()
    is_nullable: bool = False

    def to_json(self) -> dict[str, Any]:
        """The control as a page draws it."""
        return {
            "kind": self.kind,
            "label": self.label,
            "hint": self.hint,
            "choices": [spelled(each) for each in self.choices],
            "members": [each.to_json() for each in self.members],
            "nullable": self.is_nullable,
        }

    def read(self, answer: Any) -> Any:
        """The value of an answer.

        Raises:  _UnreadableError.
        """
        if not isinstance(answer, Mapping):
            raise _UnreadableError(f"an answer is an object, not {type(answer).__name__}.")
        if answer.get("null") is True:
            if not self.is_nullable:
                raise _UnreadableError(f"null is no {self.label}.")
            return None
        if self.kind == "union":
            return self._chosen(answer, "member", self.members).read(answer.get("answer"))
        if self.kind in {"choice", "fixed"}:
            return self._chosen(answer, "choice", self.choices)
        text = answer.get("text")
        if not isinstance(text, str):
            raise _UnreadableError(f"{self.label} is wanted.")
        if len(text) > ANSWER_MAX:
            raise _UnreadableError(f"{len(text):,} characters are too many for a form; {ANSWER_MAX:,} are possible.")
        return _READERS[self.kind](text)

    def _chosen(self, answer: Mapping[str, Any], name: str, known: tuple[Any, ...]) -> Any:
        at = answer.get(name)
        if isinstance(at, bool) or not isinstance(at, int) or not 0 <= at < len(known):
            raise _UnreadableError("one of the choices is wanted.")
        return known[at]


@dataclass(frozen=True, slots=True)
class Field:
    """One argument: its name, its question, and what happens where it is left out."""

    name: str
    control: Control
    is_optional: bool = False
    default: str = ""

    def to_json(self) -> dict[str, Any]:
        """The field as a page draws it."""
        return {
            "name": self.name, "control": self.control.to_json(), "optional": self.is_optional, "default": self.default,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class ArgumentForm:
    """The questions for one function's arguments."""

    fields: tuple[Field, ...]
    #: Whether the function has no validator: whatever comes is accepted.
    is_open: bool = False

    def to_json(self) -> dict[str, Any]:
        """The form as a page draws it."""
        return {"fields": [each.to_json() for each in self.fields], "open": self.is_open}

    def read(self, answers: Any) -> tuple[dict[str, Any], dict[str, str]]:
        """The arguments, and a sentence for each field that could not be read, by its name.

        Raises:  CallerError for answers that belong to another form.
        """
        if not isinstance(answers, Mapping):
            raise CallerError(f"the answers of a form are an object, got {type(answers).__name__}.")
        names = {each.name for each in self.fields}
        strange = [name for name in answers if name not in names]
        if strange:
            raise CallerError(
                f"the function takes no {strange[0]!r:.60}: it was defined again since the form was drawn."
            )
        arguments: dict[str, Any] = {}
        problems: dict[str, str] = {}
        for field in self.fields:
            answer = answers.get(field.name)
            try:
                if answer is None:
                    if not field.is_optional:
                        raise _UnreadableError(f"{field.control.label} is wanted.")
                    continue
                _put(arguments, field.name, field.control.read(answer))
            except _UnreadableError as problem:
                problems[field.name] = _sentence(str(problem))
        return arguments, problems

    def field_at(self, path: str) -> str:
        """The name of the field that a validator's path (`.tags[0]`) stands in; empty where it is in none."""
        found = [each.name for each in self.fields if path == f".{each.name}" or path.startswith(
            (f".{each.name}.", f".{each.name}[")
        )]  # fmt: skip
        return max(found, key=len, default="")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _put(arguments: dict[str, Any], name: str, value: Any) -> None:
    """Enter an answer; the answers to `WHOLE` and `OTHERS` are objects of arguments."""
    if name not in {WHOLE, OTHERS}:
        arguments[name] = value
        return
    if not isinstance(value, dict):
        raise _UnreadableError(f'an object is wanted, like {{"name": "value"}}, not {type(value).__name__}.')
    twice = [each for each in value if each in arguments]
    if twice:
        raise _UnreadableError(f"there is a field for {twice[0]} above.")
    arguments.update(value)


def form_of(definition: FunctionDefinition) -> ArgumentForm:
    """The form for a function."""
    validator = definition.args
    if definition.takes_dict and not isinstance(validator, ObjectValidator):
        return ArgumentForm((Field(WHOLE, _OBJECT, is_optional=True),), is_open=True)
    if not isinstance(validator, ObjectValidator):
        names = sorted(definition.parameters or ())
        named = tuple(Field(each, _ANYTHING, is_optional=each not in definition.required) for each in names)
        others = () if definition.parameters is not None else (Field(OTHERS, _OBJECT, is_optional=True),)
        return ArgumentForm(named + others, is_open=True)
    fields = [_field(name, each) for name, each in validator.fields.items()]
    if validator.rest is not None or len(fields) > FIELDS_MAX:
        fields = [*fields[:FIELDS_MAX], Field(OTHERS, _OBJECT, is_optional=len(fields) <= FIELDS_MAX)]
    return ArgumentForm(tuple(fields))


def _field(name: str, validator: Validator) -> Field:
    default = "" if validator.default is None else cut_text(validator.default.source(), DEFAULT_MAX)
    return Field(name, control_of(validator), validator.is_optional or validator.default is not None, default)


def control_of(validator: Validator) -> Control:
    """The question for one validator."""
    label = shown_validator(validator)
    match validator:
        case UnionValidator(members=members):
            return _control_of_union(label, members)
        case LiteralValidator(value=value):
            return Control("fixed", label, choices=(value,))
        case IdValidator(table_name=table):
            return Control("id", label, hint=f"the _id of a document in {table}")
        case SimpleValidator(name="float64", is_whole=is_whole):
            return Control("whole" if is_whole else "number", label)
        case SimpleValidator(name="boolean"):
            return Control("choice", label, choices=(True, False))
        case SimpleValidator(name="null"):
            return Control("fixed", label, choices=(None,))
        case SimpleValidator(name="string"):
            return Control("text", label)
        case SimpleValidator(name="int64"):
            return Control("int64", label, hint="a whole number of 64 bits")
        case SimpleValidator(name="datetime"):
            return Control("time", label)
        case SimpleValidator(name="any"):
            return _ANYTHING
    return Control("value", label, hint=_hint(validator))


def _control_of_union(label: str, members: tuple[Validator, ...]) -> Control:
    others = [each for each in members if each.kind != "null"]
    is_nullable = len(others) < len(members)
    if others and len(others) <= CHOICES_MAX and all(isinstance(each, LiteralValidator) for each in others):
        values = tuple(each.value for each in others if isinstance(each, LiteralValidator))
        return Control("choice", label, choices=values, is_nullable=is_nullable)
    if len(others) == 1:
        only = control_of(others[0])
        return Control(only.kind, label, only.hint, only.choices, only.members, is_nullable)
    if not others or len(others) > CHOICES_MAX:
        return Control("value", label, hint="as in Python or JSON", is_nullable=is_nullable)
    return Control("union", label, members=tuple(map(control_of, others)), is_nullable=is_nullable)


def shown_validator(validator: Validator | None) -> str:
    """What a validator takes, in a few words: `id of posts`, `list of strings`."""
    match validator:
        case None:
            return "anything"
        case IdValidator(table_name=table):
            return f"id of {table}"
        case LiteralValidator(value=value):
            return cut_text(spelled(value), 60)
        case ArrayValidator(element=element):
            return f"list of {shown_validator(element)}"
        case UnionValidator(members=members):
            return cut_text(" or ".join(map(shown_validator, members)) or "nothing", 120)
        case SimpleValidator(is_whole=True):
            return "whole number"
        case SimpleValidator(name=name):
            return _WORDS.get(name, name)
        case ObjectValidator(fields=fields, rest=rest) if fields or rest is None:
            return cut_text(f"object with {', '.join(fields) or 'no fields'}", 120)
    return validator.kind


_WORDS: Final = {"float64": "number", "datetime": "time", "any": "anything"}
_ANYTHING: Final = Control("value", "anything", hint='"text", 5, [1, 2] as in Python or JSON')
_OBJECT: Final = Control("value", "object", hint='{"name": "value"} as in Python or JSON')


def _hint(validator: Validator) -> str:
    if isinstance(validator, ObjectValidator) and validator.fields:
        inside = ", ".join(f'"{name}": {shown_validator(each)}' for name, each in validator.fields.items())
        return cut_text(f"{{{inside}}}", 200)
    return _VALUE_HINTS.get(validator.kind, "as in Python or JSON")


# -- reading answers -------------------------------------------------------------------------------------------------


def _number(text: str) -> float:
    text = text.strip().replace("_", "")
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except (ValueError, OverflowError):
        raise _UnreadableError(_no_number(text)) from None


def _whole(text: str) -> float:
    number = _number(text)
    if not math.isfinite(number) or number != int(number):
        raise _UnreadableError(f"a whole number is wanted, not {text.strip()}.")
    return int(number)


def _int64(text: str) -> Int64:
    try:
        return Int64(int(text.strip()))
    except ValueInvalidError as error:
        raise _UnreadableError(str(error)) from None
    except ValueError:
        raise _UnreadableError(_no_number(text)) from None


def _no_number(text: str) -> str:
    if not text.strip():
        return "a number is wanted."
    point = " A decimal point is a point." if "," in text else ""
    return f"{text.strip()!r:.40} is no number.{point}"


def _time(text: str) -> float:
    text = text.strip()
    try:
        at = datetime.fromisoformat(text)
        # Without a zone it is local, as everywhere in Python.
        return ms_of(at if at.tzinfo is not None else at.astimezone())
    except (ValueError, OverflowError, OSError):
        pass
    try:
        return float(text)
    except ValueError:
        raise _UnreadableError(
            f"{text!r:.40} is no time: 2026-11-26T09:00:00Z, or milliseconds since 1970 UTC."
        ) from None


def _id(text: str) -> str:
    if not text.strip():
        raise _UnreadableError("an id is wanted.")
    return text.strip()


def _value(text: str) -> Any:
    if not text.strip():
        raise _UnreadableError("a value is wanted, as Python or JSON.")
    try:
        return read_spelled(text.strip())
    except ValueInvalidError as error:
        raise _UnreadableError(f"{error.problem}.") from None


_READERS: Final[dict[str, Callable[[str], Any]]] = {
    "text": str, "number": _number, "whole": _whole, "int64": _int64, "time": _time, "id": _id, "value": _value,
}  # fmt: skip
