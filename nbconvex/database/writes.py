"""What one transaction does to one document: the unit that commits, snapshots and conflicts are made of.

Owns:  `Write`, `ContentChange`, what several commits come to; what a document and its index entries weigh.
Must not know: tables, which indexes there are, what a key means.
Threads: immutable.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from nbconvex.database.payload import id_key

#: Resident bytes of a document beyond its payload: an object's header, its places in the two built-in indexes.
DOCUMENT_OVERHEAD_BYTES = 64
#: Resident bytes of an index entry beyond its key: an object's header, its place in the tree.
ENTRY_OVERHEAD_BYTES = 64

Document = dict[str, Any]
#: The keys of one document, in the order of its table's indexes; then what each of its content indexes keeps of it.
Keys = tuple[bytes, ...]


class Write(NamedTuple):
    """One document as one transaction changes it; None stands for "did not exist" or "exists no more".

    Shapes:  `document_id` is 16 bytes; payloads are encoded documents; keys are in the order of the table's indexes.
    """

    table: int
    document_id: bytes
    before: bytes | None
    keys_before: Keys | None
    after: bytes | None
    keys_after: Keys | None
    #: By how many resident bytes it makes its table grow.
    grown: int

    @classmethod
    def of(
        cls, table: int, document_id: bytes, before: bytes | None, keys_before: Keys | None, after: bytes | None,
        keys_after: Keys | None,
    ) -> Write:  # fmt: skip
        """The write that turns one state of a document into another."""
        grown = 0 if after is None else _state_bytes(after, keys_after)
        if before is not None:
            grown -= _state_bytes(before, keys_before)
        return cls(table, document_id, before, keys_before, after, keys_after, grown)

    def packed(self) -> Write:
        """The same write in memory of its own.

        What a bulk write leaves behind was made between thousands of objects that are gone a moment later; copied once
        those are many, it lies together, and their memory can be used again. Source: performance.md W12.
        """
        if self.after is None or self.keys_after is None:
            return self
        after = bytes(memoryview(self.after))
        return self._replace(after=after, keys_after=tuple([bytes(memoryview(key)) for key in self.keys_after]))

    @property
    def id_key(self) -> bytes:
        """The document's key in `by_id`."""
        payload = self.before if self.after is None else self.after
        assert payload is not None, "a write has a document before it, or after it"
        return id_key(payload)


class ContentChange(NamedTuple):
    """What a write changes in a content index: the entries of a document before and after it, None where there was, or
    will be, no document.
    """

    document_id: bytes
    before: bytes | None
    after: bytes | None


def content_changes(writes: Sequence[Write], position: int) -> list[ContentChange]:
    """What `writes` change in the content index whose entries stand at `position` of the keys."""
    changes = []
    for write in writes:
        before = None if write.keys_before is None else write.keys_before[position]
        after = None if write.keys_after is None else write.keys_after[position]
        if before != after:
            changes.append(ContentChange(write.document_id, before, after))
    return changes


def entry_bytes(entry: bytes) -> int:
    """The resident bytes of what a content index keeps of one document."""
    return len(entry) + ENTRY_OVERHEAD_BYTES


def _state_bytes(payload: bytes, keys: Keys | None) -> int:
    """The resident bytes of a document and its index entries."""
    assert keys is not None, "a document has keys"
    entries = sum(map(len, keys)) - len(keys[0]) + ENTRY_OVERHEAD_BYTES * (len(keys) - 1)
    return len(payload) + DOCUMENT_OVERHEAD_BYTES + entries


def merged(commits: Sequence[Sequence[Write]]) -> list[Write]:
    """The writes of several commits, the newest first, as if they were one."""
    merged: dict[tuple[int, bytes], Write] = {}
    for writes in reversed(commits):
        for write in writes:
            key = (write.table, write.document_id)
            earlier = merged.get(key)
            if earlier is not None:
                write = write._replace(  # noqa: PLW2901
                    before=earlier.before, keys_before=earlier.keys_before, grown=earlier.grown + write.grown
                )
            merged[key] = write
    return [write for write in merged.values() if write.before is not None or write.after is not None]
