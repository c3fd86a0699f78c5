"""Pages of a query: where one begins and ends, and when it should be split.

Owns:  `paginate` and the checks of its options.
Must not know: who keeps a page's end for the next run (the live queries do, through `Transaction.page_end`).
Invariants: adjacent pages have no gap and no overlap, for a page is an interval of keys; at least one document is
always read, so repeated calls come to an end. Source: semantics 5.
Threads: belongs to its transaction.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nbconvex.database.cursor import Cursor, fingerprint_of
from nbconvex.errors import CallerError

if TYPE_CHECKING:
    from nbconvex.database.query import Query
    from nbconvex.limits import Limits

#: A page that used more than this share of its limits should be split in two.
_SPLIT_SHARE = 0.75
_OPTIONS: Mapping[str, str] = {
    "numItems": "num_items",
    "cursor": "cursor",
    "endCursor": "end_cursor",
    "maximumRowsRead": "maximum_rows_read",
    "maximumBytesRead": "maximum_bytes_read",
    "id": "id",
    "allowSeveral": "allow_several",
}


@dataclass(frozen=True, slots=True)
class _Request:
    num_items: int
    start: Cursor | None
    end: Cursor | None
    rows_max: int
    bytes_max: int


class _Page:
    """What was read so far."""

    def __init__(self) -> None:
        self.documents: list[dict[str, Any]] = []
        self.keys: list[bytes] = []
        self.rows = 0
        self.size_bytes = 0
        self.last_key: bytes | None = None
        self.is_exhausted = False
        self.is_cut_short = False


def paginate(query: Query, options: Mapping[str, Any] | None, named: Mapping[str, Any]) -> dict[str, Any]:
    """One page of `query`; see `Query.paginate`.

    Raises:  CursorInvalidError; CallerError.
    """
    transaction = query.transaction
    given = _merged(options, named)
    if transaction.has_paginated and not given.get("allow_several"):
        raise CallerError(
            "a function can run a single paginated query: its page is kept gapless while it is watched. "
            "Paginate in two functions, take .take(n) for the other list, or pass allow_several=True."
        )
    fingerprint = fingerprint_of(*query.description)
    is_first = not transaction.has_paginated
    transaction.has_paginated = True
    kept_end = transaction.page_end if is_first else None
    request = _request(given, fingerprint, kept_end, transaction.limits)
    transaction.metrics.charge_query()
    page = _read(query, request)
    result = _result(page, request, fingerprint, transaction.limits, is_whole=query.is_search)
    if is_first:
        transaction.page_end = result["continueCursor"]
    return result


def _merged(options: Mapping[str, Any] | None, named: Mapping[str, Any]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for name, value in {**(options or {}), **named}.items():
        known = _OPTIONS.get(name, name)
        if known not in _OPTIONS.values():
            raise CallerError(
                f"paginate has no option {name!r}. It has {', '.join(dict.fromkeys(_OPTIONS.values()))}.",
                hint=".paginate(num_items=10, cursor=None)",
            )
        merged[known] = value
    return merged


def _request(given: Mapping[str, Any], fingerprint: bytes, kept_end: str | None, limits: Limits) -> _Request:
    num_items = given.get("num_items")
    if isinstance(num_items, bool) or not isinstance(num_items, int | float):
        raise CallerError(
            f"paginate needs num_items, how many documents a page should have, got {num_items!r}.",
            hint=".paginate(num_items=10, cursor=None)",
        )
    if math.isnan(num_items) or num_items < 0:
        raise CallerError(f"paginate: num_items must be a positive number, got {num_items}.")
    if num_items < 1:
        raise CallerError("paginate: a page must request at least 1 document, got num_items=0.")
    if num_items > limits.page_items:
        raise CallerError(
            f"paginate: too many items requested: {num_items:,.0f}; a page has {limits.page_items:,} at most."
        )
    maxima = []
    for name, default in (("maximum_rows_read", limits.documents_read), ("maximum_bytes_read", limits.read_bytes)):
        maximum = given.get(name)
        if maximum is not None and not (isinstance(maximum, int | float) and maximum > 0):
            raise CallerError(f"paginate: {name} must be greater than 0, got {maximum!r}.")
        maxima.append(default if maximum is None or maximum == math.inf else int(maximum))
    cursor, end = given.get("cursor"), given.get("end_cursor")
    end = kept_end if end is None else end
    return _Request(
        int(num_items),
        None if cursor is None else Cursor.parse(cursor, fingerprint),
        None if end is None else Cursor.parse(end, fingerprint),
        maxima[0],
        maxima[1],
    )


def _read(query: Query, request: _Request) -> _Page:
    page = _Page()
    if request.start is not None and request.start.key is None:
        page.is_exhausted = True
        return page
    low, high = query.interval
    start_key = None if request.start is None else request.start.key
    end_key = None if request.end is None else request.end.key
    if query.is_descending:
        # Behind a key means below it; the end position belongs to the page.
        low, high = end_key if end_key is not None else low, start_key if start_key is not None else high
    else:
        low = start_key + b"\x00" if start_key is not None else low
        high = end_key + b"\x00" if end_key is not None else high
    for key, document in query.scan(low, high):
        page.rows += 1
        page.last_key = key
        if document is not None:
            page.documents.append(document)
            page.keys.append(key)
        page.size_bytes += query.transaction.metrics.last_read_bytes
        if request.end is not None:
            continue
        if len(page.documents) >= request.num_items:
            return page
        if page.rows >= request.rows_max or page.size_bytes >= request.bytes_max:
            page.is_cut_short = True
            return page
    page.is_exhausted = True
    return page


def _result(page: _Page, request: _Request, fingerprint: bytes, limits: Limits, *, is_whole: bool) -> dict[str, Any]:
    if request.end is not None:
        position = request.end
    elif page.is_exhausted:
        position = Cursor(fingerprint, None)
    else:
        position = Cursor(fingerprint, page.last_key)
    result: dict[str, Any] = {
        "page": page.documents,
        "isDone": position.key is None,
        "continueCursor": str(position),
    }
    if is_whole:
        # Results of a search are few, and their positions move: such a page is never split. Source: semantics 6.1.
        return result
    middle = len(page.keys) // 2
    split = str(Cursor(fingerprint, page.keys[middle - 1])) if len(page.keys) > 2 else None
    is_large = (
        page.rows > _SPLIT_SHARE * request.rows_max
        or page.size_bytes > _SPLIT_SHARE * request.bytes_max
        or len(page.documents) > limits.page_split_documents
    )
    if page.is_cut_short:
        result["pageStatus"] = "SplitRequired"
    elif is_large and split is not None:
        result["pageStatus"] = "SplitRecommended"
    if split is not None:
        result["splitCursor"] = split
    return result
