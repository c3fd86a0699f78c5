"""Times in values: where a validator has `v.datetime()`, datetimes become numbers on the way in, and again on the way
out.

Owns:  `Times`, made of a validator.
Must not know: tables, functions, the wire; how a moment becomes a number (`moments`).
Invariant: what does not fit the validator is left as it is, to be refused by whoever can say where it was found.
Source: semantics 2.2 nb, 14 row 12.
Threads: pure functions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nbconvex.values.moments import is_time, moment_of, plain_moment
from nbconvex.values.validators import (
    ArrayValidator,
    ObjectValidator,
    RecordValidator,
    UnionValidator,
    Validator,
)

Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Times:
    """The times of values that match one validator.

    Fields:  `to_plain` puts numbers in the place of datetimes, `to_python` the other way round; both copy what they
             change, and leave alone what does not fit. `is_by_shape` says that it takes the whole value to tell which
             of its numbers are times.
    """

    to_plain: Convert
    to_python: Convert
    is_by_shape: bool


def times_of(validator: Validator | None) -> Times | None:
    """The times in values that match `validator`; None where it has none, which is the rule."""
    if validator is None or not has_times(validator):
        return None
    return Times(_compile(validator, plain_moment), _compile(validator, _python_moment), _is_by_shape(validator))


def has_times(validator: Validator) -> bool:
    """Whether there is a `v.datetime()` anywhere in a validator."""
    return validator.kind == "datetime" or any(map(has_times, _inside(validator)))


def _inside(validator: Validator) -> tuple[Validator, ...]:
    match validator:
        case ArrayValidator(element=element):
            return (element,)
        case RecordValidator(value=value):
            return (value,)
        case UnionValidator(members=members):
            return members
        case ObjectValidator(fields=fields, rest=rest):
            return (*fields.values(), *(() if rest is None else (rest,)))
        case _:
            return ()


def _is_by_shape(validator: Validator) -> bool:
    if isinstance(validator, UnionValidator):
        return any(has_times(member) and member.kind != "datetime" for member in validator.members)
    return any(map(_is_by_shape, _inside(validator)))


def _python_moment(value: Any) -> Any:
    return moment_of(value) if is_time(value) else value


def _compile(validator: Validator, convert: Convert) -> Convert:
    """What applies `convert` to every value at a place of a `v.datetime()`. The validator has one."""
    match validator:
        case ArrayValidator(element=element):
            return _of_items(_compile(element, convert))
        case RecordValidator(value=value):
            return _of_values(_compile(value, convert))
        case ObjectValidator():
            return _of_fields(validator, convert)
        case UnionValidator(members=members):
            return _to_plain_of(members) if convert is plain_moment else _to_python_of(members)
        case _:
            return convert


def _of_items(inner: Convert) -> Convert:
    def apply(value: Any) -> Any:
        return [inner(item) for item in value] if isinstance(value, list | tuple) else value

    return apply


def _of_values(inner: Convert) -> Convert:
    def apply(value: Any) -> Any:
        return {name: inner(item) for name, item in value.items()} if isinstance(value, dict) else value

    return apply


def _of_fields(validator: ObjectValidator, convert: Convert) -> Convert:
    fields = tuple((name, _compile(item, convert)) for name, item in validator.fields.items() if has_times(item))
    rest = _compile(validator.rest, convert) if validator.rest is not None and has_times(validator.rest) else None
    named = frozenset(validator.fields)

    def apply(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        result = value.copy()
        for name, inner in fields:
            if name in result:
                result[name] = inner(result[name])
        if rest is not None:
            for name in result.keys() - named:
                result[name] = rest(result[name])
        return result

    return apply


def _to_plain_of(members: tuple[Validator, ...]) -> Convert:
    """A datetime becomes a number wherever a member has times: it cannot be anything else there."""
    conversions = [_compile(member, plain_moment) for member in members if has_times(member)]

    def apply(value: Any) -> Any:
        for inner in conversions:
            value = inner(value)
        return value

    return apply


def _to_python_of(members: tuple[Validator, ...]) -> Convert:
    """A number is a time if a member says so; which numbers inside of a container are, the member that it matches."""
    has_moment = any(map(_is_moment, members))
    choices = [(each, _compile(each, _python_moment) if has_times(each) else None) for each in members]

    def apply(value: Any) -> Any:
        if not isinstance(value, dict | list):
            return _python_moment(value) if has_moment else value
        for member, inner in choices:
            if _matches(member, value):
                return value if inner is None else inner(value)
        return value

    return apply


def _is_moment(member: Validator) -> bool:
    if isinstance(member, UnionValidator):
        return any(map(_is_moment, member.members))
    return member.kind == "datetime"


def _matches(validator: Validator, value: Any) -> bool:
    from nbconvex.values.validator_report import ValidationProblem

    try:
        validator.check(value)
    except ValidationProblem:
        return False
    return True
