"""All documents and indexes as of one timestamp, and how a commit makes the next one.

Owns:  `Snapshot`, `Table`, `TableIndex`.
Must not know: the persistence, user functions, how a conflict is decided.
Invariants:
- A snapshot is never changed: `with_writes` gives a new one that shares everything the commit did not touch.
- Every document of a table is in every index of that table, absent fields included, and known to its content indexes.
- The law of the room: a snapshot rebuilt from the persistence equals the live one.
Threads: any; nothing here is ever changed after it was made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from nbconvex.database.active_schema import ActiveSchema
from nbconvex.database.content_index import ContentIndex, StoredDocuments, changed_contents, contents_of
from nbconvex.database.index import Change, Index
from nbconvex.database.payload import creation_key, creation_key_of, id_key, require_canonical
from nbconvex.database.recent import RECENT_WRITES_MAX, Recent
from nbconvex.database.system_tables import (
    FIRST_USER_TABLE,
    SCHEDULED_FUNCTIONS_TABLE,
    SYSTEM_INDEXES,
    SYSTEM_TABLES,
    TABLES_TABLE,
)
from nbconvex.database.writes import (
    DOCUMENT_OVERHEAD_BYTES,
    ENTRY_OVERHEAD_BYTES,
    Document,
    Keys,
    Write,
    merged,
)
from nbconvex.values.codec import decode_document
from nbconvex.values.content_indexes import ContentDefinition
from nbconvex.values.ids import decode_id, encode_id
from nbconvex.values.sort_key import encode_key, make_key_encoder

BY_ID = "by_id"
BY_CREATION_TIME = "by_creation_time"


@dataclass(frozen=True, slots=True)
class TableIndex:
    """One index of one table. `prefix_of` encodes a document's indexed fields."""

    name: str
    fields: tuple[str, ...]
    prefix_of: Callable[[Document], bytes]
    entries: Index = field(default_factory=Index)
    is_staged: bool = False

    def with_entries(self, entries: Index) -> TableIndex:
        """The same index with other entries."""
        return TableIndex(self.name, self.fields, self.prefix_of, entries, self.is_staged)


def _creation_time_index() -> TableIndex:
    return TableIndex(BY_CREATION_TIME, (), make_key_encoder(()), Index(key_of=creation_key))


@dataclass(frozen=True, slots=True)
class Table:
    """One table as of one timestamp: its documents by id, its indexes and its content indexes by name."""

    number: int
    name: str
    documents: Index = field(default_factory=lambda: Index(key_of=id_key))
    indexes: Mapping[str, TableIndex] = field(default_factory=lambda: {BY_CREATION_TIME: _creation_time_index()})
    memory_bytes: int = 0
    #: What read sets call this table's indexes: `by_id`, then the others in the order of `indexes`.
    index_ids: tuple[tuple[int, str], ...] = ()
    content: Mapping[str, ContentIndex] = field(default_factory=dict)

    @classmethod
    def empty(cls, number: int, name: str) -> Table:
        """A table without documents, with its built-in indexes."""
        return cls(number, name, index_ids=((number, BY_ID), (number, BY_CREATION_TIME)))

    def keys_of(self, document: Document, document_id: bytes) -> Keys:
        """The keys of a document in every index, in the order of `indexes`, then its entries in `content`."""
        creation_ms = document["_creationTime"]
        keys = [creation_key_of(creation_ms, document["_id"])]
        if len(self.indexes) > 1:
            tail = encode_key(creation_ms) + document_id
            keys.extend([index.prefix_of(document) + tail for index in self.indexes.values() if index.fields])
        if self.content:
            keys.extend([content.entry_of(document, document_id) for content in self.content.values()])
        return tuple(keys)

    def rows(self) -> Iterator[tuple[bytes, bytes]]:
        """Each document's internal id (16 bytes) and payload, in the order of ids."""
        for text, payload in self.documents.entries():
            yield decode_id(text.decode("ascii"))[1], payload

    @property
    def newest_creation_ms(self) -> float:
        """The creation time of the newest document, in milliseconds; 0 for an empty table."""
        for _, payloads in self.indexes[BY_CREATION_TIME].entries.chunks(reverse=True):
            newest: float = decode_document(payloads[0])["_creationTime"]
            return newest
        return 0.0

    def with_writes(self, writes: Sequence[Write]) -> Table:
        """This table after `writes`, at most one a document."""
        documents: list[Change] = [(write.id_key, write.after) for write in writes]
        if len(documents) > 1:
            documents.sort(key=_change_key)
        indexes = {}
        for position, index in enumerate(self.indexes.values()):
            changes = _index_changes(writes, position)
            indexes[index.name] = index.with_entries(index.entries.with_changes(changes)) if changes else index
        grown = sum([write.grown for write in writes])
        return Table(
            self.number,
            self.name,
            self.documents.with_changes(documents),
            indexes,
            self.memory_bytes + grown,
            self.index_ids,
            self.content and changed_contents(self.content, writes, len(indexes)),
        )

    def overlaid(self, writes: Sequence[Write]) -> Table:
        """This table after `writes` that were made against an older version of it, of which only the outcome counts."""
        changes = []
        for write in writes:
            before = self.documents.get(encode_id(self.number, write.document_id).encode("ascii"))
            if before is None and write.after is None:
                continue
            keys_before = None if before is None else self.keys_of(decode_document(before), write.document_id)
            changes.append(Write.of(self.number, write.document_id, before, keys_before, write.after, write.keys_after))
        return self.with_writes(changes)

    def with_indexes(self, wanted: Mapping[str, tuple[tuple[str, ...], bool]]) -> Table:
        """This table with exactly these indexes (fields and whether staged, by name); new ones are filled."""
        indexes = {BY_CREATION_TIME: self.indexes[BY_CREATION_TIME]}
        for name, (fields, is_staged) in wanted.items():
            present = self.indexes.get(name)
            if present is None or present.fields != fields:
                indexes |= _declared({name: (fields, is_staged)})
            else:
                indexes[name] = present if present.is_staged == is_staged else replace(present, is_staged=is_staged)
        return self._filled(indexes, self.rows())

    def _filled(self, indexes: Mapping[str, TableIndex], rows: Iterable[tuple[bytes, bytes]]) -> Table:
        """This table with these indexes, those that are empty filled in one pass over `rows`, all its documents."""
        empty = [index for index in indexes.values() if index.fields and not len(index.entries)]
        filled = dict(indexes)
        if empty:
            payloads, keys = _read_rows(rows, empty)
            filled |= {index.name: _built(index, payloads, found) for index, found in zip(empty, keys, strict=True)}
        return self.with_entries(self.documents, filled)

    def with_entries(self, documents: Index, indexes: Mapping[str, TableIndex]) -> Table:
        """The same table with other documents and indexes."""
        index_ids = ((self.number, BY_ID), *((self.number, name) for name in indexes))
        memory_bytes = _memory_bytes(documents, indexes.values()) + _content_bytes(self.content)
        return Table(self.number, self.name, documents, indexes, memory_bytes, index_ids, self.content)

    def with_content(self, wanted: Mapping[str, ContentDefinition]) -> Table:
        """This table with exactly these content indexes; new ones are filled."""
        if not wanted and not self.content:
            return self
        content = contents_of(self.content, wanted, self._by_creation)
        memory_bytes = self.memory_bytes - _content_bytes(self.content) + _content_bytes(content)
        return replace(self, memory_bytes=memory_bytes, content=content)

    def _by_creation(self) -> StoredDocuments:
        return StoredDocuments(self.indexes[BY_CREATION_TIME].entries)

    @classmethod
    def loaded(
        cls,
        number: int,
        name: str,
        rows: Iterable[tuple[bytes, bytes]],
        wanted: Mapping[str, tuple[tuple[str, ...], bool]],
        more: tuple[Sequence[bytes], Sequence[Sequence[bytes]]] = ((), ()),
    ) -> Table:
        """A table of stored documents (id and payload, in any order) with its built-in index and those `wanted`.

        Shapes:  `more` are payloads whose keys are known, a sequence for each index that is wanted, in their order.
        Raises:  StorageCorruptError.
        """
        declared = _declared(wanted)
        payloads, keys = _read_rows(_canonical(rows, name), list(declared.values()))
        payloads.extend(more[0])
        for found, known in zip(keys, more[1], strict=False):
            found.extend(known)
        indexes = {BY_CREATION_TIME: _creation_time_index()}
        for index, found in zip(declared.values(), keys, strict=True):
            indexes[index.name] = _built(index, payloads, found)
            found.clear()
        payloads.sort(key=creation_key)
        built_in = indexes[BY_CREATION_TIME]
        indexes[BY_CREATION_TIME] = built_in.with_entries(Index.from_sorted(None, payloads, creation_key))
        payloads.sort(key=id_key)
        return cls(number, name).with_entries(Index.from_sorted(None, payloads, id_key), indexes)


def _canonical(rows: Iterable[tuple[bytes, bytes]], table: str) -> Iterator[tuple[bytes, bytes]]:
    for row in rows:
        require_canonical(row[1], table)
        yield row


def _read_rows(
    rows: Iterable[tuple[bytes, bytes]], indexes: Sequence[TableIndex]
) -> tuple[list[bytes], list[list[bytes]]]:
    """The payloads of rows, and the keys that they have in each of `indexes`.

    Lists of keys and of payloads, not of pairs, and each row let go at once: what is thrown away must not lie between
    what stays in memory.
    """
    payloads: list[bytes] = []
    keys: list[list[bytes]] = [[] for _ in indexes]
    for document_id, payload in rows:
        payloads.append(payload)
        if not indexes:
            continue
        document = decode_document(payload)
        tail = encode_key(document["_creationTime"]) + document_id
        for index, into in zip(indexes, keys, strict=True):
            into.append(index.prefix_of(document) + tail)
    return payloads, keys


def _built(index: TableIndex, payloads: list[bytes], keys: list[bytes]) -> TableIndex:
    """`index` with these payloads at these keys."""
    order = sorted(range(len(keys)), key=keys.__getitem__)
    return index.with_entries(Index.from_sorted([keys[at] for at in order], [payloads[at] for at in order]))


def _declared(wanted: Mapping[str, tuple[tuple[str, ...], bool]]) -> dict[str, TableIndex]:
    """Indexes of these fields (and whether staged), by name, still empty."""
    return {
        name: TableIndex(name, fields, make_key_encoder(fields), is_staged=is_staged)
        for name, (fields, is_staged) in wanted.items()
    }


def _change_key(change: tuple[bytes, bytes | None]) -> bytes:
    return change[0]


def _index_changes(writes: Sequence[Write], position: int) -> list[Change]:
    changes: list[Change] = []
    for write in writes:
        before = write.keys_before[position] if write.keys_before is not None else None
        after = write.keys_after[position] if write.keys_after is not None else None
        if before is not None and before != after:
            changes.append((before, None))
        if after is not None:
            changes.append((after, write.after))
    if len(changes) > 1:
        changes.sort(key=_change_key)
    return changes


def _memory_bytes(documents: Index, indexes: Iterable[TableIndex]) -> int:
    total = 0
    for _, payloads in documents.chunks():
        total += sum(map(len, payloads)) + DOCUMENT_OVERHEAD_BYTES * len(payloads)
    for index in indexes:
        if index.fields:
            total += sum(len(key) + ENTRY_OVERHEAD_BYTES for key, _ in index.entries.entries())
    return total


def _content_bytes(content: Mapping[str, ContentIndex]) -> int:
    return sum(each.memory_bytes for each in content.values())


class Snapshot:
    """Everything as of one commit timestamp (`ts`, nanoseconds).

    `schema` is the schema in force, or None; its identity changes with every push, and with nothing else. `layout` is
    the tables with the right names, numbers and indexes, whose documents may be older: enough for who only writes.
    `last_number` is the highest number that any table ever had: ids of a dropped table must not fit another one.
    `scheduled_ts` is the newest commit that changed scheduled functions, as far as this process knows.
    Mechanism: a commit's writes are entered into the trees when somebody looks at a table, those of several commits at
    once. Between them documents are found by id without that, so that a group of inserts and increments costs one pass:
    64 callers that increment need 50 µs each, where a pass for each took 75. Settling is idempotent, so two threads may
    do it at once.
    """

    __slots__ = (
        "_pending", "_recent", "_tables", "last_number", "layout", "memory_bytes", "numbers", "scheduled_ts", "schema",
        "ts", "unsettled",
    )  # fmt: skip

    def __init__(
        self,
        ts: int,
        layout: Mapping[int, Table],
        numbers: Mapping[str, int],
        schema: ActiveSchema | None = None,
        pending: tuple[Snapshot, Sequence[Write]] | None = None,
        recent: Recent | None = None,
        *,
        last_number: int = FIRST_USER_TABLE - 1,
        scheduled_ts: int = 0,
    ) -> None:
        self.ts = ts
        self.scheduled_ts = scheduled_ts
        self.last_number = last_number
        self.layout = layout
        self.numbers = numbers
        self.schema = schema
        # What it follows and what was written since; one attribute, so that it is read in one step.
        self._pending = pending
        self._recent = recent
        self._tables: Mapping[int, Table] | None = None
        #: How many writes wait to be entered into the trees.
        self.unsettled = 0
        if pending is None:
            self._tables = layout
            self.memory_bytes = sum([table.memory_bytes for table in layout.values()])
        else:
            before, writes = pending
            self.unsettled = before.unsettled + len(writes)
            grown = writes[0].grown if len(writes) == 1 else sum([write.grown for write in writes])
            self.memory_bytes = before.memory_bytes + grown

    @classmethod
    def empty(cls) -> Snapshot:
        """The snapshot of an empty log: the system tables, without documents."""
        tables = {
            number: Table.empty(number, name).with_indexes(SYSTEM_INDEXES.get(number, {}))
            for number, name in SYSTEM_TABLES.items()
        }
        return cls(0, tables, {name: number for number, name in SYSTEM_TABLES.items()})

    @property
    def tables(self) -> Mapping[int, Table]:
        """The tables by number."""
        tables = self._tables
        return self.settle() if tables is None else tables

    def table(self, name: str) -> Table | None:
        """The table of that name, or None."""
        number = self.numbers.get(name)
        return None if number is None else self.tables[number]

    def table_name(self, number: int) -> str | None:
        """The name of the table with that number, or None."""
        table = self.layout.get(number)
        return None if table is None else table.name

    def payload(self, number: int, document_id: bytes, id_key: bytes) -> bytes | None:
        """The payload of a document, by its table's number, its id and its key in `by_id`; None where there is none."""
        recent = self._recent
        if recent is not None:
            return recent.find(self.ts, number, document_id, id_key)
        table = self.tables.get(number)
        return None if table is None else table.documents.get(id_key)

    def with_tables(self, tables: Mapping[int, Table], schema: ActiveSchema | None) -> Snapshot:
        """The same moment with other tables and schema: what a schema push makes of it."""
        return Snapshot(
            self.ts, tables, self.numbers, schema, last_number=self.last_number, scheduled_ts=self.scheduled_ts
        )

    def with_writes(self, writes: Sequence[Write], ts: int) -> Snapshot:
        """The snapshot after a commit at `ts`, tables that it created or dropped included."""
        scheduled_ts = self.scheduled_ts
        for write in writes:
            if write.table == TABLES_TABLE:
                return self._with_table_writes(writes, ts)
            if write.table == SCHEDULED_FUNCTIONS_TABLE:
                scheduled_ts = ts
        recent = self._recent
        # Where it is this snapshot's no more, somebody else has already followed it, and goes another way.
        if recent is None or recent.ts != self.ts or recent.entered >= RECENT_WRITES_MAX:
            recent = Recent(self.tables, self.ts)
        recent.enter(writes, ts)
        pending = (self, writes)
        return Snapshot(
            ts, self.layout, self.numbers, self.schema, pending, recent, last_number=self.last_number,
            scheduled_ts=scheduled_ts,
        )  # fmt: skip

    def _with_table_writes(self, writes: Sequence[Write], ts: int) -> Snapshot:
        schedules = any(write.table == SCHEDULED_FUNCTIONS_TABLE for write in writes)
        scheduled_ts = ts if schedules else self.scheduled_ts
        tables, numbers = dict(self.tables), dict(self.numbers)
        for write in writes:
            if write.table == TABLES_TABLE:
                _apply_table_write(write, tables, numbers)
        _enter(writes, tables)
        last_number = max(self.last_number, *numbers.values())
        return Snapshot(ts, tables, numbers, self.schema, last_number=last_number, scheduled_ts=scheduled_ts)

    def settle(self) -> Mapping[int, Table]:
        """Enter what was written since the nearest settled ancestor."""
        unsettled: list[Sequence[Write]] = []
        ancestor = self
        while (settled := ancestor._tables) is None:
            pending = ancestor._pending
            if pending is not None:  # else another thread settled it between the two looks
                ancestor, writes = pending
                unsettled.append(writes)
        tables = dict(settled)
        _enter(unsettled[0] if len(unsettled) == 1 else merged(unsettled), tables)
        self.layout = self._tables = tables
        self.unsettled = 0
        self._pending = self._recent = None
        return tables


def _enter(writes: Sequence[Write], tables: dict[int, Table]) -> None:
    """Enter writes, at most one a document, into the tables that there are."""
    if len(writes) == 1:
        number = writes[0].table
        tables[number] = tables[number].with_writes(writes)
        return
    by_table: dict[int, list[Write]] = {}
    for write in writes:
        by_table.setdefault(write.table, []).append(write)
    for number, changed in by_table.items():
        if number in tables:
            tables[number] = tables[number].with_writes(changed)


def listed_table(payload: bytes | None) -> tuple[str | None, int]:
    """Name and number of the table that a document of `_tables` stands for.

    Without a name none is left: the document is kept for the number, which must not be given again.
    """
    if payload is None:
        return None, 0
    document = decode_document(payload)
    return document["name"], int(document["number"])


def _apply_table_write(write: Write, tables: dict[int, Table], numbers: dict[str, int]) -> None:
    """A document of `_tables` came or went: so does the table. A renamed document is not a case: names are for good."""
    name, number = listed_table(write.before)
    if name is not None:
        del tables[number], numbers[name]
    name, number = listed_table(write.after)
    if name is not None:
        tables[number] = Table.empty(number, name)
        numbers[name] = number
