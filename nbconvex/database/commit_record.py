"""What a commit touched, from what it wrote.

Owns:  `record_of`; whose document a key is of.
Must not know: who compares records with what.
Threads: pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from nbconvex.database.content_index import touched_contents
from nbconvex.database.field_reads import Mask, changed_of
from nbconvex.database.payload import CREATION_TIME_BYTES
from nbconvex.database.reads import NOTHING_KNOWN, CommitRecord, IndexId
from nbconvex.database.snapshot import BY_CREATION_TIME, BY_ID, Snapshot, listed_table
from nbconvex.database.system_tables import TABLES_TABLE
from nbconvex.database.writes import Write
from nbconvex.values.ids import INTERNAL_ID_BYTES, encode_id

_NO_TABLES: frozenset[int] = frozenset()


def record_of(
    ts: int, accepted: Snapshot, writes: Sequence[Write], writer: str, by_field: frozenset[int]
) -> CommitRecord:
    """The record of a commit that follows `accepted`; of the tables `by_field`, which fields were changed too."""
    touched: list[tuple[int, str] | bytes] = []
    changed: dict[tuple[IndexId, bytes], Mask] | None = {} if by_field else None
    dropped = _NO_TABLES
    in_content: dict[int, list[Write]] | None = None
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
            in_content = in_content or {}
            in_content.setdefault(number, []).append(write)
            ordered = len(table.indexes)
            before, after = before and before[:ordered], after and after[:ordered]
        if before is not None:
            for pair in zip(index_ids[1:], before, strict=True):
                touched += pair
        if after is not None and after != before:
            for pair in zip(index_ids[1:], after, strict=True):
                touched += pair
        if changed is not None and number in by_field:
            changed.update(changed_of(table, write))
    if in_content:
        for number, written in in_content.items():
            keys = touched_contents(number, layout[number].content, written)
            if keys is None:
                dropped |= {number}
            else:
                touched += keys
    return CommitRecord(ts, tuple(touched), writer, dropped, changed or NOTHING_KNOWN)


def document_id_of(number: int, index: str, key: bytes) -> str:
    """The id of the document that a key belongs to: built-in indexes hold its text, others its 16 bytes."""
    if index in {BY_ID, BY_CREATION_TIME}:
        return key[0 if index == BY_ID else CREATION_TIME_BYTES :].decode("ascii")
    return encode_id(number, key[-INTERNAL_ID_BYTES:])
