"""The schema in force: what a snapshot checks its writes with.

Owns:  `ActiveSchema`.
Must not know: how a schema comes into force.
Invariant: one object a push; the commit path compares identities to see that a push came between.
Threads: immutable.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any

from nbconvex.values.schema import SchemaDefinition
from nbconvex.values.validator_check import compile_check

#: Checks a value and returns it converted; the second argument gives a table's name by its number.
Check = Callable[[Any, Mapping[int, str]], Any]


class ActiveSchema:
    """A schema definition with its validators compiled.

    Shapes:  `checks` holds a function for each table whose documents are validated.
    """

    __slots__ = ("checks", "definition")

    def __init__(self, definition: SchemaDefinition) -> None:
        self.definition = definition
        self.checks: dict[str, Check] = (
            {name: compile_check(table.validator) for name, table in definition.tables.items()}
            if definition.schema_validation
            else {}
        )

    def indexes_of(self, table: str) -> dict[str, tuple[tuple[str, ...], bool]]:
        """The declared indexes of a table: fields and whether staged, by name."""
        declared = self.definition.tables.get(table)
        if declared is None:
            return {}
        return {name: (tuple(index.fields), index.staged) for name, index in declared.indexes.items()}

    def nearest(self, table: str) -> str | None:
        """The listed table that an unlisted name looks like, where names are strict; else None."""
        if not self.definition.strict_table_names or table in self.definition.tables:
            return None
        close = difflib.get_close_matches(table, self.definition.tables, 1)
        return close[0] if close else None
