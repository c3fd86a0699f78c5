"""What is worth telling of a transaction's queries: filters that dropped documents, and long lists.

Owns:  `ScanKey`, `Scans`; counting what a filter drops.
Must not know: who tells whom.
Invariants: a query without a filter counts nothing; a transaction keeps `SCANS_KEPT_MAX` kinds of scan at most.
Threads: belongs to its transaction.
Source: semantics 12.1 (insights), 14 row 5, 15.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from nbconvex.database.query import Query

#: A list that is longer is worth telling of: it costs a millisecond or more, again at every re-run.
COLLECTED_NOTED: Final = 1_000
#: Kinds of scan that one transaction remembers.
SCANS_KEPT_MAX: Final = 64


class ScanKey(NamedTuple):
    """One kind of scan.

    Shapes:  `reader` is the function's path; `by` is the index, empty where none was chosen; `fields` are those that
    the filter looks at, empty where a Python function sees the whole document; `is_list` says that a whole list was
    collected.
    """

    reader: str
    table: str
    by: str
    fields: tuple[str, ...]
    is_list: bool = False


#: How many queries there were of each kind, how many documents they looked at, and how many they gave.
Scans = dict[ScanKey, list[int]]


def counted(query: Query, found: Iterator[tuple[bytes, Any]]) -> Iterator[tuple[bytes, Any]]:
    """The same keys and documents; how many there were, and how many a filter dropped, is noted at the end."""
    looked_at = given = 0
    try:
        for each in found:
            looked_at += 1
            if each[1] is not None:
                given += 1
            yield each
    finally:
        fields: set[str] = set()
        for each_filter in query.filters:
            fields.update(each_filter.fields or ())
        _note(query, tuple(sorted(fields)), looked_at, given, is_list=False)


def note_collected(query: Query, count: int) -> None:
    """Note a long list."""
    _note(query, (), count, count, is_list=True)


def _note(query: Query, fields: tuple[str, ...], looked_at: int, given: int, *, is_list: bool) -> None:
    transaction = query.transaction
    if transaction.scans is None:
        transaction.scans = {}
    index = query.chosen_index or ""
    key = ScanKey(transaction.reader, query.table_name, index, fields, is_list)
    counts = transaction.scans.get(key)
    if counts is not None:
        counts[0] += 1
        counts[1] += looked_at
        counts[2] += given
    elif len(transaction.scans) < SCANS_KEPT_MAX:
        transaction.scans[key] = [1, looked_at, given]
