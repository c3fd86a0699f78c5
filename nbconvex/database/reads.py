"""What a transaction looked at, and whom a commit concerns.

Owns:  `ReadSet`, `CommitRecord`, `SubscriptionIndex`.
Must not know: how something was read, what a key means, what happens to those concerned.
Invariant: one meaning of "overlap" serves conflicts, the query cache and live queries: a commit overlaps a read set if
the old or the new key of a document it wrote lies inside an interval that was read, and, where only some fields were
read there, if it changed one of them. Source: semantics 4.
Threads: a `ReadSet` belongs to one transaction; a `CommitRecord` is immutable; a `SubscriptionIndex` belongs to one
thread.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Hashable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from nbconvex.database.field_reads import FieldReads, Mask, overlap

#: An index of a table: the table's number and the index's name.
IndexId = tuple[int, str]
#: Keys with `low <= key < high`; None as `high` means: to the end. A list, for a lazy scan widens its own.
Interval = list[bytes | None]


NOTHING_KNOWN: Mapping[tuple[IndexId, bytes], Mask] = MappingProxyType({})


class CommitRecord(NamedTuple):
    """What one commit touched.

    Shapes:  `touched` holds an index and a key for each old and new key of the documents written; a key ends in the 16
    bytes of its document's internal id. `writer` is the function's path. `dropped` holds the numbers of tables that
    were deleted, or written in bulk, which concern whoever read anything of them. `changed` holds for an index and a
    key which fields of the document were changed, where that is known.
    Units:  `ts` in nanoseconds.
    """

    ts: int
    touched: tuple[IndexId | bytes, ...]
    writer: str = ""
    dropped: frozenset[int] = frozenset()
    changed: Mapping[tuple[IndexId, bytes], Mask] = NOTHING_KNOWN

    def pairs(self) -> Iterator[tuple[IndexId, bytes]]:
        """Each index and key that was touched."""
        flat: Iterator[Any] = iter(self.touched)
        return zip(flat, flat, strict=True)


class ReadSet:
    """The intervals of index keys that a transaction read, those that were empty included.

    `by_field` holds those of which it read some fields only; None where there are none, which is the rule.
    """

    __slots__ = ("_intervals", "by_field")

    def __init__(self) -> None:
        self._intervals: dict[IndexId, list[Interval]] = {}
        self.by_field: FieldReads | None = None

    def add_interval(self, table: int, index: str, low: bytes, high: bytes | None) -> Interval:
        """Record `[low, high)` of an index; the interval returned may be widened later by its scan."""
        interval: Interval = [low, high]
        intervals = self._intervals.get((table, index))
        if intervals is None:
            self._intervals[table, index] = [interval]
        else:
            intervals.append(interval)
        return interval

    def add_fields(self, table: int, index: str, low: bytes, high: bytes | None, mask: Mask) -> Interval:
        """As `add_interval`, for documents of which only the fields in `mask` matter."""
        interval: Interval = [low, high]
        if self.by_field is None:
            self.by_field = {}
        self.by_field.setdefault((table, index), []).append((interval, mask))
        return interval

    def add_point(self, table: int, index: str, key: bytes) -> None:
        """Record one key of an index."""
        self.add_interval(table, index, key, key + b"\x00")

    def overlaps(self, record: CommitRecord) -> tuple[IndexId, bytes] | None:
        """The index and the key through which `record` changed something that was read here, or None.

        Shapes:  the key is empty where the whole table was deleted, or written in bulk.
        """
        mine = self._intervals
        if record.dropped:
            for index_id in mine:
                if index_id[0] in record.dropped:
                    return index_id, b""
        for index_id, key in record.pairs():
            for low, high in mine.get(index_id, ()):
                if low <= key and (high is None or key < high):  # type: ignore[operator]
                    return index_id, key
        return None if self.by_field is None else overlap(self.by_field, record)

    def intervals(self) -> Iterator[tuple[IndexId, bytes, bytes | None]]:
        """Every interval as (index, low, high), those with some fields only among them."""
        yield from self.whole_intervals()
        for interval, _ in self.field_intervals():
            yield interval

    def indexes(self) -> Iterable[IndexId]:
        """Every index of which whole documents were read, once."""
        return self._intervals.keys()

    def whole_intervals(self) -> Iterator[tuple[IndexId, bytes, bytes | None]]:
        """The intervals of which whole documents were read."""
        for index_id, intervals in self._intervals.items():
            for low, high in intervals:
                assert low is not None
                yield index_id, low, high

    def field_intervals(self) -> Iterator[tuple[tuple[IndexId, bytes, bytes | None], Mask]]:
        """The others, each with its fields."""
        for index_id, reads in (self.by_field or {}).items():
            for (low, high), mask in reads:
                assert low is not None
                yield (index_id, low, high), mask

    def __len__(self) -> int:
        return sum(1 for _ in self.intervals())

    def update(self, other: ReadSet) -> None:
        """Add everything that `other` read."""
        for index_id, intervals in other._intervals.items():
            self._intervals.setdefault(index_id, []).extend(intervals)
        for index_id, reads in (other.by_field or {}).items():
            if self.by_field is None:
                self.by_field = {}
            self.by_field.setdefault(index_id, []).extend(reads)


class _Bucket:
    """Intervals of one index whose bounds share one longest common prefix, ordered by their low end."""

    __slots__ = ("highs", "lows", "tokens")

    def __init__(self) -> None:
        self.lows: list[bytes] = []
        self.highs: list[bytes | None] = []
        self.tokens: list[Hashable] = []

    def add(self, low: bytes, high: bytes | None, token: Hashable) -> None:
        position = bisect_right(self.lows, low)
        self.lows.insert(position, low)
        self.highs.insert(position, high)
        self.tokens.insert(position, token)

    def remove(self, low: bytes, high: bytes | None, token: Hashable) -> None:
        position = bisect_left(self.lows, low)
        while self.tokens[position] != token or self.highs[position] != high:
            position += 1
        assert self.lows[position] == low, "a subscription's interval must be where it was put"
        del self.lows[position], self.highs[position], self.tokens[position]

    def collect(self, key: bytes, into: set[Hashable]) -> None:
        for position in range(bisect_right(self.lows, key)):
            high = self.highs[position]
            if high is None or key < high:
                into.add(self.tokens[position])


class SubscriptionIndex:
    """Who is concerned by a commit, found by the keys it wrote.

    An interval is filed under the longest common prefix of its two ends; a written key can only lie in intervals filed
    under one of its own prefixes. So the cost of a commit follows the number of distinct prefix lengths and of those
    concerned, and not the number of those who watch. Source: performance.md 2.3, ADR 8.
    """

    __slots__ = ("_buckets", "_by_field", "_lengths", "_masks", "_reads")

    def __init__(self) -> None:
        #: Those who read some fields only: their tokens with the fields, and which fields a token has there.
        self._by_field: SubscriptionIndex | None = None
        self._masks: dict[Hashable, tuple[Mask, ...]] = {}
        self._buckets: dict[IndexId, dict[bytes, _Bucket]] = {}
        self._lengths: dict[IndexId, dict[int, int]] = {}
        self._reads: dict[Hashable, list[tuple[IndexId, bytes, bytes | None]]] = {}

    def __len__(self) -> int:
        return len(self._reads)

    def add(self, token: Hashable, reads: ReadSet) -> None:
        """Watch everything that `reads` holds on behalf of `token`, instead of what it watched before."""
        self.remove(token)
        self.file(token, reads.whole_intervals())
        if reads.by_field is not None:
            by_mask: dict[Mask, list[tuple[IndexId, bytes, bytes | None]]] = {}
            for interval, mask in reads.field_intervals():
                by_mask.setdefault(mask, []).append(interval)
            self._masks[token] = tuple(by_mask)
            self._by_field = self._by_field or SubscriptionIndex()
            for mask, intervals in by_mask.items():
                self._by_field.file((token, mask), intervals)

    def file(self, token: Hashable, intervals: Iterable[tuple[IndexId, bytes, bytes | None]]) -> None:
        """Watch these intervals on behalf of `token`, which watches nothing yet."""
        filed = list(dict.fromkeys(intervals))
        self._reads[token] = filed
        for index_id, low, high in filed:
            prefix = _prefix(low, high)
            buckets = self._buckets.setdefault(index_id, {})
            bucket = buckets.get(prefix)
            if bucket is None:
                bucket = buckets[prefix] = _Bucket()
                lengths = self._lengths.setdefault(index_id, {})
                lengths[len(prefix)] = lengths.get(len(prefix), 0) + 1
            bucket.add(low, high, token)

    def remove(self, token: Hashable) -> None:
        """Stop watching on behalf of `token`; unknown tokens are fine."""
        if self._by_field is not None:
            for mask in self._masks.pop(token, ()):
                self._by_field.remove((token, mask))
        for index_id, low, high in self._reads.pop(token, ()):
            prefix = _prefix(low, high)
            buckets = self._buckets[index_id]
            bucket = buckets[prefix]
            bucket.remove(low, high, token)
            if bucket.lows:
                continue
            del buckets[prefix]
            lengths = self._lengths[index_id]
            lengths[len(prefix)] -= 1
            if not lengths[len(prefix)]:
                del lengths[len(prefix)]

    def matching(self, record: CommitRecord) -> set[Hashable]:
        """The tokens that read something which `record` changed."""
        concerned: set[Hashable] = set()
        if record.dropped:
            concerned.update(
                token for token, filed in self._reads.items() if any(each[0][0] in record.dropped for each in filed)
            )
        for index_id, key in record.pairs():
            buckets = self._buckets.get(index_id)
            if not buckets:
                continue
            for length in self._lengths[index_id]:
                bucket = buckets.get(key[:length]) if length <= len(key) else None
                if bucket is not None:
                    bucket.collect(key, concerned)
        if self._by_field:
            concerned |= self._by_field.matching_fields(record)
        return concerned

    def matching_fields(self, record: CommitRecord) -> set[Hashable]:
        """As `matching`, where each token is one with the fields that it read."""
        concerned: set[Hashable] = set()
        if record.dropped:
            concerned.update([token for token, _ in _pairs(self.matching(record._replace(touched=())))])
        for index_id, key in record.pairs():
            changed = record.changed.get((index_id, key))
            found = _pairs(self.matching(CommitRecord(record.ts, (index_id, key))))
            concerned.update([token for token, mask in found if changed is None or not mask.isdisjoint(changed)])
        return concerned


def _pairs(tokens: set[Any]) -> set[tuple[Hashable, Mask]]:
    return tokens


def _prefix(low: bytes, high: bytes | None) -> bytes:
    """What every key of `[low, high)` starts with.

    `high` is exclusive, and usually the successor of a prefix (its last byte one higher): then keys share that prefix,
    not only what `low` and `high` have in common.
    """
    if high is None:
        return b""
    if high[-1] and low.startswith(inclusive := high[:-1] + bytes((high[-1] - 1,))):
        return inclusive
    length = next((at for at, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))
    return low[:length]
