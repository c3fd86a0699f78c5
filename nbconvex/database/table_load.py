"""The documents of one table that are being loaded.

Owns:  `TableLoad`: checking them, their ids and times, what is kept of them; `Mode`.
Must not know: where documents come from; what becomes of them.
Invariants:
- A document is checked as an insert would check it: its form, its validator, its unique indexes.
- Only encoded documents are kept, which is what the store will hold of them anyway.
Threads: one thread.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from nbconvex.database.columns_fit import fit
from nbconvex.database.snapshot import Table
from nbconvex.database.write_rules import UniqueRule
from nbconvex.database.writes import ENTRY_OVERHEAD_BYTES, Document
from nbconvex.errors import LimitExceededError, UniqueViolatedError, ValueInvalidError
from nbconvex.values.codec import decode_document, encode_document, normalize_document
from nbconvex.values.id_batches import IDS_MAX
from nbconvex.values.ids import INTERNAL_ID_BYTES, decode_id
from nbconvex.values.normalization import SYSTEM_FIELDS_BYTES
from nbconvex.values.sort_key import encode_key, make_key_encoder

if TYPE_CHECKING:
    from nbconvex.database.bulk import Bulk

#: What is to become of the documents that a table has: there must be none; they stay; they go.
Mode = Literal["empty", "append", "replace"]


class TableLoad:
    """The documents of one table that are being loaded. Made by `Bulk.open`."""

    __slots__ = (
        "_bulk", "_flat", "_prefixes", "_schema", "_seen", "_unique", "has_own_ids", "ids", "keys", "mode", "name",
        "number", "payloads",
    )  # fmt: skip

    def __init__(self, bulk: Bulk, name: str, number: int, mode: Mode) -> None:
        self._bulk = bulk
        self._schema = bulk.base.schema
        flat = None if self._schema is None else self._schema.flats.get(name)
        limits = bulk.limits
        is_short = (
            flat is not None and flat.fields <= limits.object_fields and flat.name_length <= limits.identifier_length
        )
        self._flat = flat.check if flat is not None and is_short else None
        self.name = name
        self.number = number
        self.mode = mode
        self.ids = bytearray()
        self.payloads: list[bytes] = []
        self.has_own_ids = False
        rules = None if self._schema is None else self._schema.rules.get(name)
        wanted = {} if self._schema is None else self._schema.indexes_of(name)
        self._prefixes = [make_key_encoder(fields) for fields, _ in wanted.values()]
        #: For each declared index of the table, the keys of the documents.
        self.keys: list[list[bytes]] = [[] for _ in self._prefixes]
        self._unique: tuple[UniqueRule, ...] = () if rules is None else rules.unique
        #: By unique index, the values of documents that were taken in, and their ids.
        self._seen: list[dict[bytes, str]] = [{} for _ in self._unique]

    def __len__(self) -> int:
        return len(self.payloads)

    def add(self, value: Document) -> str:
        """Take in a document and return its id; `_id` and `_creationTime` are kept where it has them.

        Raises:  ValueInvalidError, DocumentInvalidError, LimitExceededError: then it was not taken in.
        """
        bulk = self._bulk
        own_id = created = None
        if type(value) is dict and ("_id" in value or "_creationTime" in value):
            value = value.copy()
            own_id, created = value.pop("_id", None), value.pop("_creationTime", None)
        checked = None if self._flat is None or type(value) is not dict else self._flat(value, bulk.names)
        if checked is None:
            document, size = normalize_document(value, limits=bulk.limits)
            if self._schema is not None:
                document = self._schema.checked(self.name, document, bulk.names)
        else:
            document, size = checked
        if size + SYSTEM_FIELDS_BYTES > bulk.limits.document_bytes:
            raise LimitExceededError(
                "document_bytes", f'a document of "{self.name}" has {size:,} bytes',
                maximum=bulk.limits.document_bytes, actual=size + SYSTEM_FIELDS_BYTES,
                cure="Split it over several documents, or keep large bytes as a file.",
            )  # fmt: skip
        if own_id is None:
            document_id, internal = bulk.make_id(self.number)
        else:
            internal = self._internal_of(own_id)
            document_id = own_id
            self.has_own_ids = True
        creation_ms = bulk.next_creation_ms() if created is None else bulk.own_creation_ms(created)
        if self._unique:
            self._require_unique(document, document_id)
        stored = {"_id": document_id, "_creationTime": creation_ms, **document}
        payload = encode_document(stored)
        size = len(payload)
        if self._prefixes:
            tail = encode_key(creation_ms) + internal
            for prefix_of, keys in zip(self._prefixes, self.keys, strict=True):
                key = prefix_of(stored) + tail
                keys.append(key)
                size += len(key) + ENTRY_OVERHEAD_BYTES
        self.ids += internal
        # Copied, for the encoder cuts its result from a larger block.
        self.payloads.append(bytes(memoryview(payload)))
        bulk.charge(size)
        return document_id

    def add_columns(self, names: tuple[str, ...], columns: Sequence[Sequence[Any]]) -> bool:
        """Take in documents by their fields, if one look at each column tells that all of them fit.

        Shapes:  a sequence a field, all of the same length. False: nothing was taken in; `add` says what is wrong, or
        does what a look cannot.
        Raises:  LimitExceededError where the memory does not suffice.
        """
        bulk = self._bulk
        if self._unique or not fit(self._schema, self.name, names, columns, bulk.limits):
            return False
        fields = ("_id", "_creationTime", *names)
        size = 0
        for start in range(0, len(columns[0]), IDS_MAX):
            parts = [column[start : start + IDS_MAX] for column in columns]
            count = len(parts[0])
            texts, internals = bulk.make_ids(self.number, count)
            times = bulk.next_creations_ms(count)
            documents = [dict(zip(fields, values, strict=True)) for values in zip(texts, times, *parts, strict=True)]
            payloads = [bytes(memoryview(encode_document(document))) for document in documents]
            size += sum(map(len, payloads))
            if self._prefixes:
                tails = [
                    encode_key(creation_ms) + internals[at : at + INTERNAL_ID_BYTES]
                    for creation_ms, at in zip(times, range(0, len(internals), INTERNAL_ID_BYTES), strict=True)
                ]
                for prefix_of, into in zip(self._prefixes, self.keys, strict=True):
                    found = [prefix_of(document) + tail for document, tail in zip(documents, tails, strict=True)]
                    size += sum(map(len, found)) + ENTRY_OVERHEAD_BYTES * count
                    into.extend(found)
            self.ids += internals
            self.payloads += payloads
        bulk.charge(size, len(columns[0]))
        return True

    def _require_unique(self, document: Document, document_id: str) -> None:
        """Refuse a document whose value in a unique index another one has, here or in the table."""
        keys = [rule.key(document) for rule in self._unique]
        table = self._bulk.base.table(self.name) if self.mode == "append" else None
        for rule, key, seen in zip(self._unique, keys, self._seen, strict=True):
            if key is None:
                continue
            other = seen.get(key) or taken_by(table, rule, key)
            if other is not None:
                raise UniqueViolatedError(
                    self.name, rule.index, rule.values(document), other, shown=rule.shown(document)
                )
        for key, seen in zip(keys, self._seen, strict=True):
            if key is not None:
                seen[key] = document_id

    def require_unique_in(self, table: Table) -> None:
        """Look again, at a table that may have got documents since.

        Raises:  UniqueViolatedError.
        """
        for rule, seen in zip(self._unique, self._seen, strict=True):
            for key, document_id in seen.items():
                other = taken_by(table, rule, key)
                if other is not None:
                    raise UniqueViolatedError(self.name, rule.index, {}, other, shown=f"the value of {document_id}")

    def _internal_of(self, own_id: Any) -> bytes:
        if not isinstance(own_id, str):
            raise ValueInvalidError(f"_id is the text of an id, got {own_id!r:.60}", path="._id")
        try:
            number, internal = decode_id(own_id)
        except ValueInvalidError as error:
            raise ValueInvalidError(error.problem, path="._id") from None
        if number != self.number:
            other = self._bulk.names().get(number)
            whose = f'the table "{other}"' if other else f"a table with the number {number}"
            raise ValueInvalidError(
                f'{own_id} is an id of {whose}; those of "{self.name}" have the number {self.number} here', path="._id",
                hint="leave the column _id out, and the documents get new ids",
            )  # fmt: skip
        return internal

    def rows(self) -> Iterator[tuple[bytes, bytes]]:
        """Internal id and payload of each document, in the order in which they came."""
        ids = memoryview(self.ids)
        for place, payload in enumerate(self.payloads):
            yield bytes(ids[place * INTERNAL_ID_BYTES : (place + 1) * INTERNAL_ID_BYTES]), payload

    def forget(self) -> None:
        """Let the documents go: an error was found, and the rest is only looked at."""
        self.ids = bytearray()
        self.payloads = []
        self.keys = [[] for _ in self._prefixes]


def taken_by(table: Table | None, rule: UniqueRule, key: bytes) -> str | None:
    """The id of the document that has this value in a unique index; None where none has."""
    if table is not None:
        # Behind all keys that begin with these values, as in `ranges`.
        for _, payloads in table.indexes[rule.index].entries.chunks(key, key + b"\xff"):
            found: str = decode_document(payloads[0])["_id"]
            return found
    return None
