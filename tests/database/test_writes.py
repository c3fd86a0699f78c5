"""Writes: what they weigh, and what several of them come to."""

from __future__ import annotations

from nbconvex.database.writes import ContentChange, Write, content_changes, entry_bytes, merged
from nbconvex.values.codec import encode_document
from nbconvex.values.ids import encode_id

ID = bytes(16)


def payload(n: int) -> bytes:
    return encode_document({"_id": encode_id(10_001, ID), "_creationTime": 1.0, "n": n})


def write(before: int | None, after: int | None, *, document_id: bytes = ID) -> Write:
    """A write from one number to another, each of them under its digit in one index and one content index."""
    keys = [None if n is None else (b"time", b"%d" % n, b"word" * n) for n in (before, after)]
    return Write.of(
        10_001, document_id, None if before is None else payload(before), keys[0],
        None if after is None else payload(after), keys[1],
    )  # fmt: skip


def test_a_write_knows_by_how_much_its_table_grows() -> None:
    born = write(None, 3)
    assert born.grown == len(payload(3)) + 64 + (1 + 64) + entry_bytes(b"word" * 3)
    assert write(3, None).grown == -born.grown
    assert write(3, 5).grown == 8
    assert born.id_key == encode_id(10_001, ID).encode()


def test_several_commits_come_to_one_write_a_document() -> None:
    other = b"o" * 16
    commits = [[write(2, 3)], [write(None, 1, document_id=other)], [write(3, 4), write(1, None, document_id=other)]]
    [only] = merged(list(reversed(commits)))
    assert only == write(2, 4)


def test_a_content_index_hears_of_entries_that_changed() -> None:
    writes = [write(None, 1), write(2, 2), write(1, 3), write(4, None)]
    assert content_changes(writes, 2) == [
        ContentChange(ID, None, b"word"),
        ContentChange(ID, b"word", b"word" * 3),
        ContentChange(ID, b"word" * 4, None),
    ]


def test_a_packed_write_is_the_same_in_other_memory() -> None:
    born = write(None, 3)
    assert born.packed() == born
    assert born.packed().after is not born.after
    gone = write(3, None)
    assert gone.packed() is gone
