"""`dataModel.d.ts`: the tables, what their documents are, and ids.

Owns:  the types `DataModel`, `TableNames`, `Doc` and `Id`.
Must not know: files, functions.
Invariants: the same schema gives the same text, in whatever order its tables were declared. Every table that an id in
the generated files names is in `TableNames`, or it is a system table that "convex/server" knows.
Threads: pure functions.
Source: npm `convex` 1.48, dist/esm-types/server/data_model.d.ts and schema.d.ts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nbconvex.codegen.source_text import block, deeper, head, key, member, quoted, union, used
from nbconvex.codegen.type_text import document_text, field_paths, has_other_fields
from nbconvex.values.content_indexes import SearchIndexDefinition
from nbconvex.values.schema import SchemaDefinition, TableDefinition
from nbconvex.values.schema_rules import SYSTEM_FIELDS
from nbconvex.values.vector_indexes import VectorIndexDefinition

#: The system tables whose ids "convex/server" has types for.
_SYSTEM_TABLES: Final = frozenset({"_scheduled_functions", "_storage"})
_INSIDE: Final = "  "

_WITHOUT_SCHEMA: Final = """\
import type { AnyDataModel } from "convex/server";
import type { GenericId } from "convex/values";

/** The names of the tables. No schema is in force, so every name will do. */
export type TableNames = string;

/** A document of a table. No schema is in force, so nothing is known about it. */
export type Doc<TableName extends TableNames = TableNames> = any;

/** The id of a document of a table: a string, with the table in its type. */
export type Id<TableName extends TableNames = TableNames> = GenericId<TableName>;

/** The tables, as the generic types of "convex/server" take them. */
export type DataModel = AnyDataModel;
"""

#: What may be used of "convex/server".
_IMPORTED: Final = (
    "AnyDataModel", "DocumentByName", "PaginationOptions", "PaginationResult", "SystemTableNames",
    "TableNamesInDataModel",
)  # fmt: skip
_WITH_SCHEMA: Final = """\
import type { GenericId } from "convex/values";

/** The names of the tables. */
export type TableNames = TableNamesInDataModel<DataModel>;

/** A document of a table, its system fields included. */
export type Doc<TableName extends TableNames> = DocumentByName<DataModel, TableName>;

/** The id of a document of a table: a string, with the table in its type. */
export type Id<TableName extends TableNames | SystemTableNames> = GenericId<TableName>;

/** The tables, as the generic types of "convex/server" take them. */
"""


def data_model_declarations(schema: SchemaDefinition | None, others: Iterable[str] = ()) -> str:
    """The text of `dataModel.d.ts`; `others` are tables that are used and need not be in the schema."""
    title = head("The tables of a backend, and the types of their documents and ids.")
    if schema is None:
        return title + _WITHOUT_SCHEMA
    entries = {name: _table(name, definition) for name, definition in schema.tables.items()}
    for name in set(others) - _SYSTEM_TABLES - entries.keys():
        entries[name] = "AnyDataModel[string]"
    lines = [member(key(name), entry) for name, entry in sorted(entries.items())]
    if not schema.strict_table_names:
        lines.append("[tableName: string]: AnyDataModel[string]")
    tables = block(lines, "", is_flat_allowed=False)
    text = _WITH_SCHEMA + f"export type DataModel = {tables};\n"
    return f'{title}import type {{ {", ".join(used(_IMPORTED, text))} }} from "convex/server";\n{text}'


def _table(name: str, definition: TableDefinition) -> str:
    inside = deeper(_INSIDE)
    paths = {quoted(path) for path in field_paths(definition.validator) | {*SYSTEM_FIELDS}}
    is_open = has_other_fields(definition.validator)
    entries = [
        member("document", document_text(definition.validator, name, inside)),
        member("fieldPaths", "string" if is_open else union(sorted(paths), inside)),
        f"indexes: {_indexes(definition, inside)}",
        f"searchIndexes: {_search_indexes(definition, inside)}",
        f"vectorIndexes: {_vector_indexes(definition, inside)}",
    ]
    return block(entries, _INSIDE, is_flat_allowed=False)


def _indexes(definition: TableDefinition, indent: str) -> str:
    indexes = {"by_creation_time": ["_creationTime"], "by_id": ["_id"]}
    # A staged index is built and not yet used.
    indexes |= {name: [*each.fields, "_creationTime"] for name, each in definition.indexes.items() if not each.staged}
    entries = [f"{key(name)}: [{', '.join(map(quoted, fields))}]" for name, fields in sorted(indexes.items())]
    return block(entries, indent)


def _search_indexes(definition: TableDefinition, indent: str) -> str:
    entries = []
    for name, each in sorted(definition.content_indexes.items()):
        if isinstance(each, SearchIndexDefinition) and not each.staged:
            inside = deeper(indent)
            filters = member("filterFields", union(sorted(map(quoted, each.filter_fields)), deeper(inside)))
            entries.append(f"{key(name)}: {block([f'searchField: {quoted(each.search_field)}', filters], inside)}")
    return block(entries, indent)


def _vector_indexes(definition: TableDefinition, indent: str) -> str:
    entries = []
    for name, each in sorted(definition.content_indexes.items()):
        if isinstance(each, VectorIndexDefinition) and not each.staged:
            inside = deeper(indent)
            filters = member("filterFields", union(sorted(map(quoted, each.filter_fields)), deeper(inside)))
            fields = [f"vectorField: {quoted(each.vector_field)}", "dimensions: number", filters]
            entries.append(f"{key(name)}: {block(fields, inside)}")
    return block(entries, indent)
