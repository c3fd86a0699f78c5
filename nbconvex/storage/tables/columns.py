"""What a table of documents looks like in SQL: its columns and their types.

Owns:  `SqlType`, `Column`, `Shape`; a shape from a table's validator, or from counts of what its documents hold.
Must not know: DuckDB, Arrow; how documents are found.
Invariants: a shape is a function of the validator, or of the documents there are, and never of what was there before:
whoever asks for the same snapshot sees the same columns. No two columns of a table differ in case only.
Threads: pure functions of immutable things.
Source: semantics 2.2, 14 row 2.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nbconvex.values.scalars import Int64
from nbconvex.values.validators import (
    ArrayValidator,
    LiteralValidator,
    ObjectValidator,
    RecordValidator,
    UnionValidator,
    Validator,
)

ID = "_id"
CREATION_TIME = "_creationTime"
#: The column that tells null from absent: the names of the fields that hold null.
NULLS = "_nulls"


@dataclass(frozen=True, slots=True)
class SqlType:
    """One type: a scalar by its DuckDB name, or LIST, STRUCT, MAP with what is inside.

    Fields:  `inside` of a LIST and a MAP is one type; of a STRUCT one a field of `names`.
    """

    name: str
    inside: tuple[SqlType, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def sql(self) -> str:
        """The type as DuckDB reads it."""
        if self.name == "LIST":
            return f"{self.inside[0].sql}[]"
        if self.name == "STRUCT":
            fields = zip(self.names, self.inside, strict=True)
            return f"STRUCT({', '.join(f'{quoted(name)} {each.sql}' for name, each in fields)})"
        if self.name == "MAP":
            return f"MAP(VARCHAR, {self.inside[0].sql})"
        return self.name


DOUBLE = SqlType("DOUBLE")
BIGINT = SqlType("BIGINT")
VARCHAR = SqlType("VARCHAR")
BOOLEAN = SqlType("BOOLEAN")
BLOB = SqlType("BLOB")
TIMESTAMP = SqlType("TIMESTAMP")
JSON = SqlType("JSON")

#: By the kind of a validator. `datetime` is stored as float milliseconds and shown as a TIMESTAMP in UTC.
#: A field that holds null only has to be of some type; text is the one that everything compares with.
_BY_KIND: Mapping[str, SqlType] = {
    "float64": DOUBLE,
    "int64": BIGINT,
    "boolean": BOOLEAN,
    "string": VARCHAR,
    "id": VARCHAR,
    "bytes": BLOB,
    "null": VARCHAR,
    "datetime": TIMESTAMP,
}
_BY_CLASS: Mapping[type, SqlType] = {
    float: DOUBLE,
    int: DOUBLE,
    Int64: BIGINT,
    bool: BOOLEAN,
    str: VARCHAR,
    bytes: BLOB,
}
_BY_NAME: Mapping[str, SqlType] = {each.name: each for each in (DOUBLE, BIGINT, BOOLEAN, VARCHAR, BLOB, JSON)}


@dataclass(frozen=True, slots=True)
class Column:
    """A field of documents as a column; `name` is the field's, made unique where another differs in case only."""

    field: str
    name: str
    type: SqlType


@dataclass(frozen=True, slots=True)
class Shape:
    """The columns of a table between `_creationTime` and, where it `has_nulls`, `_nulls`."""

    columns: tuple[Column, ...]
    has_nulls: bool = False

    @property
    def all_columns(self) -> tuple[tuple[str, str], ...]:
        """The name and SQL type of every column, system columns included, in order."""
        own = tuple((each.name, each.type.sql) for each in self.columns)
        nulls = ((NULLS, "VARCHAR[]"),) if self.has_nulls else ()
        return ((ID, "VARCHAR"), (CREATION_TIME, "DOUBLE"), *own, *nulls)

    @property
    def definition(self) -> str:
        """The columns as CREATE TABLE takes them; also what tells one shape from another."""
        return ", ".join(f"{quoted(name)} {kind}" for name, kind in self.all_columns)


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def unique_names(names: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """The same names; one that differs from an earlier one in case only gets `_2`, `_3`, …, for SQL ignores case."""
    seen = {name.lower() for name in taken}
    unique = []
    for name in names:
        candidate, number = name, 1
        while candidate.lower() in seen:
            number += 1
            candidate = f"{name}_{number}"
        seen.add(candidate.lower())
        unique.append(candidate)
    return unique


def _shape(types: Mapping[str, SqlType], *, has_nulls: bool) -> Shape:
    names = unique_names(types, (ID, CREATION_TIME, NULLS))
    columns = [Column(field, name, types[field]) for field, name in zip(types, names, strict=True)]
    return Shape(tuple(columns), has_nulls)


# -- from a validator ------------------------------------------------------------------------------------------------


def declared_shape(validator: Validator | None) -> Shape | None:
    """The shape of a table whose documents match `validator`; None where that leaves open which fields there are.

    `_nulls` is there if some field may be both absent and null.
    """
    members = validator.members if isinstance(validator, UnionValidator) else (validator,)
    found: dict[str, list[Validator]] = {}
    for member in members:
        if not isinstance(member, ObjectValidator) or member.rest is not None:
            return None
        for name, item in member.fields.items():
            found.setdefault(name, []).append(item)
    if not found and len(members) == 0:
        return None
    has_nulls = any(
        (len(items) < len(members) or any(item.is_optional for item in items)) and any(map(_allows_null, items))
        for items in found.values()
    )
    types = {name: _common([type_of(item) for item in items if item.kind != "null"]) for name, items in found.items()}
    return _shape(types, has_nulls=has_nulls)


def _allows_null(validator: Validator) -> bool:
    if isinstance(validator, UnionValidator):
        return any(map(_allows_null, validator.members))
    return validator.kind in {"null", "any"}


def type_of(validator: Validator) -> SqlType:
    """The SQL type of the values that match `validator`: JSON where they are of several types."""
    if isinstance(validator, LiteralValidator):
        return _BY_CLASS[type(validator.value)]
    if isinstance(validator, ArrayValidator):
        return SqlType("LIST", (type_of(validator.element),))
    if isinstance(validator, RecordValidator):
        return SqlType("MAP", (type_of(validator.value),))
    if isinstance(validator, UnionValidator):
        return _common([type_of(member) for member in validator.members if member.kind != "null"])
    if isinstance(validator, ObjectValidator):
        names = tuple(validator.fields)
        if not names or validator.rest is not None or unique_names(names) != list(names):
            return JSON
        return SqlType("STRUCT", tuple(map(type_of, validator.fields.values())), names)
    return _BY_KIND.get(validator.kind, JSON)


def _common(types: Sequence[SqlType]) -> SqlType:
    different = set(types)
    if len(different) == 1:
        return types[0]
    return JSON if different else VARCHAR


# -- from documents --------------------------------------------------------------------------------------------------

#: How many documents hold which kinds of value, by field. A kind is the name of a scalar SQL type, `null`, or `[]` with
#: the kind of its elements behind it.
Counts = dict[str, Counter[str]]
_NULL = "null"


def kind_of(value: Any) -> str:
    """The kind of a value, as `Counts` has it."""
    if value is None:
        return _NULL
    kind = type(value)
    if kind is list:
        return "[]" + _kind_of_elements(value)
    found = _BY_CLASS.get(kind)
    return "JSON" if found is None else found.name


def _kind_of_elements(values: list[Any]) -> str:
    classes = set(map(type, values))
    classes.discard(type(None))
    types = {_BY_CLASS.get(each, JSON).name for each in classes}
    if len(types) > 1:
        return "JSON"
    return types.pop() if types else ""


def count_column(values: Iterable[Any]) -> Counter[str]:
    """The kinds of `values` and how often each occurs."""
    classes = Counter(map(type, values))
    if list not in classes:
        counts: Counter[str] = Counter()
        for kind, count in classes.items():
            counts[_NULL if kind is type(None) else _BY_CLASS.get(kind, JSON).name] += count
        return counts
    return Counter(map(kind_of, values))


def counted_shape(counts: Counts) -> Shape:
    """The shape of a table of which nobody said what it looks like: its fields in the order of their names."""
    types = {}
    has_nulls = False
    for field in sorted(counts):
        kinds = {kind for kind, count in counts[field].items() if count}
        if not kinds:
            continue
        if _NULL in kinds:
            has_nulls = True
            kinds.discard(_NULL)
        types[field] = _type_of_kinds(kinds)
    return _shape(types, has_nulls=has_nulls)


def _type_of_kinds(kinds: set[str]) -> SqlType:
    if not kinds:
        return VARCHAR
    if all(kind.startswith("[]") for kind in kinds):
        elements = {kind[2:] for kind in kinds} - {""}
        element = elements.pop() if len(elements) == 1 else "JSON"
        return JSON if element == "JSON" else SqlType("LIST", (_BY_NAME[element],))
    return _BY_NAME[kinds.pop()] if len(kinds) == 1 and not any(kind.startswith("[]") for kind in kinds) else JSON
