"""What a `%%schema` cell answers.

Owns:  the lines about a schema that was put in force or checked, the listing of the one in force, and the migration
cells that are offered where the data does not fit.
Must not know: how schemas are compared or checked.
Threads: pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from nbconvex.notebook.card import Code, Lines, Listing
from nbconvex.values.schema_diff import is_unique
from nbconvex.values.validators import ObjectValidator

if TYPE_CHECKING:
    from nbconvex.backend import Backend
    from nbconvex.database.schema_push import SchemaReport
    from nbconvex.errors import SchemaViolatedError
    from nbconvex.values.schema import SchemaDefinition, TableDefinition
    from nbconvex.values.schema_diff import AnyIndex


def schema_lines(report: SchemaReport, *, is_check_only: bool = False) -> Lines:
    """What a push did, or would do."""
    diff = report.diff
    parts = [
        ("new tables", diff.added_tables),
        ("changed tables", diff.changed_tables),
        ("tables no longer in the schema (their documents stay)", diff.removed_tables),
        ("new indexes", _names(each for each in diff.added_indexes if not each[1].staged)),
        (
            "new staged indexes (no query can use them yet)",
            _names(each for each in diff.added_indexes if each[1].staged),
        ),
        ("indexes that can be used now", _names(diff.enabled_indexes)),
        ("indexes now staged (no query can use them)", _names(diff.staged_indexes)),
        ("indexes unique now", _names(each for each in diff.changed_indexes if is_unique(each[1]))),
        ("indexes no longer unique", _names(each for each in diff.changed_indexes if not is_unique(each[1]))),
        ("indexes gone", _names(diff.removed_indexes)),
    ]
    changes = " · ".join(f"{what}: {', '.join(names)}" for what, names in parts if names)
    if diff.has_other_settings:
        changes = " · ".join(filter(None, [changes, "settings changed"]))
    first = ("✓", f"schema: {changes or 'nothing changed'}")
    if is_check_only:
        first = ("?", f"the data fits; this would change: {changes or 'nothing'}")
    lines = [first]
    if report.checked_documents:
        count = report.checked_documents
        checked = (
            "1 document was checked; it fits" if count == 1 else f"{count:,} documents were checked, all of them fit"
        )
        lines.append(("", checked))
    return Lines(lines)


def migration_offers(backend: Backend, error: SchemaViolatedError) -> tuple[dict[str, str], list[Lines | Code]]:
    """Migration cells that would make the data fit, by table, and how they are shown."""
    # Not at the top: most schemas fit.
    from nbconvex.database.misfits import is_checked, misfits
    from nbconvex.notebook.migration_draft import drafts

    if error.schema is None:
        return {}, []
    snapshot = backend.database.snapshot
    found = misfits(snapshot, error.schema)
    checked = [table for table in found if is_checked(snapshot, table)]
    # One that is not done can go on under its name.
    taken = [each.name for each in backend.migrations.statuses() if each.state == "done"]
    texts = drafts(found, checked=checked, taken=taken)
    shown: list[Lines | Code] = []
    for table, text in texts.items():
        word = "" if len(texts) == 1 else f" {table}"
        said = f"A migration can make the documents of {table} fit. This cell is a draft of it; copy it, or have it put"
        shown += [Lines([("→", f"{said} below with  %convex migrations --draft{word}")]), Code(text)]
    return texts, shown


def schema_listing(schema: SchemaDefinition | None) -> Listing:
    """The schema in force."""
    tables = {} if schema is None else schema.tables
    rows = [
        [name, _fields(table), ", ".join(map(str, (*table.indexes.values(), *table.content_indexes.values())))]
        for name, table in tables.items()
    ]
    return Listing(
        "schema", ["table", "documents", "indexes"], rows, empty="No schema: tables take any document.",
        code=["documents"],
    )  # fmt: skip


def _fields(table: TableDefinition) -> str:
    """What documents look like: a line a field where there are fields."""
    validator = table.validator
    if not isinstance(validator, ObjectValidator) or validator.rest is not None or not validator.fields:
        return str(validator)
    return ",\n".join(f'"{name}": {each}' for name, each in validator.fields.items())


def _names(indexes: Iterable[tuple[str, AnyIndex]]) -> list[str]:
    return [f"{table}.{index.as_staged(False)}" for table, index in indexes]
