"""The query chain: from `db.query("messages")` to documents, every step recorded in the read set.

Owns:  `Query`: its chain, the plan behind it, consumption, accounting.
Must not know: commits; who asks.
Invariants:
- What is recorded is what was looked at: a scan that stops early ends its interval behind the last document read; an
  empty range is recorded too. Source: semantics 4.
- Every document scanned is charged before any filter sees it.
- Where only some fields decide what comes out, only they are recorded as read. Source: semantics 14 row 4.
- A query object is used once.
Threads: belongs to its transaction.
"""

from __future__ import annotations

import difflib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

from nbconvex.database.aggregates import Aggregates
from nbconvex.database.field_reads import mask_of
from nbconvex.database.filters import Filter, filter_of
from nbconvex.database.positions import Positions
from nbconvex.database.query_steps import CONSUMERS, no_such_step
from nbconvex.database.ranges import RangeBuilder, interval_of, with_int64
from nbconvex.database.reading import finish_of, reading_of, seen_by_python
from nbconvex.database.scans import COLLECTED_NOTED, counted, note_collected
from nbconvex.database.searches import Searches, documents_found, entries_found, relevance_only
from nbconvex.database.selection import Selection, checked_paths
from nbconvex.database.snapshot import BY_CREATION_TIME, BY_ID, Table, TableIndex
from nbconvex.database.writes import Document
from nbconvex.errors import CallerError, IndexInvalidError, LimitExceededError

if TYPE_CHECKING:
    from nbconvex.database.index import Index
    from nbconvex.database.reads import Interval
    from nbconvex.database.search import TextSearch
    from nbconvex.database.transaction import Transaction
    from nbconvex.values.times import Times
    from nbconvex.values.validators import Validator


class Query(Aggregates, Positions, Searches):
    """A query under construction. Consume it once with collect, take, first, unique, paginate or a loop, or ask it for
    a number: count, sum, avg, min, max, aggregate.

    Raises:  every method may raise CallerError for misuse, and LimitExceededError when documents are read.
    """

    __slots__ = (
        "_conditions", "_filters", "_index", "_interval", "_is_used", "_order", "_search", "_selection", "_table",
        "_table_name", "_transaction",
    )  # fmt: skip

    def __init__(
        self,
        transaction: Transaction,
        table: Table | None,
        table_name: str,
        *,
        index: str | None = None,
        interval: tuple[bytes, bytes | None] = (b"", None),
        conditions: tuple[tuple[str, str, Any], ...] = (),
        order: str | None = None,
        filters: tuple[Filter, ...] = (),
        selection: Selection | None = None, search: TextSearch | None = None,
    ) -> None:  # fmt: skip
        self._transaction = transaction
        self._table = table
        self._table_name = table_name
        self._index = index
        self._interval = interval
        self._order = order
        self._conditions = conditions
        self._filters = filters
        self._selection = selection
        self._search = search
        self._is_used = False

    # -- the chain ---------------------------------------------------------------------------------------------------

    def with_index(
        self, name: str, range: Callable[[RangeBuilder], RangeBuilder] | None = None, /, **equal: Any
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
        interval = self.interval_of(name, builder.conditions)
        return self._next("with_index", index=name, interval=interval, conditions=builder.conditions)

    def full_table_scan(self) -> Query:
        """All documents of the table, in the order of their creation; says so explicitly."""
        if self._index is not None:
            raise CallerError("this query already has its index: a query reads one index.")
        return self._next("full_table_scan", index=BY_CREATION_TIME)

    def order(self, order: str) -> Query:
        """`"asc"` or `"desc"`, at most once."""
        if self._search is not None:
            raise relevance_only()
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
        found = seen_by_python(filter_of(condition), self._selection, self._times)
        return self._next("filter", filters=(*self._filters, found))

    def select(self, *fields: str) -> Query:
        """Only these fields of each document, with `_id` and `_creationTime`: `.select("author", "address.city")`.

        A change to another field concerns nobody who selected these, unless a filter or the index looks at it. What a
        Python function in a later `.filter` gets has these fields only.
        """
        if self._selection is not None:
            raise CallerError("this query already selects its fields: .select can be used once.")
        if not fields:
            raise CallerError(".select takes the names of the fields to keep.", hint='.select("author", "body")')
        return self._next("select", selection=Selection(self.paths("select", fields)))

    # -- consumption -------------------------------------------------------------------------------------------------

    def collect(self) -> list[Document]:
        """All documents."""
        self._use("collect")
        if self.has_filters:
            return list(self.read())
        found: list[Document] = []
        metrics = self._transaction.metrics
        decode, finish, fields = reading_of(self._selection, self._times, self._filters)
        entries = self._open(fields)
        if entries is None:
            return found
        for _, payloads in entries.chunks(*self._interval, reverse=self._order == "desc"):
            metrics.charge_read(len(payloads), sum(map(len, payloads)))
            found.extend(map(decode, payloads))
        if len(found) > COLLECTED_NOTED:
            note_collected(self, len(found))
        return found if finish is None else list(map(finish, found))

    def take(self, count: int) -> list[Document]:
        """The first `count` documents."""
        self._use("take")
        _require_count(".take", count)
        found: list[Document] = []
        if count == 0:
            return found
        for document in self.read():
            found.append(document)
            if len(found) == count:
                break
        return found

    def first(self) -> Document | None:
        """The first document, or None."""
        self._use("first")
        return next(iter(self.read()), None)

    def unique(self) -> Document | None:
        """The only document, or None.

        Raises:  CallerError if there are several, naming their ids.
        """
        self._use("unique")
        found = []
        for document in self.read():
            found.append(document)
            if len(found) == 2:
                ids = ", ".join(each["_id"] for each in found)
                raise CallerError(
                    f'unique() query on table "{self._table_name}" returned more than one result: [{ids}, ...]. '
                    "Use .first() if any of them will do."
                )
        return found[0] if found else None

    def count(self) -> int:
        """How many documents there are; without filters or a search this reads none of them."""
        self._use("count")
        if self.has_filters:
            return sum(1 for _ in self.copy(selection=Selection(())).read())
        entries = self._open(frozenset())
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
        return self.read()

    async def __aiter__(self) -> AsyncIterator[Document]:
        self._use("iteration")
        for document in self.read():
            yield document

    def __await__(self) -> NoReturn:
        raise CallerError(
            f"a query is not awaited: database calls answer at once. Consume it with {CONSUMERS}.",
            hint=f'ctx.db.query("{self._table_name}").collect()',
        )

    if not TYPE_CHECKING:  # to a type checker any name would look right

        def __getattr__(self, name: str) -> NoReturn:
            if name.startswith("__"):
                raise AttributeError(name)
            raise no_such_step(name)

    def __repr__(self) -> str:
        return f"<query of {self._table_name}, not consumed yet: use {CONSUMERS}>"

    # -- behind the chain --------------------------------------------------------------------------------------------

    def _next(self, step: str, **changed: Any) -> Query:
        """A query that goes on from this one, which is used up."""
        self._use(step)
        return self.copy(**changed)

    def copy(self, **changed: Any) -> Query:
        """The same query, not used, with other parts."""
        kept: dict[str, Any] = {
            "index": self._index,
            "interval": self._interval,
            "conditions": self._conditions,
            "order": self._order,
            "filters": self._filters,
            "selection": self._selection,
            "search": self._search,
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

    def interval_of(self, name: str, conditions: tuple[tuple[str, str, Any], ...]) -> tuple[bytes, bytes | None]:
        """The keys of the index `name` that the range covers; everything where the table does not exist."""
        table = self._table
        if table is None:
            return b"", None
        fields = self.index_fields(name)
        if not conditions:
            return b"", None
        schema = self._transaction.snapshot.schema
        if schema is not None and table.name in schema.int64_fields:
            conditions = with_int64(conditions, schema.int64_fields[table.name])
        return interval_of(f"{table.name}.{name}", fields, conditions, table.number)

    def index_fields(self, name: str) -> tuple[str, ...]:
        """All fields of an index of this table, those that follow unnamed among them."""
        if name == BY_ID:
            return ("_id",)
        if name == BY_CREATION_TIME or self._table is None:
            return ("_creationTime",)
        return (*self._named_index(self._table, name).fields, "_creationTime", "_id")

    def _named_index(self, table: Table, name: str) -> TableIndex:
        index = table.indexes.get(name)
        if index is None and name in table.content:
            kind = table.content[name].definition.KIND
            raise IndexInvalidError(
                f"{table.name}.{name} is a {kind}: .with_index is for ordinary indexes.",
                hint=f'.with_search_index("{name}", lambda q: q.search("field", text))' if kind[0] == "s" else None,
            )
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

    def _open(self, fields: frozenset[str] | None) -> Index | None:
        """The index to scan, charged; the whole interval recorded, for `fields` or for all. None where the table does
        not exist.
        """
        transaction = self._transaction
        transaction.metrics.charge_query()
        table = self._current()
        if table is None:
            return None
        name = self._index or BY_CREATION_TIME
        self._record(table, name, *self._interval, fields)
        return self._entries(table, name)

    def _record(
        self, table: Table, index: str, low: bytes, high: bytes | None, fields: frozenset[str] | None
    ) -> Interval:
        """Record an interval as read, for `fields` and those of the index, or for whole documents."""
        reads = self._transaction.reads
        if fields is None:
            return reads.add_interval(table.number, index, low, high)
        indexed = table.indexes[index].fields if index in table.indexes else ()
        return reads.add_fields(table.number, index, low, high, mask_of(fields, indexed))

    def _current(self) -> Table | None:
        """The table as it is now: what was written since this query was built counts too."""
        transaction = self._transaction
        return transaction.table(self._table_name) if transaction.writes else self._table

    def _entries(self, table: Table, name: str) -> Index:
        if name == BY_ID:
            return table.documents
        return (table.indexes.get(name) or self._named_index(table, name)).entries

    @property
    def is_search(self) -> bool:
        """Whether documents come by relevance, and not in the order of an index."""
        return self._search is not None

    @property
    def has_times(self) -> bool:
        """Whether documents have datetimes where numbers are stored."""
        return self._times is not None

    @property
    def _times(self) -> Times | None:
        schema = self._transaction.snapshot.schema
        return None if schema is None or not schema.times else schema.times.get(self._table_name)

    def read(self) -> Iterator[Document]:
        """The documents that pass the filters, read lazily; the interval recorded ends behind the last one read."""
        self._transaction.metrics.charge_query()
        table, search = self._current(), self._search
        if search is not None and table is not None:
            return documents_found(self, search, table)
        return (document for _, document in self.scan(*self._interval) if document is not None)

    def kept(self, document: Document) -> Document | None:
        """What a whole document comes out as; None where a filter drops it."""
        if not all(each.holds(document) for each in self._filters):
            return None
        finish = finish_of(self._selection, self._times)
        return document if finish is None else finish(document)

    def scan(self, low: bytes, high: bytes | None) -> Iterator[tuple[bytes, Document | None]]:
        """Keys in `[low, high)` and their documents, recorded and charged as read; None for one that a filter drops."""
        found = self._scanned(low, high)
        return counted(self, found) if self._filters else found

    def _scanned(self, low: bytes, high: bytes | None) -> Iterator[tuple[bytes, Document | None]]:
        table = self._current()
        if table is None:
            return
        if self._search is not None:
            yield from entries_found(self, self._search, table, low, high)
            return
        transaction, name, is_descending = self._transaction, self._index or BY_CREATION_TIME, self._order == "desc"
        start = (b"\xff" if high is None else high) if is_descending else low
        decode, finish, fields = reading_of(self._selection, self._times, self._filters)
        interval = self._record(table, name, start, high if is_descending else start, fields)
        charge_read, filters = transaction.metrics.charge_read, [each.holds for each in self._filters]
        is_ready = finish is None and not filters
        for keys, payloads in self._entries(table, name).chunks(low, high, reverse=is_descending):
            for key, payload in zip(keys, payloads, strict=True):
                # Recorded before anybody sees the document: a filter that raises has read it too.
                if is_descending:
                    interval[0] = key
                else:
                    interval[1] = key + b"\x00"
                charge_read(1, len(payload))
                document = decode(payload)
                if is_ready:
                    yield key, document
                elif filters and not all(holds(document) for holds in filters):
                    yield key, None
                else:
                    yield key, document if finish is None else finish(document)
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
        sources = tuple([each.source for each in self._filters])
        if self._search is not None:
            return (number, *self._search.description, sources)
        return (number, index, fields, *self._interval, self._order or "asc", sources)

    @property
    def conditions(self) -> tuple[tuple[str, str, Any], ...]:
        """What the range of the index was asked for: operation, field and value of each condition."""
        return self._conditions

    @property
    def index(self) -> str:
        """The name of the index that is read."""
        return self._index or BY_CREATION_TIME

    @property
    def has_filters(self) -> bool:
        """Whether some documents of the interval may be left out, by a filter or by a search."""
        return bool(self._filters) or self._search is not None

    @property
    def table_name(self) -> str:
        """The name of the table, which may not exist."""
        return self._table_name

    def paths(self, step: str, given: Iterable[Any]) -> tuple[str, ...]:
        """Names of fields as they were given to `.step(...)`.

        Raises:  CallerError for what is none, and for a field that the schema does not know.
        """
        return checked_paths(step, given, self._table_name, self.validator)

    @property
    def validator(self) -> Validator | None:
        """What every document of the table matches; None where nothing is known."""
        schema = self._transaction.snapshot.schema
        return None if schema is None else schema.validator_of(self._table_name)

    @property
    def is_descending(self) -> bool:
        """Whether documents come in descending order."""
        return self._order == "desc"

    @property
    def filters(self) -> tuple[Filter, ...]:
        """What is asked of the documents of the interval."""
        return self._filters

    @property
    def chosen_index(self) -> str | None:
        """The index that was asked for, or the scan of the whole table on purpose; None for neither."""
        return self._index

    @property
    def transaction(self) -> Transaction:
        """The transaction that this query reads in."""
        return self._transaction


def _require_count(name: str, count: Any) -> None:
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        raise CallerError(f"{name} takes a non-negative integer, got {count!r}.")
