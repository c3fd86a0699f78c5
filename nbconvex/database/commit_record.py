"""What a commit touched, from what it wrote.

Owns:  `record_of`.
Must not know: who compares records with what.
Threads: pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from nbconvex.database.content_index import touched_contents
from nbconvex.database.reads import CommitRecord
from nbconvex.database.snapshot import BY_ID, Snapshot, listed_table
from nbconvex.database.system_tables import TABLES_TABLE
from nbconvex.database.writes import Write

_NO_TABLES: frozenset[int] = frozenset()


def record_of(ts: int, accepted: Snapshot, writes: Sequence[Write], writer: str) -> CommitRecord:
    """The record of a commit that follows `accepted`."""
    touched: list[tuple[int, str] | bytes] = []
    dropped = _NO_TABLES
    layout = accepted.layout
    for write in writes:
        number = write.table
        if number == TABLES_TABLE and write.before is not None:
            dropped |= {listed_table(write.before)[1]}
        table = layout.get(number)
        if table is None:  # born in this commit: nobody can have read its indexes, but anyone may have had an id
            touched += ((number, BY_ID), write.id_key)
            continue
        index_ids = table.index_ids
        touched += (index_ids[0], write.id_key)
        before, after = write.keys_before, write.keys_after
        if table.content:
            touched += touched_contents(number, table.content, write)
            ordered = len(table.indexes)
            before, after = before and before[:ordered], after and after[:ordered]
        if before is not None:
            for pair in zip(index_ids[1:], before, strict=True):
                touched += pair
        if after is not None and after != before:
            for pair in zip(index_ids[1:], after, strict=True):
                touched += pair
    return CommitRecord(ts, tuple(touched), writer, dropped)
