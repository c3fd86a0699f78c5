"""References that are kept: fields of a table that hold ids, and what becomes of their documents with what they name.

Owns:  `Reference`; finding them in a table's validator; the rules for where one may stand.
Must not know: stored documents; indexes beyond their names and fields.
Source: semantics 14 row 17, ADR 15.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nbconvex.errors import SchemaInvalidError
from nbconvex.values.scalars import UNSET
from nbconvex.values.validators import (
    ArrayValidator,
    IdValidator,
    ObjectValidator,
    RecordValidator,
    UnionValidator,
    Validator,
)


@dataclass(frozen=True, slots=True)
class Reference:
    """A field of `table`, at a dotted path, that names documents of `target`, and the index that finds who names one.

    Fields:  `becomes` is what `set_null` puts in the field's place: None, or UNSET where it may only be absent.
    """

    table: str
    path: str
    target: str
    on_delete: str
    index: str
    becomes: Any = None


@dataclass(frozen=True, slots=True)
class _Place:
    """One id in a validator: its path, whether null may stand there, whether the field may be absent."""

    path: str
    validator: IdValidator
    is_nullable: bool
    is_optional: bool


def references_of(
    name: str, validator: Validator, indexes: Mapping[str, Sequence[str]], tables: Mapping[str, object]
) -> list[Reference]:
    """The references of a table that are kept. `indexes` are those that can be used, `tables` those of the schema.

    Raises:  SchemaInvalidError where one cannot be kept, with the line that is missing.
    """
    by_field: dict[tuple[str, str], list[_Place]] = {}
    for place in _places(name, validator, "", is_optional=False):
        by_field.setdefault((place.path, place.validator.table_name), []).append(place)
    return [
        _reference(name, places, indexes, tables)
        for places in by_field.values()
        if any(place.validator.on_delete for place in places)
    ]


def _reference(
    name: str, places: list[_Place], indexes: Mapping[str, Sequence[str]], tables: Mapping[str, object]
) -> Reference:
    first = places[0]
    path, target, action = first.path, first.validator.table_name, first.validator.on_delete
    where = f'table "{name}", field "{path}"'
    if action is None or any(place.validator.on_delete != action for place in places):
        said = " and ".join(dict.fromkeys(str(place.validator.required()) for place in places))
        raise SchemaInvalidError(f"{where} is {said} in different members of a union; on_delete must be the same")
    if target.startswith("_"):
        raise SchemaInvalidError(f'{where}: on_delete is for tables of yours; "{target}" is a system table')
    if target not in tables:
        raise SchemaInvalidError(
            f'{where}: v.id("{target}", on_delete=...) names a table that the schema does not have; it has '
            f"{', '.join(tables)}"
        )
    becomes: Any = None
    if action == "set_null" and not all(place.is_nullable for place in places):
        if not all(place.is_optional for place in places):
            raise SchemaInvalidError(
                f'{where}: on_delete="set_null" needs a field that may be null or absent',
                hint=f'v.nullable(v.id("{target}", on_delete="set_null"))',
            )
        becomes = UNSET
    index = next((each for each, fields in indexes.items() if fields[0] == path), None)
    if index is None:
        free = f"by_{path.replace('.', '_')}"
        raise SchemaInvalidError(
            f'{where}: on_delete="{action}" needs an index that begins with this field, to find the documents that '
            f'refer to one of "{target}"',
            hint=f'{name} = table({{...}}).index("{free}", ["{path}"])',
        )
    return Reference(name, path, target, action, index, becomes)


def _places(name: str, validator: Validator, path: str, *, is_optional: bool) -> Iterator[_Place]:
    """The ids in a validator, at paths that an index can reach.

    Raises:  SchemaInvalidError for one with `on_delete` that no index reaches.
    """
    match validator:
        case IdValidator():
            yield _Place(path, validator, is_nullable=False, is_optional=is_optional)
        case UnionValidator():
            is_nullable = any(member.kind == "null" for member in validator.members)
            for member in validator.members:
                for place in _places(name, member, path, is_optional=is_optional):
                    is_here = place.path == path
                    yield _Place(
                        place.path, place.validator, (is_here and is_nullable) or place.is_nullable, place.is_optional
                    )
        case ObjectValidator():
            for field, item in validator.fields.items():
                step = f"{path}.{field}" if path else field
                yield from _places(name, item, step, is_optional=item.is_optional)
            if validator.rest is not None:
                _require_none(name, validator.rest, path, "further fields of an object")
        case ArrayValidator():
            _require_none(name, validator.element, path, "a list")
        case RecordValidator():
            _require_none(name, validator.key, path, "the keys of a record")
            _require_none(name, validator.value, path, "a record")
        case _:
            pass


def _require_none(name: str, validator: Validator, path: str, what: str) -> None:
    for place in _places(name, validator, path, is_optional=False):
        if place.validator.on_delete:
            target = place.validator.table_name
            raise SchemaInvalidError(
                f'table "{name}", field "{place.path}": {place.validator} stands in {what}, which no index finds by '
                "its parts. Keep such references in a table of their own, or leave out on_delete",
                hint=f'{name}_{target} = table({{"{name}": v.id("{name}", on_delete="cascade"), '
                f'"{target}": v.id("{target}", on_delete="{place.validator.on_delete}")}})',
            )
