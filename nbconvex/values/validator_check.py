"""Validators at work: compiled once into nested functions, then called for every argument, result and document.

Owns:  what each kind of validator accepts, what it turns the value into, and in which order faults are found.
Must not know: what is done about a fault.
Invariants: a value is never changed in place, since a union may have to try the next member with it.
Threads: compiling twice at once is harmless; compiled checks keep no state.
Source: semantics 1.6, 2.2.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import datetime
from types import MappingProxyType
from typing import Any

from nbconvex.errors import ValueInvalidError
from nbconvex.values.ids import decode_id
from nbconvex.values.moments import is_time
from nbconvex.values.normalization import format_path
from nbconvex.values.scalars import NUMBER_MAX, Int64
from nbconvex.values.sort_key import encode_key
from nbconvex.values.validator_report import Mismatch, MismatchKind, ValidationProblem
from nbconvex.values.validators import (
    ArrayValidator,
    Check,
    IdValidator,
    LiteralValidator,
    ObjectValidator,
    RecordValidator,
    SimpleValidator,
    TableNames,
    UnionValidator,
    Validator,
)

_NO_TYPES: frozenset[type] = frozenset()
_ABSENT = object()

# Types of which every value matches. What is missing here has to be looked at.
_EXACT_TYPES = {
    "null": frozenset({type(None)}),
    "float64": frozenset({int, float}),
    "int64": frozenset({Int64}),
    "boolean": frozenset({bool}),
    "string": frozenset({str}),
    "bytes": frozenset({bytes}),
    # Of the results of functions only, and in UTC or not: what is stored is a number.
    "datetime": frozenset({datetime}),
    "any": frozenset({type(None), int, float, Int64, bool, str, bytes, list, dict, datetime}),
}


def compile_check(validator: Validator) -> Check:
    """The check of a validator: called with a normalized value and the names of the tables by number (None: ids are
    only decoded), it returns the value, converted where asked, or raises ValidationProblem.
    """
    if validator._check is not None:  # noqa: SLF001 - the cell for this is in the validator
        return validator._check  # noqa: SLF001
    inner = _compile(validator, strict=False)

    def check(value: Any, table_names: TableNames | None = None) -> Any:
        try:
            return inner(value, table_names)
        except Mismatch as mismatch:
            raise ValidationProblem(mismatch) from None

    object.__setattr__(validator, "_check", check)
    return check


def compile_filling(validator: Validator) -> Check:
    """As `compile_check`, but absent fields with a default are filled: for what is written and what is called."""
    if not has_defaults(validator):
        return compile_check(validator)
    inner = _compile(validator, strict=False, fills=True)

    def check(value: Any, table_names: TableNames | None = None) -> Any:
        try:
            return inner(value, table_names)
        except Mismatch as mismatch:
            raise ValidationProblem(mismatch) from None

    return check


def has_defaults(validator: Validator | None) -> bool:
    """Whether a field somewhere in a validator has a default."""
    match validator:
        case ArrayValidator():
            return has_defaults(validator.element)
        case ObjectValidator():
            return has_defaults(validator.rest) or any(
                item.default is not None or has_defaults(item) for item in validator.fields.values()
            )
        case RecordValidator():
            return has_defaults(validator.value)
        case UnionValidator():
            return any(map(has_defaults, validator.members))
        case _:
            return False


def for_callers(validator: Validator) -> Validator:
    """The same validator as whoever gives a value sees it: a field with a default need not be given."""
    match validator:
        case ArrayValidator():
            return dataclasses.replace(validator, element=for_callers(validator.element))
        case ObjectValidator():
            fields = {
                name: for_callers(item if item.default is None else item.optional())
                for name, item in validator.fields.items()
            }
            rest = None if validator.rest is None else for_callers(validator.rest)
            return dataclasses.replace(validator, fields=MappingProxyType(fields), rest=rest)
        case RecordValidator():
            return dataclasses.replace(validator, value=for_callers(validator.value))
        case UnionValidator():
            return dataclasses.replace(validator, members=tuple(map(for_callers, validator.members)))
        case _:
            return validator


def _compile(validator: Validator, *, strict: bool, fills: bool = False) -> Check:
    """`strict`: a plain int is not an Int64, because a union around this also takes numbers."""
    match validator:
        case SimpleValidator():
            return _compile_simple(validator, strict=strict)
        case IdValidator():
            return _compile_id(validator)
        case LiteralValidator():
            return _compile_literal(validator, strict=strict)
        case ArrayValidator():
            return _compile_array(validator, fills=fills)
        case ObjectValidator():
            return _compile_object(validator, fills=fills)
        case RecordValidator():
            return _compile_record(validator, fills=fills)
        case UnionValidator():
            return _compile_union(validator, fills=fills)
        case _:
            raise AssertionError(validator)


def exact_types(validator: Validator) -> frozenset[type]:
    """The types of which every value matches and none is converted."""
    if isinstance(validator, SimpleValidator):
        return frozenset({int}) if validator.is_whole else _EXACT_TYPES[validator.name]
    if isinstance(validator, UnionValidator):
        return _NO_TYPES.union(*(exact_types(member) for member in validator.members))
    return _NO_TYPES


def _no_match(value: Any, validator: Validator) -> Mismatch:
    return Mismatch(MismatchKind.NO_MATCH, value, validator.required())


def _compile_simple(validator: SimpleValidator, *, strict: bool) -> Check:
    types = exact_types(validator)
    converts_int = validator.name == "int64" and not strict
    is_whole = validator.is_whole
    is_moment = validator.name == "datetime"

    def check(value: Any, table_names: TableNames | None) -> Any:
        kind = type(value)
        if kind in types:
            return value
        if converts_int and kind is int:
            return Int64(value)
        if is_whole and kind is float and value.is_integer() and -NUMBER_MAX <= value <= NUMBER_MAX:
            return int(value)
        if is_moment and is_time(value):
            return value if kind is float else float(value)
        raise _no_match(value, validator)

    return check


def _compile_id(validator: IdValidator) -> Check:
    table_name = validator.table_name

    def check(value: Any, table_names: TableNames | None) -> Any:
        if type(value) is not str:
            raise _no_match(value, validator)
        try:
            number = decode_id(value)[0]
        except ValueInvalidError:
            raise _no_match(value, validator) from None
        if table_names is not None:
            found = table_names.get(number)
            if found != table_name:
                raise Mismatch(MismatchKind.ID_OF_OTHER_TABLE, value, validator.required(), found)
        return value

    return check


def _compile_literal(validator: LiteralValidator, *, strict: bool) -> Check:
    expected = validator.value
    kind = type(expected)
    expected_key = encode_key(expected)
    is_number = kind is int or kind is float

    def check(value: Any, table_names: TableNames | None) -> Any:
        found = type(value)
        if found is kind and found is str:
            if value == expected:
                return value
        elif found is kind or (is_number and (found is int or found is float)):
            if encode_key(value) == expected_key:
                return value
        elif kind is Int64 and found is int and value == expected and not strict:
            return expected
        raise Mismatch(MismatchKind.LITERAL, value, validator.required())

    return check


def _compile_array(validator: ArrayValidator, *, fills: bool) -> Check:
    types = exact_types(validator.element)
    element = _compile(validator.element, strict=False, fills=fills)

    def check(value: Any, table_names: TableNames | None) -> Any:
        if type(value) is not list:
            raise _no_match(value, validator)
        result = value
        place = 0
        try:
            for place, item in enumerate(value):
                if type(item) in types:
                    continue
                checked = element(item, table_names)
                if checked is not item:
                    if result is value:
                        result = list(value)
                    result[place] = checked
        except Mismatch as mismatch:
            mismatch.steps.append(f"[{place}]")
            raise
        return result

    return check


def _compile_object(validator: ObjectValidator, *, fills: bool) -> Check:
    fields = tuple(
        (name, not item.is_optional, exact_types(item), _compile(item, strict=False, fills=fills))
        for name, item in validator.fields.items()
    )
    defaults = [(name, item.default) for name, item in validator.fields.items() if fills and item.default is not None]
    rest = None if validator.rest is None else _compile(validator.rest, strict=False, fills=fills)
    named = frozenset(validator.fields)

    def check(value: Any, table_names: TableNames | None) -> Any:
        if type(value) is not dict:
            raise _no_match(value, validator)
        if defaults:
            absent = {name: default.value() for name, default in defaults if name not in value}
            value = {**value, **absent} if absent else value
        result = value
        found = 0
        name = ""
        get = value.get
        try:
            for name, is_required, types, field_check in fields:
                item = get(name, _ABSENT)
                if type(item) in types:
                    found += 1
                elif item is not _ABSENT:
                    found += 1
                    checked = field_check(item, table_names)
                    if checked is not item:
                        if result is value:
                            result = value.copy()
                        result[name] = checked
                elif is_required:
                    break
            else:
                if found == len(value):
                    return result
                if rest is not None:
                    for name, item in value.items():
                        if name not in named:
                            result = _replaced(result, value, name, rest(item, table_names))
                    return result
        except Mismatch as mismatch:
            mismatch.steps.append(format_path([name]))
            raise
        raise _wrong_fields(value, validator)

    return check


def _replaced(result: dict[str, Any], value: dict[str, Any], name: str, item: Any) -> dict[str, Any]:
    """`result` with one field changed, as a copy as long as it is still `value` itself."""
    if item is value[name]:
        return result
    if result is value:
        result = value.copy()
    result[name] = item
    return result


def _wrong_fields(value: dict[str, Any], validator: ObjectValidator) -> Mismatch:
    for name, item in validator.fields.items():
        if not item.is_optional and name not in value:
            return Mismatch(MismatchKind.MISSING_FIELD, value, validator.required(), name)
    extra = next(name for name in value if name not in validator.fields)
    return Mismatch(MismatchKind.EXTRA_FIELD, value, validator.required(), extra)


def _compile_record(validator: RecordValidator, *, fills: bool) -> Check:
    key_check = None if validator.key.kind == "string" else _compile(validator.key, strict=False)
    types = exact_types(validator.value)
    value_check = _compile(validator.value, strict=False, fills=fills)

    def check(value: Any, table_names: TableNames | None) -> Any:
        if type(value) is not dict:
            raise _no_match(value, validator)
        result = value
        step = ".keys()"
        try:
            for name, item in value.items():
                if name[:1] in {"", "_"}:
                    raise Mismatch(MismatchKind.RECORD_KEY, name, validator.key)
                if key_check is not None:
                    key_check(name, table_names)
                if type(item) in types:
                    continue
                step = ".values()"
                result = _replaced(result, value, name, value_check(item, table_names))
                step = ".keys()"
        except Mismatch as mismatch:
            mismatch.steps.append(step)
            raise
        return result

    return check


def _flat_members(validator: UnionValidator) -> Iterator[Validator]:
    for member in validator.members:
        if isinstance(member, UnionValidator):
            yield from _flat_members(member)
        else:
            yield member


def _takes_numbers(member: Validator) -> bool:
    return member.kind in {"float64", "datetime", "any"} or (
        isinstance(member, LiteralValidator) and type(member.value) in {int, float}
    )


def _compile_union(validator: UnionValidator, *, fills: bool) -> Check:
    members = tuple(_flat_members(validator))
    if len(members) == 1:
        return _compile(members[0], strict=False, fills=fills)
    types = _NO_TYPES.union(*map(exact_types, members))
    strict = any(map(_takes_numbers, members))
    # Members that are wholly answered by the type of the value are not tried again.
    checks = tuple(
        _compile(member, strict=strict, fills=fills) for member in members if not _is_by_type(member, strict=strict)
    )

    def check(value: Any, table_names: TableNames | None) -> Any:
        if type(value) in types:
            return value
        for member in checks:
            try:
                return member(value, table_names)
            except Mismatch:
                continue
        raise _no_match(value, validator)

    return check


def _is_by_type(member: Validator, *, strict: bool) -> bool:
    if not isinstance(member, SimpleValidator) or member.is_whole or member.name == "datetime":
        return False
    return strict or member.name != "int64"
