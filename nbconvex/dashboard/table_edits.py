"""Changing documents by hand, each change as a mutation.

Owns:  `TableEdits`: setting a field, replacing, adding and deleting documents.
Must not know: pages; what a mutation checks.
Invariants: nothing is written but through `ctx.db`, so validators, unique indexes, references, triggers and limits hold
as for the app's own functions, and whoever follows the data is told. What was changed meanwhile is not overwritten
unawares: the text that the author began with is compared in the same transaction.
Threads: any; each change is a call of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from nbconvex.dashboard.table_shape import SYSTEM_FIELDS
from nbconvex.errors import CallerError, DocumentNotFoundError
from nbconvex.functions.acting import acting_identity
from nbconvex.functions.definition import define
from nbconvex.values.scalars import UNSET
from nbconvex.values.spelling import as_meant, read_spelled, spelled

if TYPE_CHECKING:
    from nbconvex.backend import Backend
    from nbconvex.functions.context import MutationCtx
    from nbconvex.functions.run import Run
    from nbconvex.values.validators import Validator

#: Under which name the dashboard's changes stand in the log, before the colon.
MODULE: Final = "dashboard"
#: From so many characters on, a nested value is written over several lines.
_LINE_MAX: Final = 60
#: Documents that one confirmation deletes.
DELETED_MAX: Final = 1_000

Document = Mapping[str, Any]


class TableEdits:
    """The changes that one dashboard makes."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def set_field(self, table: str, document_id: str, field: str, text: str, was: str | None) -> None:
        """Put the value that `text` spells into a field; `was` is the text that its author has seen, None for none.

        Raises:  ValueInvalidError for a text that is no value; CallerError where the field has changed meanwhile;
                 whatever a mutation raises.
        """
        self._require_editable(field)
        value = read_spelled(text, self._validator(table), field)
        self._patch("set_field", table, document_id, field, value, was)

    def unset_field(self, table: str, document_id: str, field: str, was: str | None) -> None:
        """Take a field out of a document. Raises: as `set_field`."""
        self._require_editable(field)
        self._patch("unset_field", table, document_id, field, UNSET, was)

    def _patch(self, name: str, table: str, document_id: str, field: str, value: Any, was: str | None) -> None:
        def handler(ctx: MutationCtx) -> None:
            now = field_text(_found(ctx, table, document_id), field)
            if was is not None and now != was:
                raise CallerError(f'"{field}" has been changed meanwhile, to: {now[:200]}')
            ctx.db.patch(table, document_id, {field: value})

        self._run(name, handler)

    def replace(self, table: str, document_id: str, text: str, was: str | None) -> None:
        """Put the document that `text` spells in another's place. Raises: as `set_field`."""
        document = self._document(table, text)

        def handler(ctx: MutationCtx) -> None:
            if was is not None and document_text(_found(ctx, table, document_id)) != was:
                raise CallerError("the document has been changed meanwhile.")
            ctx.db.replace(table, document_id, document)

        self._run("replace", handler)

    def insert(self, table: str, text: str) -> str:
        """Add the document that `text` spells; its id. Raises: as `set_field`."""
        document = self._document(table, text)
        added = []

        def handler(ctx: MutationCtx) -> None:
            added.append(ctx.db.insert(table, document))

        self._run("insert", handler)
        return added[-1]

    def delete(self, table: str, document_ids: Sequence[Any]) -> int:
        """Delete documents, all or none; how many went, those among them that the schema takes along.

        Raises:  whatever a mutation raises.
        """
        if not document_ids or len(document_ids) > DELETED_MAX:
            raise CallerError(f"from 1 to {DELETED_MAX:,} documents can be deleted at once, not {len(document_ids):,}.")

        def handler(ctx: MutationCtx) -> None:
            for each in document_ids:
                # One may have taken another along.
                if ctx.db.get(table, each) is not None:
                    ctx.db.delete(table, each)

        run = self._run("delete", handler)
        assert run.tx is not None, run.path
        return sum(write.before is not None and write.after is None for write in run.tx.writes.values())

    def _run(self, name: str, handler: Callable[[MutationCtx], None]) -> Run:
        backend = self._backend
        definition = define("mutation", handler, f"{MODULE}:{name}")
        run = backend.runner.new_run(definition, acting_identity(backend.acting), is_echoed=False)
        backend.runner.execute(run, {})
        return run

    def _validator(self, table: str) -> Validator | None:
        schema = self._backend.database.snapshot.schema
        return None if schema is None else schema.validator_of(table)

    def _document(self, table: str, text: str) -> dict[str, Any]:
        value = read_spelled(text)
        if not isinstance(value, dict):
            raise CallerError("a document is an object: {...}", hint='{"name": "Ada", "age": 36}')
        for name in SYSTEM_FIELDS & value.keys():
            raise CallerError(f"{name} is given by the database: leave it out.")
        validator = self._validator(table)
        return {name: as_meant(each, validator, name) for name, each in value.items()}

    def _require_editable(self, field: str) -> None:
        if field in SYSTEM_FIELDS:
            raise CallerError(f"{field} is given by the database and cannot be changed.")


def _found(ctx: MutationCtx, table: str, document_id: str) -> Document:
    document = ctx.db.get(table, document_id)
    if document is None:
        raise DocumentNotFoundError("Update", document_id)
    return document


def field_text(document: Document, field: str) -> str:
    """A field as it is written to be edited; UNSET where the document has no such field."""
    value = document.get(field, UNSET)
    line = spelled(value)
    return spelled(value, indent=2) if isinstance(value, (list, dict)) and len(line) > _LINE_MAX else line


def document_text(document: Document) -> str:
    """A document as it is written to be edited, without what the database gives."""
    return spelled({name: each for name, each in document.items() if name not in SYSTEM_FIELDS}, indent=2)
