"""Documents by their place: the one at a position, and pages by their numbers.

Owns:  `Positions`, the part of a query that finds them.
Must not know: how an index counts; cursors, which keep their place while documents come and go.
Invariants: what stands before the place is counted and not read, unless there is a filter. It counts as looked at all
the same: who comes or goes there moves the place.
Source: semantics 14 row 14.
Threads: belongs to its transaction.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from nbconvex.errors import CallerError

if TYPE_CHECKING:
    from nbconvex.database.query import Query
    from nbconvex.database.writes import Document

_NOTHING: frozenset[str] = frozenset()


class Positions:
    """What a query finds by counting.

    Raises:  every method may raise CallerError for misuse, and LimitExceededError when documents are read.
    """

    __slots__ = ()

    def at(self: Query, position: int) -> Document | None:  # type: ignore[misc]
        """The document at a position, 0 being the first and -1 the last; None where there is none.

        The median of scores: `scores.with_index("by_score").at(count // 2)`.
        """
        self._use("at")
        if not _is_whole(position):
            raise CallerError(f".at takes a position, 0 for the first, got {position!r}.", hint=".at(0)")
        if position < 0:
            if self.is_search:
                every = list(self.copy().read())
                return every[position] if -position <= len(every) else None
            turned = "asc" if self.is_descending else "desc"
            return self.copy(order=turned).at(-1 - position)
        return next(self.copy().skipped(position), None)

    def page(self: Query, number: int, /, *, size: int) -> dict[str, Any]:  # type: ignore[misc]
        """The page with this number, the first being 1: `{page, number, pages, total}`, documents and three counts.

        Documents that come or go before it move the others along; `.paginate` keeps its place instead.
        """
        self._use("page")
        maximum = self.transaction.limits.page_items
        for name, given in (("number", number), ("size", size)):
            if not _is_whole(given) or given < 1:
                raise CallerError(f".page: the {name} is 1 or more, got {given!r}.", hint=".page(1, size=20)")
        if size > maximum:
            raise CallerError(f".page: a page has {maximum:,} documents at most, got size={size:,}.")
        skipped = (number - 1) * size
        if self.has_filters:
            every = list(self.copy().read())
            found, total = every[skipped : skipped + size], len(every)
        else:
            found, total = list(islice(self.copy().skipped(skipped), size)), self.copy().count()
        return {"page": found, "number": number, "pages": -(-total // size), "total": total}

    def skipped(self: Query, count: int) -> Any:  # type: ignore[misc]
        """The documents behind the first `count`, which are passed over without being read where nothing filters."""
        table = self._current()
        if self.has_filters or table is None:
            return islice(self.read(), count, None)
        entries = self._entries(table, self.index)
        low, high = self.interval
        total = entries.count(low, high)
        if count >= total:
            self._record(table, self.index, low, high, _NOTHING)
            return iter(())
        before = entries.count(b"", low)
        key = entries.key_at(before + (total - 1 - count if self.is_descending else count))
        if self.is_descending:
            self._record(table, self.index, key, high, _NOTHING)
            return self.copy(interval=(low, key + b"\x00")).read()
        self._record(table, self.index, low, key + b"\x00", _NOTHING)
        return self.copy(interval=(key, high)).read()


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
