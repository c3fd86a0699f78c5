"""The query chain: from `db.query("messages")` to documents, every step recorded in the read set.

Owns:  `Query`: its chain, the plan behind it, consumption, accounting.
Must not know: commits; who asks.
Invariants:
- What is recorded is what was looked at: a scan that stops early ends its interval behind the last document read; an
  empty range is recorded too. Source: semantics 4.
- Every document scanned is charged before any filter sees it.
- A query object is used once.
Threads: belongs to its transaction.
"""

from __future__ import annotations

import difflib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

from nbconvex.database.filters import Predicate, predicate_of
from nbconvex.database.ranges import RangeBuilder, interval_of, with_int64
from nbconvex.database.snapshot import BY_CREATION_TIME, BY_ID, Table, TableIndex
from nbconvex.database.writes import Document
from nbconvex.errors import CallerError, IndexInvalidError, LimitExceededError
from nbconvex.values.codec import decode_document

if TYPE_CHECKING:
    from nbconvex.database.index import Index
    from nbconvex.database.transaction import Transaction

_CONSUMERS = ".collect(), .take(n), .first() or .unique()"


class Query:
    """A query under construction. Consume it once with collect, take, first, unique, count, paginate or a loop.

    Raises:  every method may raise CallerError for misuse, and LimitExceededError when documents are read.
    """

    __slots__ = (
        "_filters",
        "_index",
        "_interval",
        "_is_used",
        "_order",
        "_sources",
        "_table",
        "_table_name",
        "_transaction",
    )

    def __init__(
        self,
        transaction: Transaction,
        table: Table | None,
        table_name: str,
        *,
        index: str | None = None,
        interval: tuple[bytes, bytes | None] = (b"", None),
        order: str | None = None,
        filters: tuple[Predicate, ...] = (),
        sources: tuple[str, ...] = (),
    ) -> None:
        self._transaction = transaction
        self._table = table
        self._table_name = table_name
        self._index = index
        self._interval = interval
        self._order = order
        self._filters = filters
        self._sources = sources
        self._is_used = False

    # -- the chain ---------------------------------------------------------------------------------------------------

    def with_index(
        self,
        name: str,
        range: Callable[[RangeBuilder], RangeBuilder] | None = None,
        /,
        **equal: Any,
    ) -> Query:
        """The documents of an index's range, in the order of the index.

        `.with_index("by_author", author=x)` for equality, `.with_index("by_author_time", lambda q: q.eq("author",
        x).gte("time", t))` for ranges. A field whose name has a dot: `**{"address.city": x}`.
        Raises:  IndexInvalidError.
        """
        if self._index is not None:
            raise CallerError("this query already has its index or full_table_scan(): a query reads one index.")
        if self._order is not None or self._filters:
            raise CallerError(".with_index must come before .order and .filter.")
        builder = RangeBuilder(tuple(("eq", field, value) for field, value in equal.items()))
        if range is not None:
            ranged = range(builder)
            if not isinstance(ranged, RangeBuilder):
                raise CallerError(
                    f"the range of .with_index({name!r}, ...) must return q, got {type(ranged).__name__}.",
                    hint=f'.with_index({name!r}, lambda q: q.eq("field", value))',
                )
            builder = ranged
        return self._next("with_index", index=name, interval=self._interval_of(name, builder))

    def full_table_scan(self) -> Query:
        """All documents of the table, in the order of their creation; says so explicitly."""
        if self._index is not None:
            raise CallerError("this query already has its index: a query reads one index.")
        return self._next("full_table_scan", index=BY_CREATION_TIME)

    def order(self, order: str) -> Query:
        """`"asc"` or `"desc"`, at most once."""
        if self._order is not None:
            raise CallerError("this query already has its order: .order can be used once.")
        if order not in {"asc", "desc"}:
            raise CallerError(f'.order takes "asc" or "desc", got {order!r}.')
        return self._next("order", order=order)

    def filter(self, condition: Callable[[Any], Any]) -> Query:
        """Only documents that hold: `.filter(lambda q: q.eq(q.field("a"), 1))`, or any Python function of a document
        (`.filter(lambda d: d["a"] == 1)`). Filtered documents count as read.
        """
        maximum = self._transaction.limits.filter_operators
        if len(self._filters) >= maximum:
            raise LimitExceededError(
                "filter_operators",
                f"a query can have at most {maximum} filters chained",
                maximum=maximum,
                cure="Join conditions with q.and_(...).",
            )
        predicate, source = predicate_of(condition)
        return self._next("filter", filters=(*self._filters, predicate), sources=(*self._sources, source))

    # -- consumption -------------------------------------------------------------------------------------------------

    def collect(self) -> list[Document]:
        """All documents."""
        self._use("collect")
        if self._filters:
            return list(self._documents())
        found: list[Document] = []
        metrics = self._transaction.metrics
        entries = self._open()
        if entries is None:
            return found
        for _, payloads in entries.chunks(*self._interval, reverse=self._order == "desc"):
            metrics.charge_read(len(payloads), sum(map(len, payloads)))
            found.extend(map(decode_document, payloads))
        return found

    def take(self, count: int) -> list[Document]:
        """The first `count` documents."""
        self._use("take")
        _require_count(".take", count)
        found: list[Document] = []
        if count == 0:
            return found
        for document in self._documents():
            found.append(document)
            if len(found) == count:
                break
        return found

    def first(self) -> Document | None:
        """The first document, or None."""
        self._use("first")
        return next(iter(self._documents()), None)

    def unique(self) -> Document | None:
        """The only document, or None.

        Raises:  CallerError if there are several, naming their ids.
        """
        self._use("unique")
        found = []
        for document in self._documents():
            found.append(document)
            if len(found) == 2:
                ids = ", ".join(each["_id"] for each in found)
                raise CallerError(
                    f'unique() query on table "{self._table_name}" returned more than one result: [{ids}, ...]. '
                    "Use .first() if any of them will do."
                )
        return found[0] if found else None

    def count(self) -> int:
        """How many documents there are; without filters this reads none of them."""
        self._use("count")
        if self._filters:
            return sum(1 for _ in self._documents())
        entries = self._open()
        return 0 if entries is None else entries.count(*self._interval)

    def paginate(self, options: dict[str, Any] | None = None, /, **named: Any) -> dict[str, Any]:
        """One page: `{page, isDone, continueCursor, splitCursor?, pageStatus?}`.

        Takes the client's `paginationOpts` as they are, or `num_items=`, `cursor=`, `end_cursor=`,
        `maximum_rows_read=`, `maximum_bytes_read=`; `allow_several=True` permits more than one page a function.
        Raises:  CursorInvalidError; CallerError for bad options and for a second page in one function.
        """
        from nbconvex.database.pagination import paginate

        self._use("paginate")
        return paginate(self, options, named)

    def __iter__(self) -> Iterator[Document]:
        self._use("iteration")
        return self._documents()

    async def __aiter__(self) -> AsyncIterator[Document]:
        self._use("iteration")
        for document in self._documents():
            yield document

    def __await__(self) -> NoReturn:
        raise CallerError(
            f"a query is not awaited: database calls answer at once. Consume it with {_CONSUMERS}.",
            hint=f'ctx.db.query("{self._table_name}").collect()',
        )

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        known = ["with_index", "full_table_scan", "order", "filter", "collect", "take", "first", "unique", "count",
                 "paginate"]  # fmt: skip
        snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
        close = [snake] if snake in known else difflib.get_close_matches(snake, known, 1)
        raise CallerError(
            f"a query has no .{name}. It has {', '.join(known)}.", hint=f".{close[0]}(...)" if close else None
        )

    def __repr__(self) -> str:
        return f"<query of {self._table_name}, not consumed yet: use {_CONSUMERS}>"

    # -- behind the chain --------------------------------------------------------------------------------------------

    def _next(self, step: str, **changed: Any) -> Query:
        """A query that goes on from this one, which is used up."""
        self._use(step)
        kept: dict[str, Any] = {
            "index": self._index,
            "interval": self._interval,
            "order": self._order,
            "filters": self._filters,
            "sources": self._sources,
        }
        kept.update(changed)
        return Query(self._transaction, self._table, self._table_name, **kept)

    def _use(self, step: str) -> None:
        if self._is_used:
            raise CallerError(
                f"this query was already used, so .{step} cannot use it again: a query is single-use. "
                "Build a new one with ctx.db.query(...), or keep the list that .collect() gave."
            )
        self._is_used = True

    def _interval_of(self, name: str, builder: RangeBuilder) -> tuple[bytes, bytes | None]:
        """The keys of the index `name` that the range covers; everything where the table does not exist."""
        table = self._table
        if table is None:
            return b"", None
        if name == BY_ID:
            fields: tuple[str, ...] = ("_id",)
        elif name == BY_CREATION_TIME:
            fields = ("_creationTime",)
        else:
            fields = (*self._named_index(table, name).fields, "_creationTime", "_id")
        if not builder.conditions:
            return b"", None
        conditions = builder.conditions
        schema = self._transaction.snapshot.schema
        if schema is not None and table.name in schema.int64_fields:
            conditions = with_int64(conditions, schema.int64_fields[table.name])
        return interval_of(f"{table.name}.{name}", fields, conditions, table.number)

    def _named_index(self, table: Table, name: str) -> TableIndex:
        index = table.indexes.get(name)
        if index is None:
            known = [BY_ID, *table.indexes]
            close = difflib.get_close_matches(name, known, 1)
            guess = f' Did you mean "{close[0]}"?' if close else ""
            raise IndexInvalidError(
                f'Index {table.name}.{name} not found.{guess} Indexes of "{table.name}": {", ".join(known)}.',
                hint=f'{table.name} = table({{...}}).index("{name}", ["field"])   in the %%schema cell',
            )
        if index.is_staged:
            raise IndexInvalidError(
                f"Index {table.name}.{name} is currently staged and not available to query. "
                "Remove staged=True from the schema to enable it."
            )
        return index

    def _open(self) -> Index | None:
        """The index to scan, charged; the whole interval recorded. None where the table does not exist."""
        transaction = self._transaction
        transaction.metrics.charge_query()
        table = self._current()
        if table is None:
            return None
        name = self._index or BY_CREATION_TIME
        transaction.reads.add_interval(table.number, name, *self._interval)
        return self._entries(table, name)

    def _current(self) -> Table | None:
        """The table as it is now: what was written since this query was built counts too."""
        transaction = self._transaction
        return transaction.table(self._table_name) if transaction.writes else self._table

    def _entries(self, table: Table, name: str) -> Index:
        if name == BY_ID:
            return table.documents
        return (table.indexes.get(name) or self._named_index(table, name)).entries

    def _documents(self) -> Iterator[Document]:
        """The documents that pass the filters, read lazily; the interval recorded ends behind the last one read."""
        self._transaction.metrics.charge_query()
        return (document for _, document in self.scan(*self._interval) if document is not None)

    def scan(self, low: bytes, high: bytes | None) -> Iterator[tuple[bytes, Document | None]]:
        """Keys in `[low, high)` and their documents, recorded and charged as read; None for one that a filter drops."""
        table = self._current()
        if table is None:
            return
        transaction, name, is_descending = self._transaction, self._index or BY_CREATION_TIME, self._order == "desc"
        start = (b"\xff" if high is None else high) if is_descending else low
        interval = transaction.reads.add_interval(table.number, name, start, high if is_descending else start)
        charge_read, filters = transaction.metrics.charge_read, self._filters
        for keys, payloads in self._entries(table, name).chunks(low, high, reverse=is_descending):
            for key, payload in zip(keys, payloads, strict=True):
                # Recorded before anybody sees the document: a filter that raises has read it too.
                if is_descending:
                    interval[0] = key
                else:
                    interval[1] = key + b"\x00"
                charge_read(1, len(payload))
                document = decode_document(payload)
                yield key, document if not filters or all(holds(document) for holds in filters) else None
        # Everything was looked at, so a later insert anywhere in the range concerns whoever asked.
        interval[0], interval[1] = low, high

    @property
    def interval(self) -> tuple[bytes, bytes | None]:
        """The interval of keys that this query covers."""
        return self._interval

    @property
    def description(self) -> tuple[object, ...]:
        """Everything that decides which documents come in which order."""
        table, index = self._table, self._index or BY_CREATION_TIME
        number = None if table is None else table.number
        fields = table.indexes[index].fields if table is not None and index in table.indexes else ()
        return (number, index, fields, *self._interval, self._order or "asc", self._sources)

    @property
    def is_descending(self) -> bool:
        """Whether documents come in descending order."""
        return self._order == "desc"

    @property
    def transaction(self) -> Transaction:
        """The transaction that this query reads in."""
        return self._transaction


def _require_count(name: str, count: Any) -> None:
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        raise CallerError(f"{name} takes a non-negative integer, got {count!r}.")
