"""What a table looks like, from its schema and from the documents at hand.

Owns:  `columns_of`, `fields_of`, `indexes_of`, `template_of`.
Must not know: how documents are found or written; pages.
Threads: pure functions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from nbconvex.values.spelling import spelled
from nbconvex.values.validators import ObjectValidator, UnionValidator, Validator

if TYPE_CHECKING:
    from nbconvex.database.snapshot import Table
    from nbconvex.values.schema import TableDefinition

SYSTEM_FIELDS: Final = frozenset({"_id", "_creationTime"})
#: What stands in a new document's text for a field of a kind.
_BLANKS: Final[Mapping[str, Any]] = {
    "string": "", "float64": 0, "int64": 0, "boolean": False, "array": [], "object": {}, "record": {}, "bytes": b"",
}  # fmt: skip


def fields_of(validator: Validator | None) -> dict[str, Validator]:
    """The fields that a schema names, in its order; those of several shapes one after the other."""
    if isinstance(validator, UnionValidator):
        found: dict[str, Validator] = {}
        for member in validator.members:
            for name, field in fields_of(member).items():
                found.setdefault(name, field)
        return found
    return dict(validator.fields) if isinstance(validator, ObjectValidator) else {}


def columns_of(validator: Validator | None, documents: Iterable[Mapping[str, Any]]) -> list[str]:
    """The id, what the schema names, what the documents have beyond that, and the time of creation."""
    names = dict.fromkeys(fields_of(validator))
    names.update(dict.fromkeys(name for document in documents for name in document))
    return ["_id", *(name for name in names if name not in SYSTEM_FIELDS), "_creationTime"]


def described(validator: Validator | None) -> list[dict[str, str]]:
    """The fields of a schema and what each may hold, in the words of the schema."""
    return [{"name": name, "type": str(field)} for name, field in fields_of(validator).items()]


def indexes_of(table: Table, definition: TableDefinition | None) -> list[dict[str, Any]]:
    """The indexes of a table, those that it has by itself in front."""
    found: list[dict[str, Any]] = [
        {"name": "by_id", "fields": ["_id"], "kind": "index", "marks": ["built in"]},
        {"name": "by_creation_time", "fields": ["_creationTime"], "kind": "index", "marks": ["built in"]},
    ]
    declared = {} if definition is None else definition.indexes
    for name, index in table.indexes.items():
        if not index.fields:
            continue
        unique = name in declared and declared[name].unique
        marks = ["unique"] * unique + ["staged"] * index.is_staged
        found.append({"name": name, "fields": list(index.fields), "kind": "index", "marks": marks})
    for name, content in table.content.items():
        found.append({
            "name": name, "fields": [content.definition.described], "kind": content.definition.KIND, "marks": [],
        })  # fmt: skip
    return found


def template_of(validator: Validator | None) -> str:
    """The text of a new document: each field that it needs, with something of its kind in the place of a value."""
    required = {name: _blank(field) for name, field in fields_of(_first(validator)).items() if not field.is_optional}
    return spelled(required, indent=2) if required else "{\n  \n}"


def _first(validator: Validator | None) -> Validator | None:
    return validator.members[0] if isinstance(validator, UnionValidator) else validator


def _blank(validator: Validator) -> Any:
    if isinstance(validator, UnionValidator):
        return None if any(each.kind == "null" for each in validator.members) else _blank(validator.members[0])
    if validator.kind == "literal":
        return getattr(validator, "value", None)
    if isinstance(validator, ObjectValidator):
        return {name: _blank(field) for name, field in validator.fields.items() if not field.is_optional}
    return _BLANKS.get(validator.kind, "" if validator.kind in {"id", "datetime"} else None)
