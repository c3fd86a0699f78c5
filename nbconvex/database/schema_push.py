"""Putting a schema in force: whether the data fits, and what the database looks like afterwards.

Owns:  `check_documents`, `with_schema`, `SchemaReport`; how a schema is kept in `_schemas`; the
       writes that delete tables.
Must not know: the commit path, other transactions.
Invariant: pure functions of a snapshot. The database repeats them when commits came between.
Source: semantics 2.3.
Threads: any.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nbconvex.database.active_schema import ActiveSchema
from nbconvex.database.rule_check import broken_rules
from nbconvex.database.snapshot import Snapshot, Table, listed_table
from nbconvex.database.system_tables import SCHEMAS_TABLE, TABLES_TABLE
from nbconvex.database.writes import Write
from nbconvex.errors import SchemaInvalidError, SchemaViolatedError
from nbconvex.values.codec import decode_document, encode_document
from nbconvex.values.schema import SchemaDefinition
from nbconvex.values.schema_diff import SchemaDiff, diff, is_superset
from nbconvex.values.validator_report import MismatchKind, ValidationProblem

#: Documents of one table that are looked at after the first mismatch, to group and count the kinds of mismatch.
_PROBLEMS_MAX = 100_000
_KINDS_SHOWN = 20
_NAMES_A_FIELD = frozenset({MismatchKind.MISSING_FIELD, MismatchKind.EXTRA_FIELD})


@dataclass(frozen=True, slots=True)
class SchemaReport:
    """What a push did, or would do. `skipped_tables` were known to fit without looking at their documents."""

    diff: SchemaDiff
    checked_documents: int
    skipped_tables: tuple[str, ...]
    created_tables: tuple[str, ...]


def check_documents(snapshot: Snapshot, schema: ActiveSchema) -> tuple[int, tuple[str, ...]]:
    """How many documents were checked against `schema`, and the tables that did not need it.

    Raises:  SchemaViolatedError with each kind of mismatch, counted, with one sample id.
    """
    checked = 0
    skipped: list[str] = []
    problems: list[str] = []
    for name in schema.checks:
        table = snapshot.table(name)
        if table is None or not len(table.documents):
            continue
        if _is_known_to_fit(snapshot.schema, schema, name):
            skipped.append(name)
            continue
        checked += len(table.documents)
        problems.extend(_problems(table, schema, snapshot))
    problems.extend(broken_rules(snapshot, schema))
    if problems:
        raise SchemaViolatedError(problems, schema=schema.definition)
    return checked, tuple(skipped)


def _is_known_to_fit(old: ActiveSchema | None, new: ActiveSchema, table: str) -> bool:
    if old is None or table not in old.checks:
        return False
    return is_superset(new.definition.tables[table].validator, old.definition.tables[table].validator)


def _problems(table: Table, schema: ActiveSchema, snapshot: Snapshot) -> Iterator[str]:
    check = schema.checks[table.name]
    names = {number: each.name for number, each in snapshot.tables.items()}
    kinds: dict[tuple[str, str], tuple[int, str, str]] = {}  # by sentence and path: how often, sample id, report
    found = 0
    for _, payload in table.documents.entries():
        document = decode_document(payload)
        document_id = document.pop("_id")
        document.pop("_creationTime")
        try:
            path = conversion_path(document, check(document, names))
        except ValidationProblem as problem:
            # A sentence that shows the value would make a kind of its own for every document.
            kind = (problem.problem if problem.kind in _NAMES_A_FIELD else problem.kind.value, problem.path)
            mismatch = problem.report
        else:
            if path is None:
                continue
            kind = ("conversion", path)
            mismatch = (
                "A number is stored where the validator asks for a 64-bit integer. "
                f"Patch it with Int64(...) first.\nPath: {path}\nValidator: v.int64()"
            )
        found += 1
        count, sample, report = kinds.get(kind, (0, document_id, mismatch))
        kinds[kind] = (count + 1, sample, report)
        if found >= _PROBLEMS_MAX:
            break
    for count, sample, report in list(kinds.values())[:_KINDS_SHOWN]:
        others = f"\n({count:,} documents of this table have this problem.)" if count > 1 else ""
        yield f'Document with ID "{sample}" in table "{table.name}" does not match the schema: {report}{others}'
    if len(kinds) > _KINDS_SHOWN:
        yield f'... and {len(kinds) - _KINDS_SHOWN} more kinds of mismatch in table "{table.name}".'


def conversion_path(stored: Any, checked: Any, path: str = "") -> str | None:
    """The path to a number that a write would have made an Int64: what is stored already stays a number."""
    if checked is stored:
        return None
    parts: Iterable[tuple[str, Any, Any]] = ()
    if isinstance(stored, dict):
        parts = ((f".{name}", each, checked[name]) for name, each in stored.items())
    elif isinstance(stored, list):
        parts = ((f"[{place}]", each, checked[place]) for place, each in enumerate(stored))
    elif type(stored) is not type(checked):
        return path
    return next((found for step, mine, theirs in parts if (found := conversion_path(mine, theirs, path + step))), None)


def with_schema(snapshot: Snapshot, schema: ActiveSchema) -> Snapshot:
    """`snapshot` with `schema` in force: indexes that are new filled, those that are gone dropped."""
    tables = dict(snapshot.tables)
    for number, table in snapshot.tables.items():
        wanted = schema.indexes_of(table.name)
        present = {
            name: (index.fields, index.is_staged) for name, index in table.indexes.items() if name != "by_creation_time"
        }
        if wanted != present and number not in _SYSTEM_NUMBERS:
            table = table.with_indexes(wanted)  # noqa: PLW2901
        content = schema.content_of(table.name)
        if content != {name: index.definition for name, index in table.content.items()}:
            table = table.with_content(content)  # noqa: PLW2901
        tables[number] = table
    return snapshot.with_tables(tables, schema)


_SYSTEM_NUMBERS = frozenset(Snapshot.empty().tables)


def stored_schema(snapshot: Snapshot) -> SchemaDefinition | None:
    """The schema that the log says is in force, or None."""
    newest = None
    for _, payloads in snapshot.tables[SCHEMAS_TABLE].indexes["by_creation_time"].entries.chunks(reverse=True):
        newest = decode_document(payloads[0])
        break
    return None if newest is None else SchemaDefinition.from_json(newest["schema"])


def changes(old: ActiveSchema | None, new: SchemaDefinition) -> SchemaDiff:
    """What `new` changes."""
    return diff(None if old is None else old.definition, new)


def require_droppable(snapshot: Snapshot, name: str) -> Table:
    """The table `name`, if nothing in the schema stands on it.

    Raises:  SchemaInvalidError naming what refers to it.
    """
    table = snapshot.table(name)
    if table is None or table.number in _SYSTEM_NUMBERS:
        raise SchemaInvalidError(f'there is no table "{name}" to delete.')
    schema = snapshot.schema
    if schema is None:
        return table
    if name in schema.definition.tables:
        raise SchemaInvalidError(f'the table "{name}" is in the schema; take it out of the %%schema cell first.')
    for other, definition in schema.definition.tables.items():
        if name in _referenced_tables(definition.validator.to_json()):
            raise SchemaInvalidError(
                f'the table "{name}" cannot be deleted: table "{other}" refers to it by v.id("{name}").'
            )
    return table


def _referenced_tables(tree: Any) -> Iterator[str]:
    """The tables that a validator's JSON form refers to by v.id."""
    if isinstance(tree, Mapping):
        if tree.get("type") == "id":
            yield tree["tableName"]
        tree = list(tree.values())
    if isinstance(tree, list):
        for branch in tree:
            yield from _referenced_tables(branch)


def deletions(snapshot: Snapshot, numbers: list[int]) -> tuple[list[Write], int]:
    """The writes that delete these tables with all their documents, and how many documents of users there are."""
    writes: list[Write] = []
    count = 0
    for number in numbers:
        table = snapshot.tables[number]
        if number == TABLES_TABLE:
            continue
        count += len(table.documents) if number not in _SYSTEM_NUMBERS else 0
        writes.extend(deletion(table, internal, payload) for internal, payload in table.rows())
    return writes + unlisted(snapshot, numbers), count


def unlisted(snapshot: Snapshot, numbers: Sequence[int]) -> list[Write]:
    """The writes that take these tables out of the list of tables."""
    writes: list[Write] = []
    listing = snapshot.tables[TABLES_TABLE]
    for internal, payload in listing.rows():
        name, number = listed_table(payload)
        if name is not None and number not in numbers:
            continue
        gone = deletion(listing, internal, payload)
        if number < snapshot.last_number:
            writes.append(gone)
        elif name is not None:
            # The highest number is remembered until a higher one is given: ids of this table must fit no other.
            nameless = encode_document({**decode_document(payload), "name": None})
            keys = gone.keys_before
            writes.append(Write.of(TABLES_TABLE, internal, payload, keys, nameless, keys))
    return writes


def deletion(table: Table, internal: bytes, payload: bytes) -> Write:
    """The write that deletes a document."""
    return Write.of(table.number, internal, payload, table.keys_of(decode_document(payload), internal), None, None)
