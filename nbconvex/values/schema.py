"""Schemas: the tables of an app, what their documents look like, and their indexes.

Owns:  table and schema definitions, their JSON form, whole-document validators.
Must not know: which documents are stored; the numbers of tables.
Invariants: definitions are immutable and checked when they are made: there is no definition that breaks a rule.
Threads: may be shared.
Source: semantics 2.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from nbconvex.errors import SchemaInvalidError
from nbconvex.limits import Limits
from nbconvex.values.annotations import fields_from_class, is_typed_class
from nbconvex.values.content_indexes import ContentDefinition, checked_search_index
from nbconvex.values.references import Reference, references_of
from nbconvex.values.schema_rules import check_identifier, check_index, check_table_name, table_validator
from nbconvex.values.validator_json import validator_from_json
from nbconvex.values.validators import IdValidator, ObjectValidator, UnionValidator, Validator, object_fields, v
from nbconvex.values.vector_indexes import checked_vector_index


@dataclass(frozen=True, slots=True)
class IndexDefinition:
    """An index of a table. Creation time and id follow its fields, unnamed.

    Fields:  a `staged` index is built, and not yet used; in a `unique` one no two documents have the same values.
    """

    KIND: ClassVar[str] = "index"

    name: str
    fields: tuple[str, ...]
    staged: bool = False
    unique: bool = False

    def __str__(self) -> str:
        return f"{self.name} ({', '.join(self.fields)}){' unique' * self.unique}{' staged' * self.staged}"

    def to_json(self) -> dict[str, Any]:
        """The tree that `TableDefinition.from_json` makes the same index of."""
        tree: dict[str, Any] = {"indexDescriptor": self.name, "fields": list(self.fields), "staged": self.staged}
        if self.unique:
            tree["unique"] = True
        return tree

    @property
    def described(self) -> str:
        """What it is on, for people."""
        return ", ".join(self.fields)

    @property
    def place(self) -> tuple[str, tuple[str, ...]]:
        """What it has in common with a definition that differs only in whether it is staged or unique."""
        return self.name, self.fields

    def as_staged(self, staged: bool, /) -> IndexDefinition:  # noqa: FBT001 - the one thing it is about
        """The same definition, staged or not."""
        return dataclasses.replace(self, staged=staged)


@dataclass(frozen=True, slots=True)
class TableDefinition:
    """What the documents of a table look like, and how they are found.

    Fields:  `validator` is without the system fields; names are unique over `indexes` and `content_indexes`.
    """

    validator: Validator
    indexes: Mapping[str, IndexDefinition] = field(default_factory=lambda: MappingProxyType({}))
    content_indexes: Mapping[str, ContentDefinition] = field(default_factory=lambda: MappingProxyType({}))

    def index(self, name: str, fields: Sequence[str], *, staged: bool = False, unique: bool = False) -> TableDefinition:
        """The same table with one more index. Fields may be dotted paths into nested objects.

        With `unique` no two documents have the same values in all its fields; where one of them is absent or null, a
        document is not compared.
        Raises:  SchemaInvalidError.
        """
        others = {other.name: other.fields for other in self.indexes.values()}
        checked = check_index(name, fields, self.validator, others, self.content_indexes)
        if staged and unique:
            raise SchemaInvalidError(
                f'index "{name}" cannot be staged and unique: a staged index is not used yet, so nothing would keep it '
                "unique; leave out one of the two"
            )
        definition = IndexDefinition(name, checked, bool(staged), bool(unique))
        return dataclasses.replace(self, indexes=MappingProxyType({**self.indexes, name: definition}))

    def search_index(
        self, name: str, *, search_field: str, filter_fields: Sequence[str] = (), staged: bool = False
    ) -> TableDefinition:
        """The same table with an index of the words in `search_field`. Fields may be dotted paths.

        A search can be narrowed by equality on `filter_fields`.
        Raises:  SchemaInvalidError.
        """
        return self._with_content(
            checked_search_index(
                name, search_field, filter_fields, staged=staged, validator=self.validator, ordinary=self.indexes,
                present=self.content_indexes,
            )
        )  # fmt: skip

    def vector_index(
        self,
        name: str,
        *,
        vector_field: str,
        dimensions: int,
        filter_fields: Sequence[str] = (),
        staged: bool = False,
    ) -> TableDefinition:
        """The same table with an index of the vectors in `vector_field`: lists of `dimensions` numbers, 2 to 4,096.

        A search can be narrowed by equality on `filter_fields`. Fields may be dotted paths.
        Raises:  SchemaInvalidError.
        """
        return self._with_content(
            checked_vector_index(
                name, vector_field, dimensions, filter_fields, staged=staged, validator=self.validator,
                ordinary=self.indexes, present=self.content_indexes,
            )
        )  # fmt: skip

    def _with_content(self, definition: ContentDefinition) -> TableDefinition:
        content = MappingProxyType({**self.content_indexes, definition.name: definition})
        return dataclasses.replace(self, content_indexes=content)

    if not TYPE_CHECKING:  # to a type checker any name would look right

        def __getattr__(self, name: str) -> NoReturn:
            if name == "vectorIndex":
                raise SchemaInvalidError(
                    "vectorIndex is spelled vector_index here: nbconvex's names are snake_case",
                    hint='.vector_index("by_embedding", vector_field="embedding", dimensions=384, '
                    'filter_fields=["genre"])',
                )
            if name == "searchIndex":
                raise SchemaInvalidError(
                    "searchIndex is spelled search_index here: nbconvex's names are snake_case",
                    hint='.search_index("search_body", search_field="body", filter_fields=["channel"])',
                )
            raise AttributeError(
                f"a table definition has no {name}; functions are called by way of api, as in api.module.function()"
            )

    def document_type(self, table_name: str) -> Validator:
        """The validator of whole stored documents, system fields included."""
        return _with_system_fields(self.validator, table_name)

    def to_json(self) -> dict[str, Any]:
        """The tree that `from_json` makes the same definition of."""
        indexes = [index.to_json() for index in self.indexes.values()]
        tree: dict[str, Any] = {"documentType": self.validator.to_json(), "indexes": indexes}
        # Named only where there are some: what was stored before there were content indexes reads the same.
        for content in self.content_indexes.values():
            tree.setdefault(content.JSON_NAME, []).append(content.to_json())
        return tree

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> TableDefinition:
        """The definition that `tree` was written from.

        Raises:  SchemaInvalidError.
        """
        definition = table(validator_from_json(tree["documentType"]))
        for index in tree["indexes"]:
            definition = definition.index(
                index["indexDescriptor"], index["fields"], staged=index["staged"], unique=index.get("unique", False)
            )
        for index in tree.get("searchIndexes", ()):
            definition = definition.search_index(
                index["indexDescriptor"],
                search_field=index["searchField"],
                filter_fields=index["filterFields"],
                staged=index["staged"],
            )
        for index in tree.get("vectorIndexes", ()):
            definition = definition.vector_index(
                index["indexDescriptor"],
                vector_field=index["vectorField"],
                dimensions=index["dimensions"],
                filter_fields=index["filterFields"],
                staged=index["staged"],
            )
        return definition


def _with_system_fields(validator: Validator, table_name: str) -> Validator:
    if isinstance(validator, ObjectValidator):
        system = {"_id": v.id(table_name), "_creationTime": v.number()}
        return v.object({**system, **validator.fields}, rest=validator.rest)
    if isinstance(validator, UnionValidator):
        return UnionValidator(tuple(_with_system_fields(member, table_name) for member in validator.members))
    return validator


def table(fields: Mapping[str, Validator] | Validator | type) -> TableDefinition:
    """The definition of a table, from its fields, from a validator (an object, a union of objects, any) or from a
    typed class (TypedDict, dataclass, class with annotations).

    Raises:  SchemaInvalidError.
    """
    if isinstance(fields, Validator):
        return TableDefinition(table_validator(fields))
    if isinstance(fields, type) and is_typed_class(fields):
        return TableDefinition(table_validator(v.object(fields_from_class(fields))))
    if isinstance(fields, Mapping):
        return TableDefinition(table_validator(v.object(object_fields(fields, place="table"))))
    if fields is None:
        raise SchemaInvalidError(
            "table got None. A name it was to come from is not defined yet: usually the cell that defines it has not "
            "been run."
        )
    raise SchemaInvalidError(
        f"table takes a dict of fields, a validator or a typed class, got {fields!r:.80}",
        hint='table({"body": v.string()})',
    )


define_table = table


@dataclass(frozen=True, slots=True)
class SchemaDefinition:
    """The tables of an app. Tables that are not listed stay usable, and are not validated.

    Fields:  without `schema_validation` documents are not checked, and indexes still apply; `strict_table_names` asks
             for a warning where a table's name is almost that of a listed one.
    """

    tables: Mapping[str, TableDefinition]
    schema_validation: bool = True
    strict_table_names: bool = True

    def doc(self, table_name: str) -> Validator:
        """The validator of whole documents of a table, system fields included.

        Raises:  SchemaInvalidError when the table is not in the schema.
        """
        return self._table(table_name).document_type(table_name)

    def id(self, table_name: str) -> IdValidator:
        """The validator of ids of a table.

        Raises:  SchemaInvalidError when the table is not in the schema.
        """
        self._table(table_name)
        return v.id(table_name)

    def references(self, table_name: str) -> tuple[Reference, ...]:
        """The references of a table that are kept: those with `on_delete`.

        Raises:  SchemaInvalidError where one cannot be kept.
        """
        table = self.tables[table_name]
        indexes = {index.name: index.fields for index in table.indexes.values() if not index.staged}
        return tuple(references_of(table_name, table.validator, indexes, self.tables))

    def _table(self, table_name: str) -> TableDefinition:
        definition = self.tables.get(table_name)
        if definition is None:
            guess = self.near_miss(table_name)
            known = f'Did you mean "{guess}"?' if guess else f"Its tables are {', '.join(self.tables) or 'none'}."
            raise SchemaInvalidError(f'the schema has no table "{table_name}". {known}')
        return definition

    def near_miss(self, table_name: str) -> str | None:
        """The listed table whose name is almost this one, which is not listed; None where there is none."""
        if table_name in self.tables:
            return None
        matches = difflib.get_close_matches(table_name, self.tables, n=1, cutoff=0.75)
        return matches[0] if matches else None

    def to_json(self) -> dict[str, Any]:
        """The tree that `from_json` makes the same schema of."""
        return {
            "tables": [{"tableName": name, **item.to_json()} for name, item in self.tables.items()],
            "schemaValidation": self.schema_validation,
            "strictTableNames": self.strict_table_names,
        }

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> SchemaDefinition:
        """The schema that `tree` was written from.

        Raises:  SchemaInvalidError.
        """
        try:
            tables = {item["tableName"]: TableDefinition.from_json(item) for item in tree["tables"]}
            return define_schema(
                tables, schema_validation=tree["schemaValidation"], strict_table_names=tree["strictTableNames"]
            )
        except (KeyError, TypeError) as error:
            raise SchemaInvalidError(f"this is not a schema in JSON: {tree!r:.200}") from error


def define_schema(
    tables: Mapping[str, TableDefinition], *, schema_validation: bool = True, strict_table_names: bool = True
) -> SchemaDefinition:
    """The schema made of these tables.

    Raises:  SchemaInvalidError.
    """
    if not isinstance(tables, Mapping):
        raise SchemaInvalidError(
            f"define_schema takes a dict from table names to tables, got {type(tables).__name__}",
            hint='define_schema({"messages": table({...})})',
        )
    maximum = Limits().tables
    if len(tables) > maximum:
        raise SchemaInvalidError(f"the schema has {len(tables):,} tables; there are at most {maximum:,}")
    for name, definition in tables.items():
        check_table_name(check_identifier(name, "a table"))
        if definition is None:
            raise SchemaInvalidError(
                f'table "{name}" has no definition (it is None). A name it was to come from is not defined yet: '
                "usually the cell that defines it has not been run."
            )
        if not isinstance(definition, TableDefinition):
            raise SchemaInvalidError(
                f'table "{name}" must be a table definition, got {definition!r:.80}', hint=f'"{name}": table({{...}})'
            )
    schema = SchemaDefinition(
        MappingProxyType(dict(tables)), schema_validation=schema_validation, strict_table_names=strict_table_names
    )
    for name in tables:
        schema.references(name)
    return schema
