"""What must hold between documents, beyond the shape of each: unique indexes, references.

Owns:  `TableRules`, made of a schema's definition.
Must not know: documents that are stored; when a rule is looked at.
Invariant: a table without rules has no `TableRules`, so that a writer finds out with one look.
Threads: immutable.
Source: semantics 14 row 17, ADR 15.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nbconvex.values.references import Reference
from nbconvex.values.scalars import UNSET
from nbconvex.values.schema import SchemaDefinition
from nbconvex.values.sort_key import encode_key, field_value
from nbconvex.values.validator_report import show_value

#: How much of a value a sentence about it shows.
_SHOWN_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class UniqueRule:
    """No two documents have the same values in all fields of this index."""

    index: str
    fields: tuple[str, ...]

    def key(self, document: Mapping[str, Any]) -> bytes | None:
        """What no other document's index key may begin with; None where a field is absent or null.

        As in SQL, where two nulls are not equal: most documents that have no e-mail address would else be refused.
        """
        parts = []
        for path in self.fields:
            value = field_value(document, path)
            if value is None or value is UNSET:
                return None
            parts.append(encode_key(value))
        return b"".join(parts)

    def values(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """The document's values of these fields."""
        return {path: field_value(document, path) for path in self.fields}

    def shown(self, document: Mapping[str, Any]) -> str:
        """The document's values of these fields, for a sentence."""
        shown = [
            f"{path} = {show_value(value, characters_max=_SHOWN_CHARACTERS)}"
            for path, value in self.values(document).items()
        ]
        return " and ".join(shown)


@dataclass(frozen=True, slots=True)
class TableRules:
    """The rules of one table: its unique indexes, its own references, and those of all tables to it."""

    unique: tuple[UniqueRule, ...] = ()
    refers: tuple[Reference, ...] = ()
    referred: tuple[Reference, ...] = ()


_NO_RULES = TableRules()


def rules_of(schema: SchemaDefinition) -> Mapping[str, TableRules]:
    """The rules of those tables that have some."""
    refers = {name: schema.references(name) for name in schema.tables}
    found = {}
    for name, table in schema.tables.items():
        rules = TableRules(
            tuple(UniqueRule(index.name, index.fields) for index in table.indexes.values() if index.unique),
            refers[name],
            tuple(each for references in refers.values() for each in references if each.target == name),
        )
        if rules != _NO_RULES:
            found[name] = rules
    return found
