"""What of the documents does not fit a schema, field by field: what a migration has to change.

Owns:  `Misfit`, `misfits`.
Must not know: what is done about a misfit.
Invariants: a document with several misfits counts for each of them, unlike in the report of a push, which names the
first. A pure function of a snapshot.
Source: semantics 2.3.
Threads: any.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from nbconvex.database.schema_push import conversion_path
from nbconvex.values.codec import decode_document
from nbconvex.values.scalars import Int64
from nbconvex.values.validator_check import compile_check
from nbconvex.values.validator_report import ValidationProblem
from nbconvex.values.validators import ObjectValidator, Validator

if TYPE_CHECKING:
    from nbconvex.database.snapshot import Snapshot, Table
    from nbconvex.values.schema import SchemaDefinition

#: Documents of one table that are looked at. Source: as many as a push counts.
_DOCUMENTS_MAX: Final = 100_000
_SYSTEM_FIELDS: Final = frozenset({"_id", "_creationTime"})
_TYPES: Final = {
    type(None): "null", bool: "boolean", int: "number", float: "number", Int64: "int64", str: "string",
    bytes: "bytes", list: "array", dict: "object",
}  # fmt: skip


@dataclass(slots=True)
class Misfit:
    """One field of a table's documents, and in which way some of them do not fit.

    Shapes:  `wanted` is the field's validator in the new schema, None for a field that it does not have; `present` that
    in the schema in force, None where it has none, or where nothing checks the table; `found` counts the types of the
    values that do not fit: "string", "number", ...
    """

    name: str
    kind: Literal["missing", "extra", "wrong"]
    wanted: Validator | None
    present: Validator | None
    sample: str
    count: int = 0
    found: Counter[str] = field(default_factory=Counter)


def misfits(snapshot: Snapshot, schema: SchemaDefinition) -> dict[str, list[Misfit]]:
    """What does not fit, by table, in the order of the schema. Tables that are no plain object are left out."""
    found = {}
    for name, definition in schema.tables.items():
        table = snapshot.table(name)
        validator = definition.validator
        if table is None or not isinstance(validator, ObjectValidator):
            continue
        present = _fields_in_force(snapshot, name)
        of_table = _of_table(table, validator, present, {number: each.name for number, each in snapshot.tables.items()})
        if of_table:
            found[name] = of_table
    return found


def is_checked(snapshot: Snapshot, table: str) -> bool:
    """Whether the schema in force looks at what is written into the table."""
    return snapshot.schema is not None and table in snapshot.schema.checks


def _fields_in_force(snapshot: Snapshot, table: str) -> dict[str, Validator]:
    if snapshot.schema is None or not is_checked(snapshot, table):
        return {}
    validator = snapshot.schema.definition.tables[table].validator
    return dict(validator.fields) if isinstance(validator, ObjectValidator) else {}


def _of_table(
    table: Table, validator: ObjectValidator, present: dict[str, Validator], names: dict[int, str]
) -> list[Misfit]:
    found: dict[tuple[str, str], Misfit] = {}
    for at, (_, payload) in enumerate(table.documents.entries()):
        if at >= _DOCUMENTS_MAX:
            break
        document = decode_document(payload)
        for name, kind in _of_document(document, validator, names):
            misfit = found.get((name, kind))
            if misfit is None:
                misfit = found[name, kind] = Misfit(
                    name, kind, validator.fields.get(name), present.get(name), document["_id"]
                )
            misfit.count += 1
            if kind == "wrong":
                misfit.found[_TYPES[type(document[name])]] += 1
    return list(found.values())


def _of_document(
    document: dict[str, Any], validator: ObjectValidator, names: dict[int, str]
) -> Iterator[tuple[str, Literal["missing", "extra", "wrong"]]]:
    for name, wanted in validator.fields.items():
        if name not in document:
            if not wanted.is_optional:
                yield name, "missing"
        elif not _fits(document[name], wanted, names):
            yield name, "wrong"
    for name, value in document.items():
        if name in validator.fields or name in _SYSTEM_FIELDS:
            continue
        if validator.rest is None:
            yield name, "extra"
        elif not _fits(value, validator.rest, names):
            yield name, "wrong"


def _fits(value: Any, wanted: Validator, names: dict[int, str]) -> bool:
    try:
        return conversion_path(value, compile_check(wanted)(value, names)) is None
    except ValidationProblem:
        return False
