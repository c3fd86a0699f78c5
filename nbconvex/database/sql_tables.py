"""The tables of a snapshot or a transaction, as SQL asks for them, and what asking reads.

Owns:  `asked_tables`: from names in SQL to versions of tables; the read set of SQL.
Must not know: DuckDB; what a statement does with a table.
Invariant: who asks a table by SQL has read all of it, and who asks for a table that is not there has read that it is
not: no interval is narrower than a table, for nobody can tell which documents an answer depends on.
Source: semantics 6.1, 14 row 2.
Threads: as the transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from nbconvex.database.snapshot import BY_CREATION_TIME, Table
from nbconvex.database.system_tables import FIRST_USER_TABLE
from nbconvex.errors import SqlInvalidError
from nbconvex.storage.tables.columns import unique_names
from nbconvex.storage.tables.engine import AskedTable
from nbconvex.storage.tables.explanation import no_table
from nbconvex.values.ids import encode_id

if TYPE_CHECKING:
    from nbconvex.database.snapshot import Snapshot
    from nbconvex.database.transaction import Transaction
    from nbconvex.storage.tables.statement import Statement
    from nbconvex.values.validators import Validator


class DocumentsOf:
    """The documents of a table: the port that storage asks."""

    __slots__ = ("name", "table", "validator")

    def __init__(self, table: Table, validator: Validator | None) -> None:
        self.name = table.name
        self.table = table
        self.validator = validator

    def __len__(self) -> int:
        return len(self.table.documents)

    def is_same(self, other: DocumentsOf) -> bool:
        """Whether both are one version of one table."""
        return self.table.number == other.table.number and self.table.documents is other.table.documents

    @property
    def number(self) -> int:
        """The table's number in the log."""
        return self.table.number

    def payload(self, document_id: bytes) -> bytes | None:
        """The document with this internal id (16 bytes), encoded, or None."""
        return self.table.documents.get(encode_id(self.table.number, document_id).encode("ascii"))

    def has(self, document_id: str) -> bool:
        """Whether there is a document with this id."""
        return self.table.documents.get(document_id.encode("ascii")) is not None

    def payloads(self) -> Iterator[Sequence[bytes]]:
        """All documents, the oldest first."""
        return (payloads for _, payloads in self.table.indexes[BY_CREATION_TIME].entries.chunks())

    def differences(self, before: DocumentsOf) -> Iterator[tuple[bytes | None, bytes | None]]:
        """What has changed since `before`, which may be newer."""
        changes = before.table.documents.differences(self.table.documents)
        return ((there, here) for _, there, here in changes)


def names_in_sql(snapshot: Snapshot) -> dict[str, str]:
    """The name in SQL of each user table, by its name: the same, unless another differs in case only."""
    names = [name for name, number in sorted(snapshot.numbers.items(), key=_number) if number >= FIRST_USER_TABLE]
    return dict(zip(names, unique_names(names), strict=True))


def _number(item: tuple[str, int]) -> int:
    return item[1]


def asked_tables(transaction: Transaction, statement: Statement, besides: Collection[str] = ()) -> list[AskedTable]:
    """The tables that a statement reads, as the transaction sees them; its read set then has them whole.

    `besides` are names of what is read and is no table.
    Raises:  SqlInvalidError for a name that is no table, or that is one and should not be.
    """
    snapshot = transaction.snapshot
    names = names_in_sql(snapshot)
    tables = {in_sql.lower(): name for name, in_sql in names.items()}
    others = {each.lower() for each in besides}
    asked: dict[str, AskedTable] = {}
    for written in (*statement.tables, *statement.maybe_tables):
        name = tables.get(written.lower(), written)
        table = None if name.startswith("_") else transaction.table(name)
        if written.lower() in others:
            if table is not None:
                raise SqlInvalidError(f"{written} is a table: give the data frame another name.")
            continue
        if table is None:
            if written in statement.maybe_tables:
                continue
            raise no_table(written, sorted(names.values()))
        transaction.reads.add_interval(table.number, BY_CREATION_TIME, b"", None)
        in_sql = names.get(name, name)
        is_committed = table is snapshot.tables.get(table.number)
        version = DocumentsOf(table, _checked_by(snapshot, name))
        asked[in_sql] = AskedTable(in_sql, version, snapshot.ts if is_committed else None)
    return list(asked.values())


def stored_tables(snapshot: Snapshot) -> list[tuple[str, DocumentsOf]]:
    """Every user table of a snapshot, with its name in SQL."""
    return [
        (in_sql, DocumentsOf(table, _checked_by(snapshot, name)))
        for name, in_sql in names_in_sql(snapshot).items()
        if (table := snapshot.table(name)) is not None
    ]


def _checked_by(snapshot: Snapshot, table: str) -> Validator | None:
    """The validator that all documents of a table are known to match."""
    schema = snapshot.schema
    if schema is None or table not in schema.checks:
        return None
    return schema.definition.tables[table].validator
