"""A vector index of a table: what commits touch of it, and the nearest documents of any version.

Owns:  `VectorIndex`.
Must not know: transactions, arguments of searches.
Invariants:
- It costs writers a digest of the vector and no more. The matrix is derived: the first search makes it, and a later one
  brings it up to the newest version of the table that was asked for, by what differs between the two.
- Every search is answered as of its own version: what differs from the matrix is left out of it and looked at apart.
- A document touches the index only if its vector or a filter field changes.
- An entry has one length for all documents, so that what they weigh is known without looking at them.
Threads: any; the matrix changes under a lock, and is searched outside of it.
Source: ADR 19.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from nbconvex.database.index import Index
from nbconvex.database.vector_reader import VectorReader
from nbconvex.database.writes import ENTRY_OVERHEAD_BYTES, ContentChange
from nbconvex.values.codec import encode_value
from nbconvex.values.content_indexes import ContentDefinition
from nbconvex.values.sort_key import after_prefix, encode_key, field_value
from nbconvex.values.vector_indexes import VectorIndexDefinition

if TYPE_CHECKING:
    from nbconvex.database.vector_matrix import Conditions, VectorMatrix

#: What the keys of all vectors begin with. Those of filter fields begin with the field's place, from 1 on.
_ALL = b"\x00"
_VECTOR_BYTES = 16
_FILTER_BYTES = 8


class _Matrix:
    """The matrix that all versions of one index share: that of the newest version which was searched."""

    __slots__ = ("_definition", "_lock", "_newest", "_ts")

    def __init__(self, definition: VectorIndexDefinition) -> None:
        self._definition = definition
        self._lock = threading.Lock()
        self._newest: VectorMatrix | None = None
        self._ts = -1

    def for_search(self, documents: Index, ts: int, seen: Index) -> tuple[VectorMatrix, dict[str, Any]]:
        """A matrix, and how `seen` differs from it, by the name of `nearest`'s argument.

        `documents` are those of the commit at `ts`; `seen` are the same, or with the writes of a transaction besides.
        """
        with self._lock:
            matrix = self._newest
            if matrix is None or (ts > self._ts and documents is not matrix.documents):
                matrix = self._followed(matrix or self._empty(), documents, ts)
            if seen is matrix.documents:
                return matrix, {}
            return matrix, {"difference": matrix.difference(seen)}

    def _empty(self) -> VectorMatrix:
        # Heavy: numpy. First needed here.
        from nbconvex.database.vector_matrix import VectorMatrix

        definition = self._definition
        reader = VectorReader(definition.vector_field, definition.filter_fields)
        return VectorMatrix.empty(reader, definition.dimensions, len(definition.filter_fields))

    def _followed(self, matrix: VectorMatrix, documents: Index, ts: int) -> VectorMatrix:
        # An interrupt in the middle leaves rows that belong to no version: the next search begins anew.
        self._newest = None
        matrix = matrix.advanced(documents)
        self._newest, self._ts = matrix, ts
        return matrix

    @property
    def size_bytes(self) -> int:
        """Bytes of its rows, 0 before the first search."""
        newest = self._newest
        return 0 if newest is None else newest.size_bytes


@dataclass(frozen=True, slots=True)
class VectorIndex:
    """One version of a vector index: its declaration, how many documents its table has, and the matrix they share."""

    definition: VectorIndexDefinition
    documents: int = 0
    _matrix: _Matrix = field(kw_only=True, compare=False, repr=False)

    @classmethod
    def empty(cls, definition: VectorIndexDefinition) -> VectorIndex:
        """The index of a table without documents."""
        return cls(definition, _matrix=_Matrix(definition))

    # -- what the table asks -----------------------------------------------------------------------------------------

    @property
    def memory_bytes(self) -> int:
        """Its share of the memory budget. The matrix is not in it: it is made for searching, and can be made again."""
        entry = _VECTOR_BYTES + _FILTER_BYTES * len(self.definition.filter_fields)
        return self.documents * (entry + ENTRY_OVERHEAD_BYTES)

    @property
    def matrix_bytes(self) -> int:
        """Bytes of the matrix, 0 before the first search."""
        return self._matrix.size_bytes

    def entry_of(self, document: Mapping[str, Any], document_id: bytes) -> bytes:
        """A digest of the vector, then of each filter field; zeros for a document that is not in the index."""
        definition = self.definition
        vector = field_value(document, definition.vector_field)
        if type(vector) is not list or len(vector) != definition.dimensions:
            return bytes(_VECTOR_BYTES + _FILTER_BYTES * len(definition.filter_fields))
        digest = blake2b(encode_value(vector), digest_size=_VECTOR_BYTES).digest()
        if not definition.filter_fields:
            return digest
        return digest + b"".join(
            [_filter_digest(encode_key(field_value(document, each))) for each in definition.filter_fields]
        )

    def touched(self, change: ContentChange) -> Iterable[bytes]:
        """The keys under which a search may have looked for the document; none if its entry stays as it was."""
        if change.before == change.after:
            return ()
        # Each once: a changed vector leaves the filter fields as they were.
        return dict.fromkeys((*_keys(change.before, change.document_id), *_keys(change.after, change.document_id)))

    def with_changes(self, changes: Sequence[ContentChange]) -> VectorIndex:
        """The version after `changes`."""
        grown = sum((change.after is not None) - (change.before is not None) for change in changes)
        return dataclasses.replace(self, documents=self.documents + grown) if grown else self

    def loaded(self, documents: Iterable[object]) -> VectorIndex:
        """The same index for a table of these documents, none of which is looked at before the first search."""
        count = len(documents) if isinstance(documents, Sized) else sum(1 for _ in documents)
        return dataclasses.replace(self, documents=count)

    def redeclared(self, definition: ContentDefinition) -> VectorIndex:
        """The same index, staged or not."""
        assert isinstance(definition, VectorIndexDefinition), definition
        return dataclasses.replace(self, definition=definition)

    # -- what searches ask -------------------------------------------------------------------------------------------

    @staticmethod
    def intervals(conditions: Conditions | None) -> list[tuple[bytes, bytes | None]]:
        """What a search with this filter reads of the index's keys, as intervals `[low, high)`."""
        if conditions is None:
            return [(_ALL, after_prefix(_ALL))]
        prefixes = [bytes((place + 1,)) + _filter_digest(key) for place, key in conditions]
        return [(prefix, after_prefix(prefix)) for prefix in prefixes]

    def nearest(
        self, vector: Sequence[float], limit: int, *, committed: tuple[Index, int], seen: Index,
        conditions: Conditions | None = None, min_score: float | None = None,
    ) -> list[tuple[str, float]]:  # fmt: skip
        """The ids of the documents of `seen` whose vectors are nearest to `vector`, with their cosine similarity.

        Shapes:  `committed` is the table's documents as of a commit, and that commit's timestamp; `seen` is the same,
        or has the writes of a transaction besides. Best first, at most `limit`, none below `min_score`.
        """
        matrix, more = self._matrix.for_search(*committed, seen)
        if min_score is not None:
            more["min_score"] = min_score
        found = matrix.nearest(vector, limit, conditions, **more)
        return [(key.decode("ascii"), score) for key, score in found]


def _filter_digest(key: bytes) -> bytes:
    # Two values with one digest would cost a search that finds nothing new, and no more.
    return blake2b(key, digest_size=_FILTER_BYTES).digest()


def _keys(entry: bytes | None, document_id: bytes) -> Iterator[bytes]:
    if entry is None or not any(entry):
        return
    yield _ALL + document_id
    for place, at in enumerate(range(_VECTOR_BYTES, len(entry), _FILTER_BYTES), 1):
        yield bytes((place,)) + entry[at : at + _FILTER_BYTES] + document_id
