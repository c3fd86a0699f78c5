"""Many documents on their way into one commit: what an import writes through.

Owns:  `Bulk`, the tables that are loaded and their numbers; `Built`, what becomes of a snapshot.
Must not know: where documents come from; the commit path; how a document is checked, which is `table_load`'s.
Invariants:
- Nothing is visible before all of it is committed.
- What is few goes in as ordinary writes, and live queries are told by key; what is many makes each table anew, and
  whoever read anything of it is told. Source: ADR 16.
Threads: a `Bulk` belongs to one thread; `build` is a pure function of it and a snapshot.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from nbconvex.database.metrics import TransactionMetrics
from nbconvex.database.reads import CommitRecord
from nbconvex.database.rule_check import references_among, require_kept
from nbconvex.database.schema_push import deletion, unlisted
from nbconvex.database.snapshot import Snapshot, Table
from nbconvex.database.system_tables import FIRST_USER_TABLE
from nbconvex.database.table_load import Mode, TableLoad
from nbconvex.database.writes import Write
from nbconvex.errors import (
    CallerError,
    ConflictError,
    LimitExceededError,
    NotAllowedError,
    ValueInvalidError,
)
from nbconvex.limits import UNLIMITED, Limits
from nbconvex.storage.persistence import BulkTable
from nbconvex.values.codec import (
    decode_document,
    equal_values,
    is_identifier,
)
from nbconvex.values.id_batches import IDS_MAX
from nbconvex.values.ids import INTERNAL_ID_BYTES, decode_id, encode_id

if TYPE_CHECKING:
    from nbconvex.database.guarded_transaction import GuardedTransaction
    from nbconvex.database.transaction import Transaction

_int64, _float64 = struct.Struct("<q"), struct.Struct("<d")

#: Gives the texts of so many new ids of a table, and their internal ids, one behind the other.
MakeIds = Callable[[int, int], tuple[list[str], bytes]]

#: Up to this many documents written and deleted are written one by one. More would fill the write log.
_WRITES_MAX: Final = 4_000
#: How many documents are taken in between two looks at the memory.
_CHARGED_AT: Final = 1_000
#: Resident bytes of a document beyond its payload, without its declared indexes.
_OVERHEAD_BYTES: Final = 64


@dataclass(frozen=True, slots=True)
class Built:
    """What a load makes of `base`: ordinary writes, and tables that are made anew."""

    base: Snapshot
    writes: Sequence[Write]
    tables: Mapping[int, Table] = field(default_factory=dict)
    bulk: tuple[BulkTable, ...] = ()
    concerned: frozenset[int] = frozenset()

    def fits(self, snapshot: Snapshot) -> bool:
        """Whether a later snapshot has the same schema, and the same content in the tables concerned."""
        base = self.base
        return (
            snapshot.schema is base.schema
            and snapshot.numbers == base.numbers
            and all(snapshot.tables.get(number) is base.tables.get(number) for number in self.concerned)
        )

    def record_of(self, record: CommitRecord) -> CommitRecord:
        """The record of the commit: whoever read anything of its tables is concerned."""
        return record._replace(dropped=record.dropped | self.concerned)

    def become(self, following: Snapshot) -> Snapshot:
        """`following`, which has the writes already, with the tables that were made anew."""
        if not self.tables:
            return following
        return following.with_tables({**following.tables, **self.tables}, following.schema)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows that can be gone through more than once."""

    load: TableLoad

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        return self.load.rows()


class Bulk:
    """Documents of several tables on their way into one commit. Made by `Database.begin_bulk`."""

    def __init__(
        self, base: Snapshot, limits: Limits, creation_ms: float, make_ids: MakeIds, memory_bytes_max: int
    ) -> None:
        self.base = base
        self.limits = limits
        self._make_ids = make_ids
        self.loads: dict[str, TableLoad] = {}
        self._creation_ms = creation_ms
        self._newest_own_ms = 0.0
        self._memory_bytes_max = memory_bytes_max
        self._bytes = 0
        self._ids: dict[int, list[tuple[str, bytes]]] = {}
        self._uncharged = 0
        self._names: dict[int, str] = {number: table.name for number, table in base.layout.items()}
        self._last_number = base.last_number

    # -- tables ------------------------------------------------------------------------------------------------------

    def open(self, name: str, mode: Mode, *, number: int | None = None) -> TableLoad:
        """A table to load documents into. `number` is the one in the ids that its documents bring along.

        Raises:  CallerError where the table has documents and `mode` is "empty", where the number is taken.
        """
        assert name not in self.loads, name
        self._require_name(name)
        present = self.base.table(name)
        if present is not None and mode == "empty":
            _require_empty(present)
        if number is None:
            number = self._free_number() if present is None else present.number
        elif present is None or present.number != number:
            self._require_number(name, number, present, mode)
        if present is not None and present.number != number:
            self._names.pop(present.number, None)
        self._names[number] = name
        self._last_number = max(self._last_number, number)
        load = self.loads[name] = TableLoad(self, name, number, mode)
        return load

    def open_all(self, numbers: Mapping[str, int | None], mode: Mode) -> dict[str, TableLoad]:
        """Several tables at once, whose numbers may be exchanged among them; those without one get the next free ones.

        Raises:  as `open`.
        """
        for name, number in numbers.items():
            present = self.base.table(name)
            if number is not None and present is not None and present.number != number and mode != "append":
                self._names.pop(present.number, None)
        for name in sorted(numbers, key=lambda name: numbers[name] is None):
            self.open(name, mode, number=numbers[name])
        return {name: self.loads[name] for name in numbers}

    def names(self) -> Mapping[int, str]:
        """The names of tables by number, as they will be."""
        return self._names

    def _require_name(self, name: Any) -> None:
        if isinstance(name, str) and name.startswith("_"):
            raise NotAllowedError(f'"{name}" is a system table: system tables are read-only.')
        if not isinstance(name, str) or not is_identifier(name) or len(name) > self.limits.identifier_length:
            raise CallerError(
                f"{name!r:.100} is no table name: letters, digits and _ only, at most {self.limits.identifier_length}, "
                "beginning with a letter."
            )
        if name not in self.base.numbers and len(self._names) >= self.limits.tables:
            raise LimitExceededError("tables", f'cannot create table "{name}"', maximum=self.limits.tables)

    def _require_number(self, name: str, number: int, present: Table | None, mode: Mode) -> None:
        """Let a table take the number of the ids that it brings along, if nothing stands in its way."""
        if present is not None and mode == "append" and len(present.documents):
            raise CallerError(
                f'the ids to be imported into "{name}" are of table number {number}, and this one has the number '
                f"{present.number}: its documents would have ids of two tables. Replace the table, import into "
                "an empty store, or leave the ids out."
            )
        if not FIRST_USER_TABLE <= number < FIRST_USER_TABLE + self.limits.table_numbers:
            raise CallerError(
                f'the ids to be imported into "{name}" are of table number {number}; those of users\' tables begin '
                f"with {FIRST_USER_TABLE:,} and end before {FIRST_USER_TABLE + self.limits.table_numbers:,} (limit "
                "table_numbers)."
            )
        taken = self._names.get(number)
        if taken is not None and taken != name:
            raise CallerError(
                f'the ids to be imported into "{name}" are of table number {number}, which is the number of "{taken}" '
                "in this store. Import into an empty store, where tables keep the numbers of their ids, or leave the "
                "ids out."
            )

    def _free_number(self) -> int:
        return self._last_number + 1

    # -- documents ---------------------------------------------------------------------------------------------------

    def next_creation_ms(self) -> float:
        """The creation time of the next document that brings none along."""
        return self.next_creations_ms(1)[0]

    def next_creations_ms(self, count: int) -> tuple[float, ...]:
        """The creation times of so many documents: one float64 behind the other, as `nextafter` gives them."""
        (first,) = _int64.unpack(_float64.pack(self._creation_ms))
        bits = struct.pack(f"<{count + 1}q", *range(first, first + count + 1))
        *times, self._creation_ms = struct.unpack(f"<{count + 1}d", bits)
        return tuple(times)

    def make_id(self, number: int) -> tuple[str, bytes]:
        """A new id of the table with that number: its text, and its internal id."""
        if not self._ids.get(number):
            texts, internals = self._make_ids(number, IDS_MAX)
            parts = [internals[at : at + INTERNAL_ID_BYTES] for at in range(0, len(internals), INTERNAL_ID_BYTES)]
            self._ids[number] = list(zip(texts, parts, strict=True))
        return self._ids[number].pop()

    def make_ids(self, number: int, count: int) -> tuple[list[str], bytes]:
        """Many new ids: their texts, and their internal ids, one behind the other."""
        return self._make_ids(number, count)

    def own_creation_ms(self, given: Any) -> float:
        """The creation time that a document brings along, in milliseconds.

        Raises:  ValueInvalidError.
        """
        if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given < 2**53:
            raise ValueInvalidError(
                f"_creationTime is a number of milliseconds since 1970, above 0 and below 2**53, got {given!r:.60}",
                path="._creationTime",
            )
        self._newest_own_ms = max(self._newest_own_ms, given)
        return float(given)

    @property
    def newest_creation_ms(self) -> float:
        """The latest creation time of a document that is loaded."""
        return max(math.nextafter(self._creation_ms, -math.inf), self._newest_own_ms)

    def charge(self, size: int, count: int = 1) -> None:
        """Count what is kept in memory, and of how many documents.

        Raises:  LimitExceededError before it would outgrow the store's budget.
        """
        self._bytes += size + _OVERHEAD_BYTES * count
        self._uncharged += count
        if self._uncharged >= _CHARGED_AT:
            self._uncharged = 0
            if self._memory_bytes_max == UNLIMITED:
                return
            if self.base.memory_bytes - self._replaced_bytes() + self._bytes > self._memory_bytes_max:
                raise LimitExceededError(
                    "memory_bytes_max", "with what is being imported, the store would outgrow its memory budget",
                    maximum=self._memory_bytes_max, actual=self.base.memory_bytes + self._bytes,
                    cure="Import less, or open the store with a larger memory_bytes_max.",
                )  # fmt: skip

    def _replaced_bytes(self) -> int:
        tables = self.base.tables
        present = (
            tables.get(self.base.numbers.get(load.name, 0)) for load in self.loads.values() if load.mode == "replace"
        )
        return sum(table.memory_bytes for table in present if table is not None)

    def _require_same_tables(self, base: Snapshot) -> None:
        """Refuse a snapshot with another schema, or with other tables under the names and numbers of the load."""
        if base.schema is not self.base.schema:
            raise ConflictError("_schemas", writer="a schema push", reader="import")
        for load in self.loads.values():
            holder = base.table_name(load.number)
            is_free = holder is None or holder in self.loads
            if base.numbers.get(load.name) != self.base.numbers.get(load.name) or not is_free:
                raise ConflictError("_tables", writer="a change of the tables", reader="import")

    # -- the outcome -------------------------------------------------------------------------------------------------

    def build(self, transaction: Transaction, system: Callable[[Transaction], None]) -> Built:
        """What the load makes of a transaction's snapshot; `system` writes what else belongs to it.

        Raises:  ConflictError if the schema or the tables changed since the load began; CallerError.
        """
        base = transaction.snapshot
        self._require_same_tables(base)
        gone = [
            base.numbers[load.name]
            for load in self.loads.values()
            if base.numbers.get(load.name, 0) not in (0, load.number)
        ]
        created = {load.name: load.number for load in self.loads.values() if base.numbers.get(load.name) != load.number}
        system(transaction)
        for name, number in created.items():
            transaction.create_table(name, number)
        listed = [*unlisted(base, gone), *transaction.writes.values()]
        for load in self.loads.values():
            _require_fitting(load, base)
            if base is not self.base and load.mode == "append" and (present := _present(load, base)) is not None:
                load.require_unique_in(present)
        concerned = frozenset(chain(gone, (load.number for load in self.loads.values())))
        if sum(_written(load, base) for load in self.loads.values()) <= _WRITES_MAX and not gone:
            writes = chain.from_iterable(_writes(load, base) for load in self.loads.values())
            return self._kept(Built(base, [*listed, *writes], concerned=concerned))
        tables = {load.number: _table(load, base) for load in self.loads.values()}
        bulk = [BulkTable(load.number, load.mode != "append", _Rows(load)) for load in self.loads.values()]
        bulk += [BulkTable(number, True, ()) for number in gone if number not in tables]
        return self._kept(Built(base, listed, tables, tuple(bulk), concerned))

    def _kept(self, built: Built) -> Built:
        """The same, if no reference leads nowhere afterwards.

        Raises:  ReferenceViolatedError.
        """
        base = built.base
        rules = {} if base.schema is None else base.schema.rules
        if references_among(rules, self.loads):
            following = built.become(base.with_writes(built.writes, base.ts + 1))
            require_kept(rules, self.loads, following.table, following.table_name)
        return built

    def commit_told(
        self, begin: Callable[..., Any], commit: Callable[[Transaction], int],
        system: Callable[[Transaction], None],
    ) -> int:  # fmt: skip
        """The timestamp of a commit in which each document is a write of its own, of which triggers hear.

        Raises:  as `write_into`; ConflictError after three tries.
        """
        for is_last in (False, False, True):
            transaction = begin(writable=True, reader="import")
            transaction.metrics = TransactionMetrics(Limits.off())
            self.write_into(transaction, system)
            try:
                return commit(transaction)
            except ConflictError:
                if is_last:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def write_into(self, transaction: GuardedTransaction, system: Callable[[Transaction], None]) -> None:
        """Make the load's documents writes of a transaction, one by one, so that whoever hears of writes hears of them.

        Raises:  as `build`; whatever a trigger raises.
        """
        base = transaction.snapshot
        self._require_same_tables(base)
        system(transaction)
        with transaction.deferred():
            for load in self.loads.values():
                _require_fitting(load, base)
                _require_number_kept(load, base)
                if load.name not in base.numbers:
                    transaction.create_table(load.name, load.number)
            coming = {load.name: dict(load.rows()) for load in self.loads.values()}
            for load in self.loads.values():
                if len(coming[load.name]) != len(load):
                    raise _twice(load, _repeated(load))
                present = _present(load, base) if load.mode == "replace" else None
                for internal, payload in () if present is None else present.rows():
                    if coming[load.name].get(internal) == payload:
                        del coming[load.name][internal]
                    else:
                        transaction.delete(encode_id(load.number, internal))
            for name, rows in coming.items():
                for payload in rows.values():
                    transaction.restore(name, decode_document(payload))


def _require_empty(table: Table) -> None:
    if len(table.documents):
        count = len(table.documents)
        raise CallerError(
            f'the table "{table.name}" has {count:,} document{"" if count == 1 else "s"} already. Say what is to '
            'become of them: mode="append" (--append) keeps them, mode="replace" (--replace) deletes them.'
        )


def _require_number_kept(load: TableLoad, base: Snapshot) -> None:
    if base.numbers.get(load.name, load.number) != load.number:
        raise CallerError(
            f'"{load.name}" would get the number of its new ids, {load.number}, and with that become another table, of '
            "whose documents no trigger could be told. Leave the ids out, or take the triggers out for the import."
        )


def _repeated(load: TableLoad) -> bytes:
    seen: set[bytes] = set()
    return next(internal for internal, _ in load.rows() if internal in seen or seen.add(internal))  # type: ignore[func-returns-value]


def _present(load: TableLoad, base: Snapshot) -> Table | None:
    number = base.numbers.get(load.name)
    return None if number is None else base.tables[number]


def _require_fitting(load: TableLoad, base: Snapshot) -> None:
    present = _present(load, base)
    if present is None:
        return
    if load.mode == "empty":
        _require_empty(present)
    if load.mode == "append" and load.has_own_ids:
        for internal, _ in load.rows():
            document_id = encode_id(load.number, internal)
            if present.documents.get(document_id.encode("ascii")) is not None:
                raise CallerError(
                    f'the document {document_id} is in the table "{load.name}" already. Use mode="replace" '
                    "(--replace), or leave the column _id out, and the documents get new ids."
                )


def _written(load: TableLoad, base: Snapshot) -> int:
    present = _present(load, base) if load.mode == "replace" else None
    return len(load) + (0 if present is None else len(present.documents))


def _writes(load: TableLoad, base: Snapshot) -> Iterator[Write]:
    """The load as ordinary writes, one a document."""
    present = _present(load, base)
    table = Table.empty(load.number, load.name) if present is None else present
    before: dict[bytes, bytes] = {}
    if load.mode == "replace" and present is not None:
        before = dict(present.rows())
    seen: set[bytes] = set()
    for internal, payload in load.rows():
        if internal in seen:
            raise _twice(load, internal)
        seen.add(internal)
        keys = table.keys_of(decode_document(payload), internal)
        old = before.pop(internal, None)
        if old is not None and equal_values(decode_document(old), decode_document(payload)):
            continue
        keys_before = None if old is None else table.keys_of(decode_document(old), internal)
        yield Write.of(load.number, internal, old, keys_before, payload, keys)
    for internal, payload in before.items():
        yield deletion(table, internal, payload)


def _table(load: TableLoad, base: Snapshot) -> Table:
    """The table as it will be, all its indexes made anew."""
    wanted = {} if base.schema is None else base.schema.indexes_of(load.name)
    present = _present(load, base) if load.mode == "append" else None
    rows = () if present is None else present.rows()
    # Copied: a load may be built again.
    table = Table.loaded(load.number, load.name, rows, wanted, (load.payloads, load.keys))
    if base.schema is not None:
        table = table.with_content(base.schema.content_of(load.name))
    if load.has_own_ids:
        last = b""
        for keys, _ in table.documents.chunks():
            for key in keys:
                if key == last:
                    raise _twice(load, decode_id(key.decode("ascii"))[1])
                last = key
    return table


def _twice(load: TableLoad, internal: bytes) -> CallerError:
    return CallerError(f'two documents for the table "{load.name}" have the id {encode_id(load.number, internal)}.')
