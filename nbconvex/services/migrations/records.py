"""How far migrations have come, as documents of `_migrations`.

Owns:  the fields of such a document, and every change of them; `MigrationStatus`, which is what others see of it.
Must not know: threads; what a migration does.
Invariants: a document is changed in the transaction of the batch that it tells of, so the two are true together or not
at all. There is one a name.
Threads: any; everything happens in a transaction, or on a snapshot.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from nbconvex.database.system_tables import MIGRATIONS_TABLE
from nbconvex.values.codec import decode_document
from nbconvex.values.ids import INTERNAL_ID_BYTES, encode_id

if TYPE_CHECKING:
    from nbconvex.database.snapshot import Snapshot
    from nbconvex.database.transaction import Transaction
    from nbconvex.database.writes import Document
    from nbconvex.services.migrations.migration_forms import MigrationDefinition

RUNNING: Final = "running"
DONE: Final = "done"
FAILED: Final = "failed"
CANCELED: Final = "canceled"
#: Of a migration that is under way and that nobody carries on: a kernel was interrupted, or ended.
STOPPED: Final = "stopped"
#: Of a migration that is defined and has not begun.
NEW: Final = "new"
#: Longer texts of errors are cut.
ERROR_CHARACTERS_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class MigrationStatus:
    """How far a migration has come.

    Shapes:  `state` is new, running, stopped, failed, canceled or done; `document` is the one that failed. `changed`
    counts the documents of its own table that came out different; `total` those visited and those still to come.
    Units:  times in milliseconds since 1970 UTC, 0 where there is none.
    """

    name: str
    table: str
    state: str
    visited: int = 0
    changed: int = 0
    batches: int = 0
    total: int = 0
    started_ms: float = 0.0
    updated_ms: float = 0.0
    document: str = ""
    error: str = ""
    #: Whether its cell or module was run since the store was opened.
    is_defined: bool = True
    #: Whether the text of its function is another than the one it ran with.
    is_edited: bool = False

    @property
    def share(self) -> float:
        """How much of the table was visited, from 0 to 1."""
        if self.state == DONE:
            return 1.0
        return self.visited / self.total if self.total else 0.0


def _internal(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()[:INTERNAL_ID_BYTES]


def find(tx: Transaction, name: str) -> Document | None:
    """A migration's document as `tx` sees it; looking counts as reading."""
    return tx.get_system(MIGRATIONS_TABLE, _internal(name))


def put(tx: Transaction, document: Document) -> None:
    """Put a migration's document in the place of what there was."""
    internal = _internal(document["name"])
    old = tx.get_system(MIGRATIONS_TABLE, internal)
    if old is None:
        tx.put_system(MIGRATIONS_TABLE, document, internal=internal)
    else:
        own = {name: old[name] for name in ("_id", "_creationTime")}
        tx.change_system(MIGRATIONS_TABLE, internal, {**own, **document})


def document_of(snapshot: Snapshot, name: str) -> Document | None:
    """A migration's document as of a snapshot."""
    id_key = encode_id(MIGRATIONS_TABLE, _internal(name)).encode("ascii")
    payload = snapshot.tables[MIGRATIONS_TABLE].documents.get(id_key)
    return None if payload is None else decode_document(payload)


def documents(snapshot: Snapshot) -> Iterator[Document]:
    """The documents of all migrations."""
    for _, payload in snapshot.tables[MIGRATIONS_TABLE].documents.entries():
        yield decode_document(payload)


def begun(definition: MigrationDefinition, table_number: int, total: int, now_ms: float) -> Document:
    """The fields of a migration that begins. An empty cursor stands before the first document."""
    return {
        "name": definition.name,
        "table": definition.table,
        "tableNumber": table_number,
        "state": RUNNING,
        "cursor": b"",
        "visited": 0,
        "changed": 0,
        "batches": 0,
        "total": total,
        "startedTime": now_ms,
        "updatedTime": now_ms,
        "digest": definition.digest,
    }


def changed(document: Document, **fields: Any) -> Document:
    """The document with other fields; one that is None is taken out. What goes on or ends well has no error."""
    kept = document if "error" in fields else {**document, "error": None, "failedDocument": None}
    return {name: value for name, value in {**kept, **fields}.items() if value is not None}


def error_text(error: BaseException) -> str:
    """An error as it is written down: its class and what it says, without its notes."""
    text = f"{type(error).__name__}: {error}".partition("\n[Request ID")[0][:ERROR_CHARACTERS_MAX]
    return text.encode("utf-8", "replace").decode()


def status_of(document: Document, definition: MigrationDefinition | None, *, is_under_way: bool) -> MigrationStatus:
    """What others see of a document. `is_under_way`: somebody here carries it on."""
    state = document["state"]
    digest = 0 if definition is None else definition.digest
    return MigrationStatus(
        name=document["name"],
        table=document["table"],
        state=STOPPED if state == RUNNING and not is_under_way else state,
        visited=int(document["visited"]),
        changed=int(document["changed"]),
        batches=int(document["batches"]),
        total=int(document["total"]),
        started_ms=document["startedTime"],
        updated_ms=document["updatedTime"],
        document=document.get("failedDocument", ""),
        error=document.get("error", ""),
        is_defined=definition is not None,
        is_edited=bool(digest and document.get("digest")) and digest != document.get("digest"),
    )
