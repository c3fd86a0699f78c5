"""Reads of some fields only: which fields a read looked at, which ones a write changed, and whether the two meet.

Owns:  `Mask`, `mask_of`, `changed_fields`, `changed_of`, `overlap`.
Must not know: how something was read; what happens to those concerned.
Invariants: where it is not known what a write changed, it has changed everything. A document that comes or goes has.
Mechanism: both sides are sets of paths, and a read is concerned if they have one in common. A write that changed
`address.city` has that path and `address`; one that put another thing in the place of `address` has `address.*` too,
which every read of something inside has.
Source: semantics 14 row 4; ADR 20.
Threads: pure functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from nbconvex.values.codec import decode_document, equal_values

if TYPE_CHECKING:
    from nbconvex.database.reads import CommitRecord, IndexId, Interval
    from nbconvex.database.snapshot import Table
    from nbconvex.database.writes import Write

#: Paths of fields.
Mask = frozenset[str]
#: Intervals of which only some fields were read.
FieldReads = dict["IndexId", list[tuple["Interval", Mask]]]

_INSIDE = ".*"
_ABSENT = object()
_PLAIN = frozenset({str, int, float})


@lru_cache(maxsize=1_024)
def mask_of(paths: frozenset[str], indexed: tuple[str, ...] = ()) -> Mask:
    """What a read of these paths, in the order of those `indexed`, is concerned by.

    Creation times count always: a restored document may have another.
    """
    mask = {"_creationTime"}
    for path in (*paths, *indexed):
        mask.add(path)
        at = path.find(".")
        while at >= 0:
            mask.add(path[:at] + _INSIDE)
            at = path.find(".", at + 1)
    return frozenset(mask)


def changed_fields(before: bytes, after: bytes) -> Mask:
    """The paths at which two states of a document differ."""
    changed: set[str] = set()
    _differences(decode_document(before), decode_document(after), "", changed)
    return frozenset(changed)


def _differences(before: Mapping[str, Any], after: Mapping[str, Any], at: str, into: set[str]) -> bool:
    """Enter the paths at which two objects differ; whether there are any."""
    is_different = False
    for name, new in after.items():
        old = before.get(name, _ABSENT)
        kind = type(new)
        # The usual cases first, without a call; a zero has two signs.
        if kind is type(old) and (old == new and bool(new) if kind in _PLAIN else old is new):
            continue
        path = at + name
        if kind is dict and type(old) is dict:
            if not _differences(old, new, path + ".", into):
                continue
        elif old is not _ABSENT and equal_values(old, new):
            continue
        else:
            into.add(path + _INSIDE)
        into.add(path)
        is_different = True
    for name in before.keys() - after.keys():
        into.update((at + name, at + name + _INSIDE))
        is_different = True
    return is_different


def changed_of(table: Table, write: Write) -> dict[tuple[IndexId, bytes], Mask]:
    """What a write has changed, by each index and key that it touched; nothing where a document came or went."""
    if write.before is None or write.after is None:
        return {}
    assert write.keys_before is not None, "a document has keys"
    assert write.keys_after is not None, "a document has keys"
    fields = changed_fields(write.before, write.after)
    ids = table.index_ids
    # Behind the keys of ordered indexes are the entries of others, whose readers look at whole documents.
    pairs = [(ids[0], write.id_key), *zip(ids[1:], write.keys_before, strict=False)]
    if write.keys_after != write.keys_before:
        pairs.extend(zip(ids[1:], write.keys_after, strict=False))
    return dict.fromkeys(pairs, fields)


def overlap(reads: FieldReads, record: CommitRecord) -> tuple[IndexId, bytes] | None:
    """As `ReadSet.overlaps`, for reads of some fields."""
    if record.dropped:
        for index_id in reads:
            if index_id[0] in record.dropped:
                return index_id, b""
    for index_id, key in record.pairs():
        for (low, high), mask in reads.get(index_id, ()):
            if low <= key and (high is None or key < high):  # type: ignore[operator]
                changed = record.changed.get((index_id, key))
                if changed is None or not mask.isdisjoint(changed):
                    return index_id, key
    return None
