"""Content indexes beside the ordered ones: what each kind must do, and how a table keeps its own.

Owns:  the port `ContentIndex`; which class serves which definition; building and following a table's content indexes.
Must not know: how words or vectors are kept and found.
Invariants:
- A content index is immutable, like every index: a commit makes the next version, and a snapshot holds on to its own.
- What an index keeps of a document is its *entry*, bytes made once when the document is written. It travels with the
  document's keys, behind those of the ordered indexes, so that commits, sub-transactions and rollbacks carry it along.
- All is derived: an index loaded from the documents equals the one that followed their writes.
Threads: any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol, Self

from nbconvex.database.index import Index
from nbconvex.database.writes import ContentChange, Document, Write, content_changes
from nbconvex.values.codec import decode_document
from nbconvex.values.content_indexes import ContentDefinition, SearchIndexDefinition
from nbconvex.values.ids import INTERNAL_ID_BYTES, decode_id
from nbconvex.values.vector_indexes import VectorIndexDefinition

#: Keys of content indexes that a commit names; one that touches more concerns whoever read anything of the table.
TOUCHED_MAX = 20_000
#: Internal ids (16 bytes) and documents, in the order of their creation.
Documents = Iterable[tuple[bytes, Document]]


class StoredDocuments:
    """All documents of a table in the order of their creation: as many as its length, decoded when gone through."""

    __slots__ = ("_by_creation",)

    def __init__(self, by_creation: Index) -> None:
        self._by_creation = by_creation

    def __len__(self) -> int:
        return len(self._by_creation)

    def __iter__(self) -> Iterator[tuple[bytes, Document]]:
        for _, payloads in self._by_creation.chunks():
            for document in map(decode_document, payloads):
                yield decode_id(document["_id"])[1], document


class ContentIndex(Protocol):
    """One version of one content index of a table."""

    @property
    def definition(self) -> ContentDefinition:
        """What it was declared as."""

    @property
    def memory_bytes(self) -> int:
        """Its share of the memory budget: `entry_bytes` of every document's entry, empty ones included."""

    def entry_of(self, document: Document, document_id: bytes) -> bytes:
        """What the index keeps of a document; empty where the document is not in it. Called at every write."""

    def touched(self, change: ContentChange) -> Iterable[bytes]:
        """The keys under which a reader may have looked for the document, before or after; each ends in its 16-byte id.

        What stands before the id decides who is concerned: a commit of several documents keeps one key of those that
        have it in common.

        Asked of every write to the table, those included that leave the entry as it was: an index whose readers see
        more of a document than its entry says so then too. Readers record intervals of these keys under the index's
        name, as with ordered indexes.
        """

    def with_changes(self, changes: Sequence[ContentChange]) -> Self:
        """The version after `changes`, at most one a document; none that leaves an entry as it was."""

    def loaded(self, documents: Documents) -> Self:
        """The same index, itself empty, with all documents of its table."""

    def redeclared(self, definition: ContentDefinition) -> Self:
        """The same content under a definition that differs in nothing but whether it is staged."""


def made_for(definition: ContentDefinition) -> ContentIndex:
    """An empty index of this definition."""
    if isinstance(definition, SearchIndexDefinition):
        from nbconvex.database.text_index import TextIndex

        return TextIndex.empty(definition)
    if isinstance(definition, VectorIndexDefinition):
        from nbconvex.database.vector_index import VectorIndex

        return VectorIndex.empty(definition)
    raise TypeError(f"no index keeps a {definition.KIND}")


def contents_of(
    present: Mapping[str, ContentIndex], wanted: Mapping[str, ContentDefinition], documents: Callable[[], Documents]
) -> Mapping[str, ContentIndex]:
    """The content indexes `wanted`: those that are `present` are kept, the others are filled with all `documents`."""
    contents = {}
    for name, definition in wanted.items():
        index = present.get(name)
        if index is None or index.definition.place != definition.place:
            index = made_for(definition).loaded(documents())
        elif index.definition != definition:
            index = index.redeclared(definition)
        contents[name] = index
    return contents


def changed_contents(
    contents: Mapping[str, ContentIndex], writes: Sequence[Write], first: int
) -> Mapping[str, ContentIndex]:
    """The content indexes after `writes`, whose keys hold the entries from position `first` on."""
    changed = {}
    for position, (name, index) in enumerate(contents.items(), first):
        changes = content_changes(writes, position)
        changed[name] = index.with_changes(changes) if changes else index
    return changed


def touched_contents(
    number: int, contents: Mapping[str, ContentIndex], writes: Sequence[Write]
) -> list[tuple[int, str] | bytes] | None:
    """What writes touch in the content indexes of table `number`: an index and a key in turn.

    None where that is so much that it is simpler to say: the whole table.
    """
    touched: list[tuple[int, str] | bytes] = []
    for position, (name, index) in enumerate(contents.items(), -len(contents)):
        # A thousand texts share their words, and what is recorded of a commit is kept for a while.
        keys: dict[bytes, bytes] = {}
        for write in writes:
            keys.update([(key[:-INTERNAL_ID_BYTES], key) for key in index.touched(_change(write, position))])
            if len(keys) > TOUCHED_MAX:
                return None
        pairs: list[tuple[int, str] | bytes] = [(number, name)] * (2 * len(keys))
        pairs[1::2] = keys.values()
        touched += pairs
    return touched


def _change(write: Write, position: int) -> ContentChange:
    before, after = write.keys_before, write.keys_after
    return ContentChange(
        write.document_id,
        None if before is None else before[position],
        None if after is None else after[position],
    )
