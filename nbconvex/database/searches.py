"""The step of a query chain that searches: `.with_search_index(...)`.

Owns:  `Searches`, the part of a query that searches; what it says to steps that do not go with a search.
Must not know: how a search is answered.
Threads: belongs to its transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from nbconvex.errors import CallerError

if TYPE_CHECKING:
    from nbconvex.database.query import Query
    from nbconvex.database.search import SearchBuilder, TextSearch
    from nbconvex.database.snapshot import Table

Document = dict[str, Any]


class Searches:
    """What a query does with a search index."""

    __slots__ = ()

    def with_search_index(  # type: ignore[misc]
        self: Query, name: str, search: Callable[[SearchBuilder], SearchBuilder] | None = None, /
    ) -> Query:
        """The documents that have one of some words, the most relevant first.

        `.with_search_index("search_body", lambda q: q.search("body", "hello hi").eq("channel", c))`. The last word may
        be the beginning of one. Without words nothing is found.
        Raises:  IndexInvalidError.
        """
        # Most apps search nothing.
        from nbconvex.database.search import search_of

        if self._index is not None:
            raise CallerError("this query already has its index or full_table_scan(): a query reads one index.")
        if self._order is not None:
            raise relevance_only()
        if self._filters:
            raise CallerError(".with_search_index must come before .filter.")
        wanted = search_of(self._transaction, self._table, self._table_name, name, search)
        return self._next("with_search_index", index=name, search=wanted)


def documents_found(query: Query, search: TextSearch, table: Table) -> Iterator[Document]:
    """The documents that a search finds and that pass the query's filters, read lazily."""
    for document in search.documents(query.transaction, table):
        kept = query.kept(document)
        if kept is not None:
            yield kept


def entries_found(
    query: Query, search: TextSearch, table: Table, low: bytes, high: bytes | None
) -> Iterator[tuple[bytes, Document | None]]:
    """As `Query.scan`."""
    for key, document in search.scan(query.transaction, table, low, high):
        yield key, query.kept(document)


def relevance_only() -> CallerError:
    """For an order beside a search."""
    return CallerError(
        "search results always come by relevance, the best first: .order cannot be used with .with_search_index. "
        "Sort the list that it gives.",
        hint='sorted(found.take(100), key=lambda d: d["_creationTime"])',
    )
