"""One table of documents as one table of DuckDB, brought to the version that is asked for.

Owns:  `TableVersion`, the port to a table's documents as of one moment; `Projected`, what stands in DuckDB; `brought`.
Must not know: transactions of the database, the connection's life, what is asked.
Invariants: after `brought`, the table in DuckDB holds exactly the documents of the version, in the shape that the
version has, whatever stood there before. It works inside the caller's transaction of DuckDB: undone with it, done with
it. The `Projected` of before stays true of what stood there before.
Threads: one at a time.

Small differences are applied as differences; large ones, and a column that changes its type, are built anew: a million
documents of five fields take about three seconds, one takes a millisecond.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Protocol

from nbconvex.storage.tables import batches
from nbconvex.storage.tables.columns import Counts, Shape, count_column, counted_shape, declared_shape, quoted
from nbconvex.values.codec import decode_document

if TYPE_CHECKING:
    import duckdb

    from nbconvex.storage.tables.batches import Document
    from nbconvex.values.validators import Validator

#: Documents that become one batch: their Python objects live as long as it takes to make columns of them.
BATCH_ROWS = 16_384
#: Up to here differences are applied one by one, and beyond it up to a quarter of the table.
_DIFFERENCES_MIN = 1_024
#: Rows that were deleted stay in DuckDB's memory until the table is written anew.
_DELETED_MIN = 16_384

#: With a space in it, so that no table is called so.
STAGED = "nbconvex staged"


class TableVersion(Protocol):
    """The documents of one table as of one moment."""

    name: str
    #: What all documents match; None where nothing is said, or nothing is checked.
    validator: Validator | None

    def __len__(self) -> int: ...

    def is_same(self, other: Any) -> bool:
        """Whether both hold the same documents, as far as can be seen at once."""

    def payloads(self) -> Iterator[Sequence[bytes]]:
        """All documents, encoded, some at a time, the oldest first."""

    def differences(self, before: Any) -> Iterator[tuple[bytes | None, bytes | None]]:
        """What is to be done to `before`'s documents to get these: (encoded before, encoded after), None for none."""


@dataclass(frozen=True, slots=True)
class Projected:
    """What the table `name` of DuckDB holds.

    Fields:  `counts` of the values' kinds where the shape comes from the data; `deleted` rows that take up memory;
    `fresh` rows that were never compressed.
    """

    name: str
    version: TableVersion
    shape: Shape
    counts: Counts | None
    deleted: int
    fresh: int


def brought(
    connection: duckdb.DuckDBPyConnection, before: Projected | None, version: TableVersion, name: str
) -> Projected:
    """The table `name` at `version`, starting from what stands there; None for nothing that can be built on."""
    declared = declared_shape(version.validator)
    if before is None or (declared is None) != (before.counts is not None):
        return _built(connection, version, name, declared)
    if declared is not None and declared != before.shape:
        return _built(connection, version, name, declared)
    if version.is_same(before.version):
        return replace(before, version=version)
    most = max(_DIFFERENCES_MIN, len(version) // 4)
    if abs(len(version) - len(before.version)) > most:
        return _built(connection, version, name, declared)
    differences = list(islice(version.differences(before.version), most + 1))
    if len(differences) > most:
        return _built(connection, version, name, declared)
    deleted = before.deleted
    if deleted > max(_DELETED_MIN, len(version)):
        _rewrite(connection, name)
        deleted = 0
    gone = [decode_document(payload) for payload, _ in differences if payload is not None]
    new = [decode_document(payload) for _, payload in differences if payload is not None]
    new.sort(key=itemgetter("_creationTime"))
    counts, shape = before.counts, before.shape
    if counts is not None:
        counts = _counts_after(counts, gone, new)
        shape = counted_shape(counts)
        if shape != before.shape and not _reshaped(connection, name, before.shape, shape):
            return _built(connection, version, name, declared)
    _delete(connection, name, gone)
    _insert(connection, name, new, shape)
    return Projected(name, version, shape, counts, deleted + len(gone), before.fresh + len(new))


def _counts_after(counts: Counts, gone: Sequence[Document], new: Sequence[Document]) -> Counts:
    after = dict(counts)
    for documents, is_new in ((gone, False), (new, True)):
        for field, found in _counted(documents).items():
            total = Counter(after.get(field, ()))
            if is_new:
                total.update(found)
            else:
                total.subtract(found)
            after[field] = +total
    return {field: found for field, found in after.items() if found}


def _counted(documents: Sequence[Document]) -> Counts:
    fields = dict.fromkeys(name for document in documents for name in document)
    return {
        field: count_column([document[field] for document in documents if field in document])
        for field in fields
        if field not in {"_id", "_creationTime"}
    }


def _reshaped(connection: duckdb.DuckDBPyConnection, name: str, before: Shape, after: Shape) -> bool:
    """Give the table other columns, if those that stay keep their types: a matter of columns, not of rows."""
    known = {column.name: column for column in before.columns}
    fields = {column.field for column in before.columns}
    selected = ["_id", "_creationTime"]
    for column in after.columns:
        present = known.get(column.name)
        if present is None and column.field not in fields:
            selected.append(f"NULL::{column.type.sql} AS {quoted(column.name)}")
        elif present == column:
            selected.append(quoted(column.name))
        else:
            return False
    if after.has_nulls:
        # Who had no such column had no nulls.
        selected.append("_nulls" if before.has_nulls else "[]::VARCHAR[] AS _nulls")
    _rewrite(connection, name, ", ".join(selected))
    return True


def _rewrite(connection: duckdb.DuckDBPyConnection, name: str, selected: str = "*") -> None:
    connection.execute(f"CREATE OR REPLACE TABLE {quoted(name)} AS SELECT {selected} FROM {quoted(name)}")


def _delete(connection: duckdb.DuckDBPyConnection, name: str, documents: Sequence[Document]) -> None:
    table = quoted(name)
    if len(documents) == 1:
        # The creation time is what DuckDB can find rows by: they lie in its order, and each block knows its bounds.
        place = [documents[0]["_creationTime"], documents[0]["_id"]]
        connection.execute(f"DELETE FROM {table} WHERE _creationTime = ? AND _id = ?", place)
    elif documents:
        connection.register(STAGED, batches.keys(documents))
        connection.execute(
            f"DELETE FROM {table} USING {quoted(STAGED)} AS gone "
            f"WHERE {table}._creationTime = gone._creationTime AND {table}._id = gone._id"
        )
        connection.unregister(STAGED)


def _insert(connection: duckdb.DuckDBPyConnection, name: str, documents: Sequence[Document], shape: Shape) -> None:
    if documents:
        connection.register(STAGED, batches.batch(documents, shape))
        connection.execute(f"INSERT INTO {quoted(name)} SELECT * FROM {quoted(STAGED)}")
        connection.unregister(STAGED)


# -- building --------------------------------------------------------------------------------------------------------


def _built(
    connection: duckdb.DuckDBPyConnection, version: TableVersion, name: str, declared: Shape | None
) -> Projected:
    """The table, from nothing."""
    if declared is not None:
        _create(connection, name, declared)
        for documents in _documents(version):
            _insert(connection, name, documents, declared)
        return Projected(name, version, declared, None, 0, len(version))
    counts: Counts = {}
    while True:
        built = _built_from_data(connection, version, name, counts)
        if built is not None:
            return built


def _built_from_data(
    connection: duckdb.DuckDBPyConnection, version: TableVersion, name: str, found: Counts
) -> Projected | None:
    """The table in the shape of its documents; None if a type did not hold, in which case `found` knows better."""
    counts: Counts = {}
    shape = counted_shape(found)
    _create(connection, name, shape)
    for documents in _documents(version):
        for field, kinds in _counted(documents).items():
            counts.setdefault(field, Counter()).update(kinds)
            found.setdefault(field, Counter()).update(kinds)
        wider = counted_shape(found)
        if wider != shape:
            if not _reshaped(connection, name, shape, wider):
                return None
            shape = wider
        _insert(connection, name, documents, shape)
    exact = counted_shape(counts)
    if exact != shape:
        # What an earlier round found is all there, so this cannot happen; a loop must not rest on that.
        found.clear()
        found.update(counts)
        return None
    return Projected(name, version, shape, counts, 0, len(version))


def _create(connection: duckdb.DuckDBPyConnection, name: str, shape: Shape) -> None:
    connection.execute(f"CREATE OR REPLACE TABLE {quoted(name)} ({shape.definition})")


def _documents(version: TableVersion) -> Iterator[list[Document]]:
    payloads: Iterable[bytes] = (payload for some in version.payloads() for payload in some)
    iterator = iter(payloads)
    while some := list(map(decode_document, islice(iterator, BATCH_ROWS))):
        yield some
