"""The rules that a schema must keep, each with its own sentence.

Owns:  names of tables, fields and indexes; what a table's validator may be; what an index may be on.
Must not know: stored documents.
Source: semantics 2.1, 2.4.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from nbconvex.errors import SchemaInvalidError
from nbconvex.limits import Limits
from nbconvex.values.normalization import is_identifier
from nbconvex.values.validators import (
    ArrayValidator,
    ObjectValidator,
    RecordValidator,
    UnionValidator,
    Validator,
)

SYSTEM_FIELDS: Final = ("_id", "_creationTime")
BUILT_IN_INDEXES: Final = ("by_id", "by_creation_time")

_LIMITS = Limits()
_IDENTIFIER_RULE = (
    f"a name has at most {_LIMITS.identifier_length} letters, digits and underscores, begins with a letter or "
    "underscore, and is not made of underscores only"
)


def check_identifier(name: object, what: str) -> str:
    """The name itself.

    Raises:  SchemaInvalidError beginning with `what`, where it is not an identifier.
    """
    if not isinstance(name, str):
        raise SchemaInvalidError(f"{what} must have a string as its name, got {name!r:.60}")
    if not is_identifier(name) or len(name) > _LIMITS.identifier_length:
        raise SchemaInvalidError(f'{what} cannot be named "{name}": {_IDENTIFIER_RULE}')
    return name


def check_table_name(name: object) -> str:
    """The name itself, if a table of an app may have it.

    Raises:  SchemaInvalidError.
    """
    checked = check_identifier(name, "a table")
    if checked.startswith("_"):
        raise SchemaInvalidError(
            f'a table cannot be named "{checked}": names with an underscore in front are for system tables',
            hint=f'"{checked.strip("_")}"',
        )
    return checked


def table_validator(validator: Validator) -> Validator:
    """The validator of a table's documents, its system fields taken out.

    Raises:  SchemaInvalidError for what documents cannot be, and for names of fields.
    """
    if validator.is_optional:
        raise SchemaInvalidError("a table's validator cannot be optional", hint=f"table({validator.required()})")
    if validator.default is not None:
        raise SchemaInvalidError("a table's documents have no default as a whole; give its fields defaults")
    if isinstance(validator, ObjectValidator):
        plain = validator.omit(*(name for name in SYSTEM_FIELDS if name in validator.fields))
        _check_top_fields(plain)
        return plain
    if isinstance(validator, UnionValidator):
        for member in validator.members:
            if not isinstance(member, ObjectValidator | UnionValidator):
                raise SchemaInvalidError(
                    f"a table is an object, a union of objects or any; this union has a member of kind {member.kind}"
                )
        return UnionValidator(tuple(table_validator(member) for member in validator.members))
    if validator.kind != "any":
        raise SchemaInvalidError(f"a table is an object, a union of objects or any, not {validator.kind}")
    return validator


def _check_top_fields(validator: ObjectValidator) -> None:
    for name, item in validator.fields.items():
        if name.startswith("_"):
            raise SchemaInvalidError(
                f'a field cannot be named "{name}": names with an underscore in front are for system fields, which '
                f"are {' and '.join(SYSTEM_FIELDS)}",
                hint=f'"{name.strip("_") or "name"}"',
            )
        check_identifier(name, "a field")
        _check_inner_fields(item)


def _check_inner_fields(validator: Validator) -> None:
    match validator:
        case ObjectValidator():
            for name, item in validator.fields.items():
                check_identifier(name, "a field")
                _check_inner_fields(item)
        case UnionValidator():
            for member in validator.members:
                _check_inner_fields(member)
        case ArrayValidator():
            _check_inner_fields(validator.element)
        case RecordValidator():
            _check_inner_fields(validator.value)
        case _:
            pass


def check_index(
    name: object, fields: object, validator: Validator, others: Mapping[str, Sequence[str]],
    taken: Collection[str] = (),
) -> tuple[str, ...]:  # fmt: skip
    """The fields of an index, checked against the table's validator, its `others` and the names that are `taken`.

    Raises:  SchemaInvalidError.
    """
    index = check_index_name(name, {*others, *taken})
    if len(others) >= _LIMITS.indexes_per_table:
        raise SchemaInvalidError(
            f'index "{index}" is one too many: a table has at most {_LIMITS.indexes_per_table} indexes'
        )
    if isinstance(fields, str) or not isinstance(fields, Sequence):
        raise SchemaInvalidError(
            f'index "{index}" needs a list of fields, got {fields!r:.60}', hint=f'.index("{index}", [{fields!r}])'
        )
    if not fields:
        raise SchemaInvalidError(f'index "{index}" has no fields', hint=f'.index("{index}", ["field"])')
    if len(fields) > _LIMITS.fields_per_index:
        raise SchemaInvalidError(
            f'index "{index}" has {len(fields)} fields; an index has at most {_LIMITS.fields_per_index}'
        )
    for field in fields:
        check_field_path(f'index "{index}"', field, validator)
    repeated = next((field for place, field in enumerate(fields) if field in fields[:place]), None)
    if repeated is not None:
        raise SchemaInvalidError(f'index "{index}" has the field "{repeated}" twice')
    for other, other_fields in others.items():
        if tuple(other_fields) == tuple(fields):
            raise SchemaInvalidError(
                f'index "{index}" has the same fields as index "{other}": {", ".join(fields)}; one of them is enough'
            )
    return tuple(fields)


def check_index_name(name: object, taken: Collection[str]) -> str:
    """The name itself, if an index of a table may have it whose other indexes, of whatever kind, have these.

    Raises:  SchemaInvalidError.
    """
    index = check_identifier(name, "an index")
    if index in BUILT_IN_INDEXES:
        raise SchemaInvalidError(f'an index cannot be named "{index}": every table has an index of that name already')
    if index.startswith("_"):
        raise SchemaInvalidError(
            f'an index cannot be named "{index}": names with an underscore in front are reserved',
            hint=f'"{index.strip("_")}"',
        )
    if index in taken:
        raise SchemaInvalidError(f'the table has an index named "{index}" already; names of indexes are unique')
    return index


def check_field_path(label: str, field: object, validator: Validator, *, hint: str | None = None) -> str:
    """The path itself, if an index that errors call `label` may be on it; `hint` is the line to write instead.

    Raises:  SchemaInvalidError.
    """
    if not isinstance(field, str):
        raise SchemaInvalidError(f"{label}: fields are named by strings, got {field!r:.60}", hint=hint)
    if field == "_id":
        raise SchemaInvalidError(
            f'{label} cannot be on "_id"; a document is found by its id with db.get', hint="ctx.db.get(id)"
        )
    if field == "_creationTime":
        raise SchemaInvalidError(
            f'{label} cannot name "_creationTime": it is the last field of every index already; leave it out'
        )
    for step in field.split("."):
        check_identifier(step, f"{label}: a field")
    if field.startswith("_"):
        raise SchemaInvalidError(f'{label} cannot be on "{field}": no field begins with an underscore')
    if not has_field(validator, field.split(".")):
        known = ", ".join(sorted(set(_field_names(validator)))) or "none"
        raise SchemaInvalidError(
            f'{label} is on "{field}", a field that the table does not have; its fields are {known}'
        )
    return field


def has_field(validator: Validator, steps: Sequence[str]) -> bool:
    """Whether some value that matches has something at this path."""
    return any(True for _ in fields_found_at(validator, steps))


def fields_found_at(validator: Validator, steps: Sequence[str]) -> Iterator[Validator]:
    """The validators, none of them a union, that a value at this path may match."""
    if isinstance(validator, UnionValidator):
        for member in validator.members:
            yield from fields_found_at(member, steps)
        return
    if not steps or validator.kind == "any":
        yield validator
        return
    match validator:
        case ObjectValidator():
            item = validator.fields.get(steps[0], validator.rest)
            if item is not None:
                yield from fields_found_at(item, steps[1:])
        case RecordValidator():
            yield from fields_found_at(validator.value, steps[1:])
        case _:
            pass


def _field_names(validator: Validator) -> Iterator[str]:
    if isinstance(validator, ObjectValidator):
        yield from validator.fields
    elif isinstance(validator, UnionValidator):
        for member in validator.members:
            yield from _field_names(member)
