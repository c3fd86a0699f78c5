"""One unit of work: a snapshot, what was read of it, and what will be written.

Owns:  `Transaction`: reads by id, writes with their checks, sub-transactions, creation times.
Must not know: other transactions, who commits it, user functions.
Invariants:
- Reads see the snapshot plus this transaction's own writes, through indexes and by id alike.
- A document is checked at each write, not only at the end, so that an error points at the line that wrote it.
- A write that leaves a document equal writes nothing. Source: semantics 3.2.
Threads: belongs to one thread at a time.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from nbconvex.database.metrics import TransactionMetrics
from nbconvex.database.query import Query
from nbconvex.database.reads import ReadSet
from nbconvex.database.scans import Scans
from nbconvex.database.snapshot import BY_CREATION_TIME, BY_ID, Snapshot, Table
from nbconvex.database.system_tables import FIRST_USER_TABLE, SYSTEM_TABLES, TABLES_TABLE, VISIBLE_SYSTEM_TABLES
from nbconvex.database.table_names import TablesOf, require_accessor
from nbconvex.database.writes import Document, Write
from nbconvex.errors import (
    CallerError,
    DocumentNotFoundError,
    LimitExceededError,
    NotAllowedError,
    ValueInvalidError,
)
from nbconvex.limits import Limits
from nbconvex.values.codec import (
    decode_document,
    encode_document,
    equal_values,
    is_identifier,
    normalize_document,
    size_of,
)
from nbconvex.values.ids import decode_id, encode_id
from nbconvex.values.scalars import UNSET

#: What `_id` and `_creationTime` add to a document's size. Source: semantics 1.9.
_SYSTEM_FIELDS_BYTES = 61

_WriteKey = tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class Savepoint:
    """A place in a transaction to return to."""

    writes: dict[_WriteKey, Write]
    own_tables: dict[int, Table]
    pending: dict[int, set[bytes]]
    written: tuple[int, ...]
    next_creation_ms: float


class Transaction:
    """One unit of work over one snapshot.

    Units:  `now_ms`, the frozen clock, and `creation_time_ms`, that of the first insert, in milliseconds.
    Shapes:  `writes` by (table number, internal id). `reader` names the function, `notes` are for its author.
    """

    __slots__ = (
        "_make_id", "_next_creation_ms", "_own_tables", "_pending", "_random", "creation_time_ms", "has_paginated",
        "limits", "metrics", "notes", "now_ms", "page_end", "reader", "reads", "scans", "seed", "snapshot", "writable",
        "writes",
    )  # fmt: skip

    def __init__(
        self,
        snapshot: Snapshot,
        limits: Limits,
        now_ms: float,
        creation_time_ms: float,
        seed: int,
        make_id: Callable[[], bytes],
        writable: bool,  # noqa: FBT001 - one a call, and by name all of these would take twice as long
        reader: str,
    ) -> None:
        self.snapshot = snapshot
        self.limits = limits
        self.metrics = TransactionMetrics(limits)
        self.reads = ReadSet()
        self.now_ms = now_ms
        self.creation_time_ms = self._next_creation_ms = creation_time_ms
        self.seed = seed
        self._random: random.Random | None = None
        self.writable = writable
        self.reader = reader
        self.writes: dict[_WriteKey, Write] = {}
        self.notes: list[str] = []
        #: What is worth telling of its queries; see `scans`.
        self.scans: Scans | None = None
        self.has_paginated = False
        self.page_end: str | None = None
        self._make_id = make_id
        self._own_tables: dict[int, Table] = {}
        self._pending: dict[int, set[bytes]] = {}

    @property
    def random(self) -> random.Random:
        """A generator seeded with `seed`: the same run draws the same numbers."""
        if self._random is None:
            self._random = random.Random(self.seed)
        return self._random

    @property
    def newest_creation_ms(self) -> float:
        """The creation time of the newest document inserted here; that of the first one to come if there is none."""
        return math.nextafter(self._next_creation_ms, -math.inf)

    # -- reading -----------------------------------------------------------------------------------------------------

    def get(self, document_id: str, *, table: str | None = None) -> Document | None:
        """The document, or None where it does not exist (any more).

        Raises:  ValueInvalidError if the text is no id; CallerError if it is of another table than `table`.
        """
        number, internal = self._decode(document_id, table, "get")
        self.metrics.charge_query()
        id_key = document_id.encode("ascii")
        self.reads.add_point(number, BY_ID, id_key)
        payload = self._payload(number, internal, id_key)
        if payload is None:
            return None
        self.metrics.charge_read(1, len(payload))
        schema = self.snapshot.schema
        if schema is not None and schema.times:
            return schema.document(self.table_name(number), payload)
        return decode_document(payload)

    def normalize_id(self, table: str, text: str, *, system: bool = False) -> str | None:
        """`text` if it is an id of `table`, else None. Whether the document exists is not looked at."""
        require_accessor(table, system=system)
        try:
            number, _ = decode_id(text)
        except ValueInvalidError:
            return None
        return text if self.table_name(number) == table else None

    def query(self, table: str, *, system: bool = False) -> Query:
        """A query over `table`; empty where the table does not exist.

        Raises:  CallerError for a system table outside of `db.system` and the other way round.
        """
        require_accessor(table, system=system)
        found = self.table(table)
        if found is None:
            self._note_misspelling(table, "does not exist, so nothing is found in it")
        return Query(self, found, table)

    def table(self, name: str) -> Table | None:
        """The table of that name with this transaction's writes applied, or None. Its absence counts as read."""
        number = self.snapshot.numbers.get(name)
        if number is None:
            # A table that appears later concerns whoever found none.
            self.reads.add_interval(TABLES_TABLE, BY_CREATION_TIME, b"", None)
            number = next((each.number for each in self._own_tables.values() if each.name == name), None)
            if number is None:
                return None
        return self._view(number)

    def table_name(self, number: int) -> str | None:
        """The name of the table with that number, or None."""
        own = self._own_tables.get(number)
        return own.name if own is not None else self.snapshot.table_name(number)

    @property
    def layout(self) -> Mapping[int, Table]:
        """The tables of its snapshot by number."""
        return self.snapshot.layout

    def tables(self) -> TablesOf:
        """The names of all tables by number."""
        return TablesOf(self)

    def _view(self, number: int) -> Table:
        pending = self._pending.pop(number, None)
        table = self._own_tables.get(number) or self.snapshot.tables[number]
        if pending:
            writes = self.writes
            table = self._own_tables[number] = table.overlaid([writes[number, internal] for internal in pending])
        return table

    def _payload(self, number: int, internal: bytes, id_key: bytes) -> bytes | None:
        if self.writes:
            write = self.writes.get((number, internal))
            if write is not None:
                return write.after
        return self.snapshot.payload(number, internal, id_key)

    def _decode(self, document_id: Any, table: str | None, operation: str) -> _WriteKey:
        if document_id.__class__ is not str:
            raise ValueInvalidError(
                f"Invalid argument `id` for `db.{operation}`: expected an id (a string), got "
                f"{type(document_id).__name__}",
                hint=f'ctx.db.{operation}(document["_id"])' if isinstance(document_id, dict) else None,
            )
        try:
            number, internal = decode_id(document_id)
        except ValueInvalidError as error:
            raise ValueInvalidError(f"Invalid argument `id` for `db.{operation}`: {error.problem}") from None
        if table is not None:
            name = self.table_name(number)
            if name != table:
                raise CallerError(
                    f"Invalid argument `id` for `db.{operation}`: expected to be an Id<{table}>, got Id<{name}> "
                    f"({document_id})."
                )
        elif (
            number < FIRST_USER_TABLE and number in SYSTEM_TABLES and SYSTEM_TABLES[number] not in VISIBLE_SYSTEM_TABLES
        ):
            raise NotAllowedError(f"the table {SYSTEM_TABLES[number]} is the database's own and cannot be read.")
        return number, internal

    # -- writing -----------------------------------------------------------------------------------------------------

    def insert(self, table: str, value: Any) -> str:
        """Store a new document and return its id; an unknown table comes into being.

        Raises:  ValueInvalidError, DocumentInvalidError, LimitExceededError, NotAllowedError.
        """
        flat = self._flat(table, value)
        if flat is not None:
            document, size = flat
            state = self._writable_table(table)
        else:
            # Before the table comes into being: a value that is refused must not leave one behind.
            document, size = normalize_document(self._plain(table, value), limits=self.limits)
            if "_id" in document or "_creationTime" in document:
                raise ValueInvalidError(
                    f'insert into "{table}": _id and _creationTime are given by the database',
                    path="._id" if "_id" in document else "._creationTime",
                    hint="leave them out, or use ctx.db.replace(id, value) for a document that exists",
                )
            state = self._writable_table(table)
            plain, document = document, self._checked(table, document)
            size = size if document is plain else size_of(document)
        internal = self._make_id()
        document_id = encode_id(state.number, internal)
        creation_time_ms = self._next_creation_ms
        self._next_creation_ms = math.nextafter(creation_time_ms, math.inf)
        stored = {"_id": document_id, "_creationTime": creation_time_ms, **document}
        self._record(state, internal, None, stored, size + _SYSTEM_FIELDS_BYTES)
        return document_id

    def restore(self, table: str, document: Document) -> None:
        """Store a document under the id and creation time that it carries: what an import does.

        Raises:  as `insert`; CallerError if it exists, or if its id is of another table.
        """
        state = self._writable_table(table)
        plain, size = normalize_document(self._plain(table, document), limits=self.limits)
        number, internal = self._decode(plain.get("_id"), None, "restore")
        id_key = plain["_id"].encode("ascii")
        self.reads.add_point(number, BY_ID, id_key)
        if number != state.number or self._payload(number, internal, id_key) is not None:
            raise CallerError(f'cannot restore {plain["_id"]} into "{table}": it exists, or is an id of another table.')
        fields = {name: each for name, each in plain.items() if name not in {"_id", "_creationTime"}}
        created_ms = plain.get("_creationTime")
        if not isinstance(created_ms, int | float) or not 0 < created_ms < 2**53:
            raise ValueInvalidError(
                f"cannot restore {plain['_id']}: _creationTime must be milliseconds since 1970, got {created_ms!r}"
            )
        checked = self._checked(table, fields)
        stored = {"_id": plain["_id"], "_creationTime": float(created_ms), **checked}
        self._record(state, internal, None, stored, size if checked is fields else size_of(stored))

    def patch(self, document_id: str, fields: Any, *, table: str | None = None) -> None:
        """Merge `fields` into the document; one that is UNSET is removed, nested objects are replaced.

        Raises:  DocumentNotFoundError, ValueInvalidError, DocumentInvalidError, CallerError.
        """
        state, internal, payload = self._existing(document_id, table, "patch", "Update")
        before = decode_document(payload)
        changes, _ = normalize_document(self._plain(state.name, fields), limits=self.limits, patch=True)
        merged = {**before, **changes}
        kept = {name: each for name, each in merged.items() if each is not UNSET}
        self._overwrite(state, internal, payload, before, kept)

    def replace(self, document_id: str, value: Any, *, table: str | None = None) -> None:
        """Put `value` in the document's place; fields that it does not have disappear.

        Raises:  as `patch`.
        """
        state, internal, payload = self._existing(document_id, table, "replace", "Replace")
        before = decode_document(payload)
        document, _ = normalize_document(self._plain(state.name, value), limits=self.limits)
        document.setdefault("_id", before["_id"])
        document.setdefault("_creationTime", before["_creationTime"])
        self._overwrite(state, internal, payload, before, document)

    def delete(self, document_id: str, *, table: str | None = None) -> None:
        """Remove the document.

        Raises:  DocumentNotFoundError, CallerError.
        """
        state, internal, payload = self._existing(document_id, table, "delete", "Delete")
        self._record(state, internal, payload, None, len(payload))

    @property
    def has_writes(self) -> bool:
        """Whether a commit would change anything."""
        return bool(self.writes)

    def _writable_table(self, name: Any) -> Table:
        if not self.writable:
            raise NotAllowedError("this transaction only reads; writing needs a mutation.")
        number = self.snapshot.numbers.get(name) if isinstance(name, str) else None
        if number is not None and number >= FIRST_USER_TABLE:
            return self._own_tables.get(number) or self.snapshot.layout[number]
        if not isinstance(name, str) or not is_identifier(name) or len(name) > self.limits.identifier_length:
            raise CallerError(
                f"{name!r} is no table name: letters, digits and _ only, at most {self.limits.identifier_length}, "
                "beginning with a letter."
            )
        if name.startswith("_"):
            raise NotAllowedError(f'"{name}" is a system table: system tables are read-only.')
        return self.table(name) or self._create_table(name)

    def _create_table(self, name: str) -> Table:
        self._note_misspelling(name, "is not in the schema; inserting into it creates it")
        return self.create_table(name)

    def create_table(self, name: str, number: int | None = None) -> Table:
        """Bring a table into being. Two transactions that do so at once conflict: both read all table names."""
        number = number or max((self.snapshot.last_number, *self._own_tables)) + 1
        if len(self.snapshot.layout) + len(self._own_tables) >= self.limits.tables:
            raise LimitExceededError("tables", f'cannot create table "{name}"', maximum=self.limits.tables)
        table = self._own_tables[number] = Table.empty(number, name)
        self.reads.add_interval(TABLES_TABLE, BY_CREATION_TIME, b"", None)
        next_creation_ms = self._next_creation_ms
        self.put_system(TABLES_TABLE, {"name": name, "number": number})
        # The first document in it still gets the transaction's own time.
        self._next_creation_ms = next_creation_ms
        return table

    def clear_system(self, number: int) -> None:
        """Delete every document of a system table."""
        table = self.snapshot.tables[number]
        for internal, payload in table.rows():
            self._record(table, internal, payload, None, None)

    def get_system(self, number: int, internal: bytes) -> Document | None:
        """A document of a system table by its internal id; its absence counts as read."""
        id_key = encode_id(number, internal).encode("ascii")
        self.reads.add_point(number, BY_ID, id_key)
        payload = self._payload(number, internal, id_key)
        return None if payload is None else decode_document(payload)

    def change_system(self, number: int, internal: bytes, document: Document | None) -> None:
        """Put a whole document in the place of one of a system table, which must be there; None deletes it."""
        id_key = encode_id(number, internal).encode("ascii")
        self.reads.add_point(number, BY_ID, id_key)
        payload = self._payload(number, internal, id_key)
        assert payload is not None, (number, internal)
        self._record(self.snapshot.layout[number], internal, payload, document, None)

    def put_system(self, number: int, fields: Document, *, internal: bytes | None = None) -> str:
        """Store a document of a system table: what the platform itself does, and user code cannot."""
        internal = internal or self._make_id()
        document_id = encode_id(number, internal)
        document = {"_id": document_id, "_creationTime": self._next_creation_ms, **fields}
        self._next_creation_ms = math.nextafter(self._next_creation_ms, math.inf)
        self._record(self.snapshot.layout[number], internal, None, document, None)
        return document_id

    def _note_misspelling(self, table: str, consequence: str) -> None:
        schema = self.snapshot.schema
        meant = None if schema is None else schema.nearest(table)
        if meant is not None:
            note = f'the table "{table}" {consequence}. Did you mean "{meant}"?'
            if note not in self.notes:
                self.notes.append(note)

    def _existing(self, document_id: str, table: str | None, operation: str, verb: str) -> tuple[Table, bytes, bytes]:
        """The table, internal id and payload of a document that is to be changed."""
        if not self.writable:
            raise NotAllowedError("this transaction only reads; writing needs a mutation.")
        number, internal = self._decode(document_id, table, operation)
        self.metrics.charge_query()
        id_key = document_id.encode("ascii")
        self.reads.add_point(number, BY_ID, id_key)
        payload = self._payload(number, internal, id_key)
        if number < FIRST_USER_TABLE and self.table_name(number) is not None:
            raise NotAllowedError(f'"{self.table_name(number)}" is a system table: system tables are read-only.')
        if payload is None:
            raise DocumentNotFoundError(verb, document_id)
        self.metrics.charge_read(1, len(payload))
        state = self._own_tables.get(number) or self.snapshot.layout[number]
        return state, internal, payload

    def _overwrite(self, state: Table, internal: bytes, payload: bytes, before: Document, document: Document) -> None:
        for name, sentence in (("_id", "the document ID"), ("_creationTime", "the document's creation time")):
            if name not in document or not equal_values(document[name], before[name]):
                raise ValueInvalidError(
                    f"the field {name} does not match {sentence}: it is {before[name]!r} and cannot be changed, "
                    f"got {document.get(name)!r}",
                    path=f".{name}",
                )
        fields = {name: each for name, each in document.items() if name not in {"_id", "_creationTime"}}
        flat = self._flat(state.name, fields)
        if flat is not None:
            checked, size = flat
        else:
            checked = self._checked(state.name, fields)
            size = size_of(checked)
        stored = {"_id": before["_id"], "_creationTime": before["_creationTime"], **checked}
        if not equal_values(stored, before):
            self._record(state, internal, payload, stored, size + _SYSTEM_FIELDS_BYTES, before)

    def _flat(self, table: Any, value: Any) -> tuple[Document, int] | None:
        schema = self.snapshot.schema
        return None if schema is None else schema.flat(table, value, self.limits, self.tables)

    def _plain(self, table: Any, value: Any) -> Any:
        schema = self.snapshot.schema
        return value if schema is None or not schema.times else schema.plain(table, value)

    def _checked(self, table: str, document: Document) -> Document:
        """The document as its table's validator returns it."""
        schema = self.snapshot.schema
        return document if schema is None else schema.checked(table, document, self.tables)

    def _record(
        self, state: Table, internal: bytes, stored: bytes | None, document: Document | None, size: int | None,
        decoded: Document | None = None,
    ) -> None:  # fmt: skip
        """Enter a write; `document` is whole, and None deletes. Without a size it is not counted as the user's.

        `stored` is the payload that was there before; `decoded` is the same as a document, where it is at hand.
        """
        if document is not None and size is not None and size > self.limits.document_bytes:
            raise LimitExceededError(
                "document_bytes", f'a document of "{state.name}" has {size:,} bytes',
                maximum=self.limits.document_bytes, actual=size,
                cure="Split it over several documents, or keep large bytes as a file.",
            )  # fmt: skip
        key = (state.number, internal)
        present = self.writes.get(key)
        if present is not None:
            before, keys_before = present.before, present.keys_before
        else:
            before = stored
            keys_before = None if stored is None else state.keys_of(decoded or decode_document(stored), internal)
        # Copied, for the encoder cuts its result from a larger block, and payloads are what fills the memory.
        payload = None if document is None else bytes(memoryview(encode_document(document)))
        keys = None if document is None else state.keys_of(document, internal)
        if size is not None:
            self.metrics.charge_write(size)
        self.writes[key] = Write.of(state.number, internal, before, keys_before, payload, keys)
        pending = self._pending.get(state.number)
        if pending is None:
            self._pending[state.number] = {internal}
        else:
            pending.add(internal)

    # -- sub-transactions --------------------------------------------------------------------------------------------

    def savepoint(self) -> Savepoint:
        """The state to return to if a nested mutation fails."""
        pending = {number: set(ids) for number, ids in self._pending.items()}
        return Savepoint(
            dict(self.writes), dict(self._own_tables), pending, self.metrics.written(), self._next_creation_ms
        )

    def rollback(self, savepoint: Savepoint) -> None:
        """Undo everything written since `savepoint`. What was read stays read, for it decided what happened."""
        # Copies: it may be returned to again.
        self.writes = dict(savepoint.writes)
        self._own_tables = dict(savepoint.own_tables)
        self._pending = {number: set(ids) for number, ids in savepoint.pending.items()}
        self._next_creation_ms = savepoint.next_creation_ms
        self.metrics.restore_written(savepoint.written)

    def limited(self, limits: Mapping[str, int] | None) -> AbstractContextManager[None]:
        """Lower limits while a nested function runs. Source: semantics 1.4."""
        return self.metrics.limited(limits)
