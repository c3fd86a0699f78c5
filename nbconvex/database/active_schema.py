"""The schema in force: what a snapshot checks its writes with.

Owns:  `ActiveSchema`.
Must not know: how a schema comes into force.
Invariant: one object a push; the commit path compares identities to see that a push came between.
Threads: immutable.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from nbconvex.database.write_rules import TableRules, rules_of
from nbconvex.errors import DocumentInvalidError
from nbconvex.limits import Limits
from nbconvex.values.codec import decode_document
from nbconvex.values.content_indexes import ContentDefinition
from nbconvex.values.flat_objects import Flat, compile_flat
from nbconvex.values.schema import SchemaDefinition, TableDefinition
from nbconvex.values.times import Times, times_of
from nbconvex.values.validator_check import compile_check, compile_filling, has_defaults
from nbconvex.values.validator_report import ValidationProblem
from nbconvex.values.validators import ObjectValidator, UnionValidator, Validator

#: Checks a value and returns it converted; the second argument gives a table's name by its number.
Check = Callable[[Any, Mapping[int, str]], Any]


class ActiveSchema:
    """A schema definition with its validators compiled.

    Shapes:  `checks` has a function for each table whose documents are validated; `flats` the quick pass of those whose
    documents can be flat; `fills` the function for tables whose fields have defaults, which it puts where a field is
    absent; `int64_fields` the indexed fields of such tables that hold 64-bit integers and no other numbers; `times`
    where times are, in documents of tables that have some; `rules` what holds between documents, for the tables of
    which something does.
    """

    __slots__ = ("checks", "definition", "fills", "flats", "int64_fields", "rules", "times")

    def __init__(self, definition: SchemaDefinition) -> None:
        self.definition = definition
        self.checks: dict[str, Check] = (
            {name: compile_check(table.validator) for name, table in definition.tables.items()}
            if definition.schema_validation
            else {}
        )
        validators = {name: definition.tables[name].validator for name in self.checks}
        self.fills: dict[str, Check] = {
            name: compile_filling(validator) for name, validator in validators.items() if has_defaults(validator)
        }
        self.flats: dict[str, Flat] = {
            name: flat for name, validator in validators.items() if (flat := compile_flat(validator)) is not None
        }
        self.int64_fields: dict[str, frozenset[str]] = {
            name: frozenset(found) for name in self.checks if (found := list(_int64_fields(definition.tables[name])))
        }
        self.times: dict[str, Times] = {
            name: times
            for name, table in definition.tables.items()
            if (times := times_of(table.document_type(name))) is not None
        }
        self.rules: Mapping[str, TableRules] = rules_of(definition)

    def flat(
        self, table: Any, value: Any, limits: Limits, tables: Callable[[], Mapping[int, str]]
    ) -> tuple[dict[str, Any], int] | None:
        """A document as it will be stored, system fields apart, and its size; None where one pass cannot tell."""
        flat = self.flats.get(table) if type(table) is str and type(value) is dict else None
        if flat is None or flat.fields > limits.object_fields or flat.name_length > limits.identifier_length:
            return None
        return flat.check(value, tables)

    def checked(self, table: str, document: dict[str, Any], tables: Callable[[], Mapping[int, str]]) -> dict[str, Any]:
        """A normalized document as its table's validator returns it, defaults filled in.

        Raises:  DocumentInvalidError.
        """
        check = self.fills.get(table) or self.checks.get(table)
        if check is None:
            return document
        try:
            checked: dict[str, Any] = check(document, tables())
        except ValidationProblem as problem:
            raise DocumentInvalidError(table, problem.report, path=problem.path) from None
        return checked

    def plain(self, table: Any, value: Any) -> Any:
        """A document, or some fields of one, with numbers in the place of times."""
        times = self.times.get(table) if isinstance(table, str) else None
        return value if times is None else times.to_plain(value)

    def document(self, table: str | None, payload: bytes) -> dict[str, Any]:
        """A stored document as Python sees it."""
        document = decode_document(payload)
        times = self.times.get(table) if table is not None else None
        if times is None:
            return document
        timed: dict[str, Any] = times.to_python(document)
        return timed

    def validator_of(self, table: str) -> Validator | None:
        """What every document of a table matches; None where nothing is known."""
        return self.definition.tables[table].validator if table in self.checks else None

    def indexes_of(self, table: str) -> dict[str, tuple[tuple[str, ...], bool]]:
        """The declared indexes of a table: fields and whether staged, by name."""
        declared = self.definition.tables.get(table)
        if declared is None:
            return {}
        return {name: (tuple(index.fields), index.staged) for name, index in declared.indexes.items()}

    def content_of(self, table: str) -> Mapping[str, ContentDefinition]:
        """The declared content indexes of a table, by name."""
        declared = self.definition.tables.get(table)
        return {} if declared is None else declared.content_indexes

    def nearest(self, table: str) -> str | None:
        """The listed table that an unlisted name looks like, where names are strict; else None."""
        if not self.definition.strict_table_names or table in self.definition.tables:
            return None
        close = difflib.get_close_matches(table, self.definition.tables, 1)
        return close[0] if close else None


def _int64_fields(table: TableDefinition) -> Iterator[str]:
    indexed = [path for index in table.indexes.values() for path in index.fields]
    filtered = [path for index in table.content_indexes.values() for path in index.filter_fields]
    for path in (*indexed, *filtered):
        validator: Validator | None = table.validator
        for part in path.split("."):
            validator = validator.fields.get(part) if isinstance(validator, ObjectValidator) else None
        if validator is not None and _is_int64(validator):
            yield path


def _is_int64(validator: Validator) -> bool:
    """Whether its values are 64-bit integers, or null."""
    members = validator.members if isinstance(validator, UnionValidator) else (validator,)
    kinds = {member.kind for member in members}
    return "int64" in kinds and kinds <= {"int64", "null"}
