"""The panel of tables: documents to browse, filter and edit.

Owns:  `TablesPanel`, `table_counts`.
Must not know: how documents are found (`table_page`) or changed (`table_edits`); pages.
Invariants: a view reads one snapshot and is bounded: `ROWS` documents, `COLUMNS_MAX` fields of each, the beginning of
each value. It can be had of a store that is closed or has failed.
Threads: any.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from nbconvex.dashboard.asked import VALUE_MAX, count_in, flag_in, list_in, refuse_action, required_text_in, text_in
from nbconvex.dashboard.table_edits import DELETED_MAX, TableEdits, document_text, field_text
from nbconvex.dashboard.table_page import COMPARISONS, CONDITIONS_MAX, Plan, page_of, plan_of, read_conditions
from nbconvex.dashboard.table_shape import columns_of, described, indexes_of, template_of
from nbconvex.database.metrics import TransactionMetrics
from nbconvex.database.system_tables import VISIBLE_SYSTEM_TABLES
from nbconvex.errors import DocumentNotFoundError
from nbconvex.limits import Limits
from nbconvex.values.cells import cell_of, is_numeric

if TYPE_CHECKING:
    from nbconvex.backend import Backend
    from nbconvex.database.snapshot import Snapshot, Table
    from nbconvex.database.transaction import Transaction

#: Documents of one page, and how many a page may ask for.
ROWS: Final = 50
ROWS_MAX: Final = 200
#: Fields of a document that stand in the grid. Wider tables cannot be read; the document's own text has all.
COLUMNS_MAX: Final = 60
#: Characters of a value in the grid.
CELL_CHARACTERS_MAX: Final = 200
#: Pages that are remembered, so that a commit to another table costs no search.
_REMEMBERED: Final = 16
_ACTIONS: Final = ("read", "document", "template", "set", "unset", "replace", "insert", "delete")


def table_counts(backend: Backend) -> list[tuple[str, int]]:
    """The app's tables by name, and how many documents each has."""
    return [(name, count) for name, count, is_system in _tables(backend.database.snapshot) if not is_system]


def _tables(snapshot: Snapshot) -> list[tuple[str, int, bool]]:
    """The app's tables by name, then those of the platform that may be read."""
    found = [(each.name, len(each.documents), each.name.startswith("_")) for each in snapshot.tables.values()]
    return sorted(
        (each for each in found if not each[2] or each[0] in VISIBLE_SYSTEM_TABLES), key=lambda each: (each[2], each[0])
    )


class TablesPanel:
    """The tables of one backend."""

    name = "tables"
    title = "Tables"
    follows_calls = False

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._edits = TableEdits(backend)
        #: The newest pages with the table and the schema that they were made of.
        self._pages: dict[str, tuple[Table, Any, dict[str, Any]]] = {}

    # -- looking -----------------------------------------------------------------------------------------------------

    def view(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The tables, and one page of one of them.

        Shapes:  `{table?, where?: [{field, comparison, value}], order?: an index, ascending?, cursor?, rows?}`.
        Raises:  CallerError, ValueInvalidError, CursorInvalidError.
        """
        snapshot = self._backend.database.snapshot
        listed = _tables(snapshot)
        name = text_in(request, "table") or next((each for each, _, is_system in listed if not is_system), "")
        shown: dict[str, Any] | None = None
        if any(each[0] == name for each in listed):
            shown = self._page(snapshot, name, request)
        return {
            "tables": [{"name": each, "count": count, "system": system} for each, count, system in listed],
            "table": shown,
            "missing": name if name and shown is None else "",
            "comparisons": list(COMPARISONS.items()),
        }

    def _page(self, snapshot: Snapshot, name: str, request: Mapping[str, Any]) -> dict[str, Any]:
        table = snapshot.table(name)
        assert table is not None, name
        key = json.dumps({**request, "table": name}, sort_keys=True)
        kept = self._pages.get(key)
        if kept is not None and kept[0] is table and kept[1] is snapshot.schema:
            return kept[2]
        page = self._new_page(snapshot, table, request)
        while len(self._pages) >= _REMEMBERED:
            self._pages.pop(next(iter(self._pages)), None)
        self._pages[key] = (table, snapshot.schema, page)
        return page

    def _new_page(self, snapshot: Snapshot, table: Table, request: Mapping[str, Any]) -> dict[str, Any]:
        schema = snapshot.schema
        validator = None if schema is None else schema.validator_of(table.name)
        definition = None if schema is None else schema.definition.tables.get(table.name)
        conditions = read_conditions(list_in(request, "where", most=CONDITIONS_MAX), validator)
        plan = plan_of(table, conditions, text_in(request, "order"))
        cursor = text_in(request, "cursor", characters_max=VALUE_MAX) or None
        page = page_of(
            self._reading(snapshot), table.name, plan, is_descending=not flag_in(request, "ascending"),
            cursor=cursor, rows=max(1, count_in(request, "rows", ROWS, most=ROWS_MAX)),
        )  # fmt: skip
        columns = columns_of(validator, page["page"])
        return {
            "name": table.name,
            "system": table.name.startswith("_"),
            "count": len(table.documents),
            "picture": _picture(columns[:COLUMNS_MAX], page["page"], table),
            "dropped": max(0, len(columns) - COLUMNS_MAX),
            "fields": columns,
            "schema": described(validator),
            "indexes": indexes_of(table, definition),
            "through": plan.index,
            "ranged": _in_words(plan),
            "lookedAt": page["looked_at"],
            "found": page["found"],
            "next": None if page["isDone"] else page["continueCursor"],
        }

    def _reading(self, snapshot: Snapshot) -> Transaction:
        tx = self._backend.database.begin_at(snapshot, reader="dashboard")
        # What is looked at is bounded by the page; the app's own limits are about the app's functions.
        tx.metrics = TransactionMetrics(Limits.off())
        return tx

    # -- doing -------------------------------------------------------------------------------------------------------

    def act(self, action: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """`read` a field and `document` a document as texts to be edited, `template` the text of a new one; `set` and
        `unset` a field, `replace`, `insert`, `delete`.

        Shapes:  `{table, id, field?, text?, was?}`; `ids` of what is to be deleted.
        Raises:  CallerError; whatever a mutation raises.
        """
        table = required_text_in(arguments, "table", "which table it is about")
        # An empty text is one; absent is not.
        was = None if arguments.get("was") is None else text_in(arguments, "was", characters_max=VALUE_MAX)
        if action == "template":
            schema = self._backend.database.snapshot.schema
            return {"text": template_of(None if schema is None else schema.validator_of(table))}
        if action == "insert":
            return {"id": self._edits.insert(table, _written(arguments))}
        if action == "delete":
            return {"deleted": self._edits.delete(table, list_in(arguments, "ids", most=DELETED_MAX))}
        if action not in _ACTIONS:
            refuse_action(self.name, action, _ACTIONS)
        document_id = required_text_in(arguments, "id", "which document it is about")
        if action == "read":
            return {
                "text": field_text(
                    self._document(table, document_id), required_text_in(arguments, "field", "which field it is about")
                )
            }
        if action == "document":
            document = self._document(table, document_id)
            return {"text": document_text(document), "created": document["_creationTime"]}
        if action == "replace":
            self._edits.replace(table, document_id, _written(arguments), was)
        elif action == "set":
            self._edits.set_field(
                table,
                document_id,
                required_text_in(arguments, "field", "which field it is about"),
                _written(arguments),
                was,
            )
        else:
            self._edits.unset_field(
                table, document_id, required_text_in(arguments, "field", "which field it is about"), was
            )
        return {}

    def _document(self, table: str, document_id: str) -> Mapping[str, Any]:
        document = self._reading(self._backend.database.snapshot).get(document_id, table=table)
        if document is None:
            raise DocumentNotFoundError("Get", document_id)
        return document


def _picture(columns: list[str], documents: list[dict[str, Any]], table: Table) -> dict[str, Any]:
    """The documents as the page's grid takes them; see `notebook.picture`."""
    rows = [
        [
            cell_of(document[column], column=column, characters_max=CELL_CHARACTERS_MAX) if column in document else "u"
            for column in columns
        ]
        for document in documents
    ]
    return {
        "shape": "table",
        "columns": columns,
        "numeric": [is_numeric([row[at] for row in rows]) for at in range(len(columns))],
        "keys": [document["_id"] for document in documents],
        "rows": rows,
        "total": len(table.documents),
        "note": "",
    }


def _written(arguments: Mapping[str, Any]) -> str:
    return text_in(arguments, "text", characters_max=VALUE_MAX)


def _in_words(plan: Plan) -> list[str]:
    """The fields by which the index narrows down what is looked at."""
    return list(dict.fromkeys(field for _, field, _ in plan.ranged))
