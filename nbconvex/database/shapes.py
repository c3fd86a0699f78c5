"""The shape of documents that nobody has described: a validator that all of them pass.

Owns:  `shape_of`: from the documents of a table to the validator of its schema.
Must not know: how a schema is written down or put in force.
Invariants: every document that was looked at passes. A pure function of a snapshot.
What is concluded: a field that some documents lack is optional; values of several types are a union; a text field whose
every value is an id of a table here holds ids of it; an object with very many keys, or with keys that are no names, is
a record. What is not: which texts or numbers a field is limited to.
Source: semantics 12.2.
Threads: any.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from nbconvex.database.snapshot import BY_CREATION_TIME
from nbconvex.errors import SchemaInvalidError, ValueInvalidError
from nbconvex.values.codec import decode_document
from nbconvex.values.ids import decode_id
from nbconvex.values.normalization import is_identifier
from nbconvex.values.scalars import Int64
from nbconvex.values.validators import Validator, v

if TYPE_CHECKING:
    from nbconvex.database.snapshot import Snapshot

#: An object with more different keys than this is a record: they are data, not names of fields.
RECORD_KEYS_MIN: Final = 40
_SYSTEM_FIELDS: Final = ("_id", "_creationTime")
_ID_CHARACTERS: Final = range(31, 38)
#: The order in which the members of a union stand, ids before them and null behind them.
_KINDS: Final = ("string", "number", "int64", "boolean", "bytes", "array", "object")
_SIMPLE: Final[Mapping[type, str]] = {
    str: "string", float: "number", int: "number", Int64: "int64", bool: "boolean", bytes: "bytes",
}  # fmt: skip


def shape_of(snapshot: Snapshot, table: str) -> Validator | None:
    """What the documents of a table have in common, system fields left out; None where there are no documents.

    Raises:  nothing of its own; a table whose documents no schema can describe is `v.any()`.
    """
    stored = snapshot.table(table)
    if stored is None or not len(stored.documents):
        return None
    numbers = {number: each.name for number, each in snapshot.tables.items()}
    shape = _Fields(numbers)
    # In the order of their creation, so that two stores with the same documents have the same answer.
    for _, payload in stored.indexes[BY_CREATION_TIME].entries.entries():
        document = decode_document(payload)
        for name in _SYSTEM_FIELDS:
            document.pop(name, None)
        shape.take(document)
    try:
        return v.object(shape.fields())
    except SchemaInvalidError:
        return v.any()


class _Shape:
    """The values of one place in documents: which types there were."""

    __slots__ = ("_element", "_fields", "_has_null", "_ids", "_numbers", "_types")

    def __init__(self, numbers: Mapping[int, str]) -> None:
        self._numbers = numbers
        self._types: set[str] = set()
        #: Names of the tables that texts are ids of, as long as all texts are ids.
        self._ids: dict[str, None] = {}
        self._has_null = False
        self._element: _Shape | None = None
        self._fields: _Fields | None = None

    def take(self, value: Any) -> None:
        kind = type(value)
        if kind is str:
            self._take_text(value)
        elif kind in _SIMPLE:
            self._types.add(_SIMPLE[kind])
        elif value is None:
            self._has_null = True
        elif kind is list:
            self._types.add("array")
            if self._element is None:
                self._element = _Shape(self._numbers)
            for item in value:
                self._element.take(item)
        else:
            self._types.add("object")
            if self._fields is None:
                self._fields = _Fields(self._numbers)
            self._fields.take(value)

    def _take_text(self, value: str) -> None:
        if "string" in self._types:
            return
        table = self._table_of(value)
        if table is None:
            # One text that is no id, and all of them are texts.
            self._types.add("string")
        else:
            self._ids[table] = None

    def _table_of(self, text: str) -> str | None:
        if len(text) not in _ID_CHARACTERS:
            return None
        try:
            return self._numbers.get(decode_id(text)[0])
        except ValueInvalidError:
            return None

    def join(self, other: _Shape) -> None:
        """Have seen what `other` has seen."""
        self._types |= other._types
        self._ids |= other._ids
        self._has_null |= other._has_null
        if other._element is not None:
            self._element = self._element or _Shape(self._numbers)
            self._element.join(other._element)
        if other._fields is not None:
            self._fields = self._fields or _Fields(self._numbers)
            self._fields.join(other._fields)

    def validator(self) -> Validator:
        members: list[Validator] = []
        if "string" not in self._types:
            members += [v.id(table) for table in self._ids]
        members += [self._of_kind(kind) for kind in _KINDS if kind in self._types]
        if self._has_null:
            members.append(v.null())
        if not members:
            return v.any()  # of an array that is always empty
        return members[0] if len(members) == 1 else v.union(*members)

    def _of_kind(self, kind: str) -> Validator:
        if kind == "array":
            assert self._element is not None, "an array was seen"
            return v.array(self._element.validator())
        if kind == "object":
            assert self._fields is not None, "an object was seen"
            return self._fields.validator()
        simple: Validator = getattr(v, kind)()
        return simple


class _Fields:
    """The objects of one place: their fields, and how many objects have each."""

    __slots__ = ("_count", "_counts", "_numbers", "_shapes")

    def __init__(self, numbers: Mapping[int, str]) -> None:
        self._numbers = numbers
        self._count = 0
        self._shapes: dict[str, _Shape] = {}
        self._counts: dict[str, int] = {}

    def take(self, value: Mapping[str, Any]) -> None:
        self._count += 1
        shapes, counts = self._shapes, self._counts
        for name, item in value.items():
            shape = shapes.get(name)
            if shape is None:
                shape = shapes[name] = _Shape(self._numbers)
                counts[name] = 0
            counts[name] += 1
            shape.take(item)

    def fields(self) -> dict[str, Validator]:
        return {
            name: shape.validator() if self._counts[name] == self._count else shape.validator().optional()
            for name, shape in self._shapes.items()
        }

    def validator(self) -> Validator:
        keys = _Shape(self._numbers)
        for name in self._shapes:
            keys.take(name)
        key = keys.validator()
        if key.kind == "id" or len(self._shapes) >= RECORD_KEYS_MIN or not all(map(is_identifier, self._shapes)):
            values = _Shape(self._numbers)
            for shape in self._shapes.values():
                values.join(shape)
            return v.record(key if key.kind == "id" else v.string(), values.validator())
        return v.object(self.fields())

    def join(self, other: _Fields) -> None:
        self._count += other._count
        for name, shape in other._shapes.items():
            self._shapes.setdefault(name, _Shape(self._numbers)).join(shape)
            self._counts[name] = self._counts.get(name, 0) + other._counts[name]
