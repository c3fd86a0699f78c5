"""What a validator is in TypeScript.

Owns:  the TypeScript type of every validator, as it stands in the files that are written; which tables it names.
Must not know: functions, schemas, files.
Invariants: what a validator lets through has its type. A type is wider than its validator only where TypeScript cannot
say it: whole numbers are numbers, and an object with further fields has an index signature that admits its named ones.
Threads: pure functions.
Source: the types that npm `convex` 1.48 infers from its own validators (dist/esm-types/values/validators.d.ts).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from nbconvex.codegen.source_text import block, deeper, key, member, quoted, union
from nbconvex.values.page_validators import pagination_opts_validator, pagination_result_validator
from nbconvex.values.scalars import NUMBER_MAX, Int64
from nbconvex.values.validators import (
    ArrayValidator,
    IdValidator,
    LiteralValidator,
    ObjectValidator,
    RecordValidator,
    SimpleValidator,
    UnionValidator,
    Validator,
    v,
)

_SIMPLE: Final[Mapping[str, str]] = {
    "null": "null",
    "float64": "number",
    "int64": "bigint",
    "boolean": "boolean",
    "string": "string",
    "bytes": "ArrayBuffer",
    "datetime": "number",
    "any": "any",
}
#: What the annotation `dict` means.
UNTYPED_OBJECT: Final = v.object({}, rest=v.any())


def type_text(validator: Validator, indent: str = "") -> str:
    """The type of the values that a validator accepts; `indent` is that of the line in which it begins.

    Names `Id`, and `PaginationOptions` and `PaginationResult` of "convex/server", which the file must import.
    """
    match validator:
        case SimpleValidator(name=name):
            return _SIMPLE[name]
        case IdValidator(table_name=table_name):
            return f"Id<{quoted(table_name)}>"
        case LiteralValidator(value=value):
            return _literal(value)
        case ArrayValidator(element=element):
            text = type_text(element, indent)
            return f"Array<{text}>" if isinstance(element, UnionValidator) else f"{text}[]"
        case RecordValidator(key=keys, value=inner):
            return f"Record<{type_text(keys, indent)}, {type_text(inner, indent)}>"
        case UnionValidator(members=members):
            return union((type_text(each, deeper(indent)) for each in members), indent)
        case ObjectValidator():
            return _known_object(validator, indent) or object_text(validator.fields, validator.rest, indent)
        case _:
            raise AssertionError(f"a validator of a kind without a type: {validator!r}")


def _literal(value: object) -> str:
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Int64):
        return f"{int(value)}n"
    # 5.0 and -0.0 are 5 and 0: there is one type of numbers, and no literal type of its own for the negative zero.
    return repr(int(value) if isinstance(value, float) and value.is_integer() and abs(value) <= NUMBER_MAX else value)


def _known_object(validator: ObjectValidator, indent: str) -> str | None:
    """The name that "convex/server" has for a shape, which its hooks look for."""
    if validator.required() == pagination_opts_validator:
        return "PaginationOptions"
    page = validator.fields.get("page")
    if isinstance(page, ArrayValidator) and validator.required() == pagination_result_validator(page.element):
        return f"PaginationResult<{type_text(page.element, indent)}>"
    return None


def object_text(fields: Mapping[str, Validator], rest: Validator | None, indent: str) -> str:
    """The type of objects with these fields, and with others if there is a `rest`."""
    inside = deeper(indent)
    types = {name: type_text(item, inside) for name, item in fields.items()}
    if not types:
        # {} would be every value but null and undefined.
        return f"Record<string, {'never' if rest is None else type_text(rest, indent)}>"
    entries = [member(f"{key(name)}{'?' * fields[name].is_optional}", text) for name, text in types.items()]
    if rest is not None:
        absent = ["undefined"] if any(item.is_optional for item in fields.values()) else []
        every = union([*types.values(), *absent, type_text(rest, inside)], inside)
        entries.append(member("[key: string]", every))
    return block(entries, indent)


def document_text(validator: Validator, table_name: str, indent: str) -> str:
    """The type of a table's documents, of which `validator` is the definition without system fields."""
    if isinstance(validator, UnionValidator):
        return union((document_text(each, table_name, deeper(indent)) for each in validator.members), indent)
    if not isinstance(validator, ObjectValidator):
        return "any"
    system = {"_id": v.id(table_name), "_creationTime": v.number()}
    # Documents are records of values for "convex/server", and undefined is none: with fields that may be absent beside
    # others without a name, only any says both.
    rest = None if validator.rest is None else v.any()
    return object_text({**system, **validator.fields}, rest, indent)


def field_paths(validator: Validator) -> set[str]:
    """The names of an object's fields, those of objects inside after a dot."""
    if isinstance(validator, UnionValidator):
        return set().union(*map(field_paths, validator.members))
    if not isinstance(validator, ObjectValidator):
        return set()
    inner = {f"{name}.{path}" for name, item in validator.fields.items() for path in field_paths(item)}
    return inner | set(validator.fields)


def has_other_fields(validator: Validator) -> bool:
    """Whether objects may have fields without a name in the validator."""
    if isinstance(validator, UnionValidator):
        return any(map(has_other_fields, validator.members))
    return not isinstance(validator, ObjectValidator) or validator.rest is not None


def tables_named(validator: Validator | None) -> Iterator[str]:
    """The tables whose ids a validator accepts, each as often as it is named."""
    match validator:
        case IdValidator(table_name=table_name):
            yield table_name
        case ArrayValidator(element=element):
            yield from tables_named(element)
        case RecordValidator(key=keys, value=inner):
            yield from tables_named(keys)
            yield from tables_named(inner)
        case UnionValidator(members=members):
            for each in members:
                yield from tables_named(each)
        case ObjectValidator(fields=fields, rest=rest):
            for item in fields.values():
                yield from tables_named(item)
            yield from tables_named(rest)
        case _:
            pass
