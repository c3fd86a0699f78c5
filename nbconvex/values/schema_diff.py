"""What changes between two schemas, and which tables have to be looked through because of it.

Owns:  the difference of schemas; whether one validator takes everything that another takes.
Must not know: stored documents.
Invariants: `is_superset` may answer False where it cannot tell, never True.
Source: semantics 2.3, 2.4.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nbconvex.values.content_indexes import ContentDefinition
from nbconvex.values.schema import IndexDefinition, SchemaDefinition, TableDefinition
from nbconvex.values.validator_check import compile_check
from nbconvex.values.validator_report import ValidationProblem
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

#: An index of whatever kind.
AnyIndex = IndexDefinition | ContentDefinition


@dataclass(frozen=True, slots=True)
class SchemaDiff:
    """What a new schema changes.

    Fields:  `changed_tables` have another validator; an index with other fields is both removed and added; tables in
             `tables_to_scan` may hold documents that the new schema refuses; `enabled_indexes` were staged, and
             `staged_indexes` are now; `changed_indexes` became unique, or are not unique any more;
             `has_other_settings` when validation or strict names were switched.
    """

    added_tables: tuple[str, ...] = ()
    removed_tables: tuple[str, ...] = ()
    changed_tables: tuple[str, ...] = ()
    added_indexes: tuple[tuple[str, AnyIndex], ...] = ()
    removed_indexes: tuple[tuple[str, AnyIndex], ...] = ()
    enabled_indexes: tuple[tuple[str, AnyIndex], ...] = ()
    staged_indexes: tuple[tuple[str, AnyIndex], ...] = ()
    changed_indexes: tuple[tuple[str, AnyIndex], ...] = ()
    tables_to_scan: tuple[str, ...] = ()
    has_other_settings: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing changes that anybody could notice."""
        return self == SchemaDiff()

    def __str__(self) -> str:
        lines = [f"+ table {name}" for name in self.added_tables]
        lines += [f"- table {name} (its documents stay, unvalidated)" for name in self.removed_tables]
        lines += [f"~ table {name}" for name in self.changed_tables]
        for sign, indexes in (
            ("+", self.added_indexes),
            ("-", self.removed_indexes),
            ("enabled", self.enabled_indexes),
            ("staged", self.staged_indexes),
        ):
            for table, index in indexes:
                staged = " staged" if index.staged and sign == "+" else ""
                unique = " unique" if is_unique(index) and sign != "-" else ""
                lines.append(f"{sign} {index.KIND} {table}.{index.name} ({index.described}){unique}{staged}")
        for table, index in self.changed_indexes:
            now = "unique" if is_unique(index) else "no longer unique"
            lines.append(f"~ index {table}.{index.name} ({index.described}) {now}")
        if self.has_other_settings:
            lines.append("~ settings")
        return "\n".join(lines) or "no change"


_EMPTY = SchemaDefinition({})


def diff(old: SchemaDefinition | None, new: SchemaDefinition | None) -> SchemaDiff:
    """What `new` changes. None stands for no schema."""
    old = old or _EMPTY
    new = new or _EMPTY
    common = [name for name in new.tables if name in old.tables]
    old_indexes = set(_indexes(old))
    new_indexes = set(_indexes(new))
    before = {(table, index.place): index for table, index in old_indexes}
    after = {(table, index.place) for table, index in new_indexes}
    toggled = {(table, index) for table, index in new_indexes - old_indexes if (table, index.place) in before}
    return SchemaDiff(
        added_tables=tuple(name for name in new.tables if name not in old.tables),
        removed_tables=tuple(name for name in old.tables if name not in new.tables),
        changed_tables=tuple(name for name in common if old.tables[name].validator != new.tables[name].validator),
        added_indexes=tuple(item for item in _indexes(new) if item not in old_indexes and item not in toggled),
        removed_indexes=tuple((table, index) for table, index in _indexes(old) if (table, index.place) not in after),
        enabled_indexes=tuple(
            (table, index)
            for table, index in _indexes(new)
            if (table, index) in toggled and not index.staged and before[table, index.place].staged
        ),
        staged_indexes=tuple(item for item in _indexes(new) if item in toggled and item[1].staged),
        changed_indexes=tuple(
            (table, index)
            for table, index in _indexes(new)
            if (table, index) in toggled and not index.staged and not before[table, index.place].staged
        ),
        tables_to_scan=_tables_to_scan(old, new),
        has_other_settings=(old.schema_validation, old.strict_table_names)
        != (new.schema_validation, new.strict_table_names),
    )


def is_unique(index: AnyIndex) -> bool:
    """Whether no two documents have the same values in the index."""
    return isinstance(index, IndexDefinition) and index.unique


def _indexes(schema: SchemaDefinition) -> Iterator[tuple[str, AnyIndex]]:
    for name, definition in schema.tables.items():
        yield from ((name, index) for index in definition.indexes.values())
        yield from ((name, index) for index in definition.content_indexes.values())


def _tables_to_scan(old: SchemaDefinition, new: SchemaDefinition) -> tuple[str, ...]:
    if not new.schema_validation:
        return ()
    # A table that was not validated may hold anything.
    unvalidated = TableDefinition(v.any())
    return tuple(
        name
        for name, definition in new.tables.items()
        if not is_superset(
            definition.validator,
            (old.tables.get(name, unvalidated) if old.schema_validation else unvalidated).validator,
        )
    )


def is_superset(new: Validator, old: Validator) -> bool:
    """Whether every value that `old` lets through matches `new`. False also where that cannot be told."""
    if new.kind == "any" or new.required() == old.required():
        return True
    if isinstance(old, UnionValidator):
        return all(is_superset(new, member) for member in old.members)
    if isinstance(new, UnionValidator):
        return any(is_superset(member, old) for member in new.members)
    if isinstance(old, LiteralValidator):
        return _matches(new, old)
    match new, old:
        case IdValidator(), IdValidator():
            # Whether what they name is there is a rule between documents, and looked at as such.
            return new.table_name == old.table_name
        case SimpleValidator(), SimpleValidator():
            return (new.name == old.name or (new.name, old.name) == ("float64", "datetime")) and not new.is_whole
        case SimpleValidator(), _:
            return new.name == "string" and old.kind == "id"
        case ArrayValidator(), ArrayValidator():
            return is_superset(new.element, old.element)
        case ObjectValidator(), ObjectValidator():
            return _is_object_superset(new, old)
        case RecordValidator(), RecordValidator():
            return is_superset(new.key, old.key) and is_superset(new.value, old.value)
        case ObjectValidator(), RecordValidator():
            if new.rest is None or not is_superset(new.rest, old.value):
                return False
            return all(item.is_optional and is_superset(item, old.value) for item in new.fields.values())
        case _:
            return False


def _matches(new: Validator, old: LiteralValidator) -> bool:
    try:
        compile_check(new)(old.value, None)
    except ValidationProblem:
        return False
    # A check may take an int for an Int64, but a stored number never is one.
    return type(old.value) not in {int, float} or new.kind == "float64"


def _is_object_superset(new: ObjectValidator, old: ObjectValidator) -> bool:
    for name, item in old.fields.items():
        target = new.fields.get(name)
        if target is None:
            if new.rest is None or not is_superset(new.rest, item):
                return False
        elif (item.is_optional and not target.is_optional) or not is_superset(target, item):
            return False
    for name, item in new.fields.items():
        if name not in old.fields:
            if not item.is_optional:
                return False
            if old.rest is not None and not is_superset(item, old.rest):
                return False
    return old.rest is None or (new.rest is not None and is_superset(new.rest, old.rest))
