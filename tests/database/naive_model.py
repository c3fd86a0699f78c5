"""What the database is, in the simplest way that could be right: a dict of documents, sorted when somebody asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nbconvex.values.ids import decode_id
from nbconvex.values.scalars import UNSET
from nbconvex.values.schema import SchemaDefinition, define_schema, table
from nbconvex.values.sort_key import encode_key, field_value
from nbconvex.values.validators import v

Document = dict[str, Any]

#: Tables that a schema knows, with their indexes; "extras" comes into being with its first document.
INDEXES: dict[str, dict[str, tuple[str, ...]]] = {
    "items": {"by_creation_time": (), "by_kind": ("kind",), "by_kind_rank": ("kind", "rank")},
    "extras": {"by_creation_time": ()},
}


def schema(*, with_spare_index: bool = False) -> SchemaDefinition:
    """The schema that `INDEXES` describes; another one has an index more, which nobody asks."""
    items = table(v.any())
    if with_spare_index:
        items = items.index("by_rank", ("rank",))
    for name, fields in INDEXES["items"].items():
        if fields:
            items = items.index(name, fields)
    return define_schema({"items": items})


@dataclass(frozen=True)
class Find:
    """A query: conditions are (operation, field, value), in the order of the index."""

    table: str
    index: str = "by_creation_time"
    conditions: tuple[tuple[str, str, Any], ...] = ()
    order: str = "asc"

    def of(self, transaction: Any) -> Any:
        """The same question as a query chain."""
        query = transaction.query(self.table)

        def narrowed(q: Any) -> Any:
            for operation, field, value in self.conditions:
                q = getattr(q, operation)(field, value)
            return q

        # A table that does not exist yet has no index to speak of.
        query = query.with_index(self.index, narrowed) if self.conditions or self.index != "by_creation_time" else query
        return query.order(self.order)


COMPARED = {
    "eq": bytes.__eq__,
    "gt": bytes.__gt__,
    "gte": bytes.__ge__,
    "lt": bytes.__lt__,
    "lte": bytes.__le__,
}


class Model:
    """A store with one user. Every method returns what its user sees."""

    def __init__(self, documents: dict[str, tuple[str, Document]] | None = None) -> None:
        self.documents = dict(documents or {})
        self.marks: list[dict[str, tuple[str, Document]]] = []

    def copy(self) -> Model:
        return Model(self.documents)

    def get(self, id: str) -> Document | None:
        return self.documents[id][1] if id in self.documents else None

    def insert(self, table: str, document: Document) -> None:
        self.documents[document["_id"]] = (table, document)

    def patch(self, id: str, fields: Document) -> bool:
        return self.replace(id, {**(self.get(id) or {}), **fields})

    def replace(self, id: str, fields: Document) -> bool:
        before = self.get(id)
        if before is not None:
            system = {name: before[name] for name in ("_id", "_creationTime")}
            whole = {name: each for name, each in {**fields, **system}.items() if each is not UNSET}
            self.documents[id] = (self.documents[id][0], whole)
        return before is not None

    def delete(self, id: str) -> bool:
        return self.documents.pop(id, None) is not None

    def collect(self, find: Find) -> list[Document]:
        found = [each for table, each in self.documents.values() if table == find.table]
        for operation, field, value in find.conditions:
            holds, bound = COMPARED[operation], encode_key(value)
            found = [each for each in found if holds(encode_key(field_value(each, field)), bound)]
        return sorted(found, key=lambda each: position(find, each), reverse=find.order == "desc")

    def take(self, find: Find, count: int) -> list[Document]:
        return self.collect(find)[:count]

    def count(self, find: Find) -> int:
        return len(self.collect(find))

    def page(self, find: Find, size: int, after: tuple[bytes, ...] | None) -> tuple[list[Document], bool]:
        found = self.collect(find)
        if after is not None:
            is_behind = tuple.__gt__ if find.order == "asc" else tuple.__lt__
            found = [each for each in found if is_behind(position(find, each), after)]
        return found[:size], len(found) < size

    def savepoint(self) -> None:
        self.marks.append(dict(self.documents))

    def rollback(self) -> None:
        self.documents = self.marks.pop()


def position(find: Find, document: Document) -> tuple[bytes, ...]:
    """Where a document stands in the order of a query's index."""
    fields = (*INDEXES[find.table][find.index], "_creationTime")
    return (*(encode_key(field_value(document, field)) for field in fields), decode_id(document["_id"])[1])


def seen(result: Any) -> bytes:
    """What a step returned, in a form that compares as values do: 1 is not True."""
    return encode_key(result)
