"""The vectors of one index as a dense matrix, and the exact nearest of them.

Owns:  `VectorMatrix`; the one place that knows numpy.
Must not know: schemas, transactions, who searches.
Invariants:
- A version never changes for those who hold it: rows are only appended, a changed document gets a new row, and a
  version says how many rows there are and which of them are dead.
- Results are exact. The matrix, float32, only says who can be among the best: the rounding error of its scores has a
  bound, everything within it of the last place is looked at, and scored in float64 from the stored document. So equal
  vectors have equal scores, wherever their rows stand.
- A vector of zeros has no direction: its score is 0 with everything. One with NaN or infinity is not in the index.
Threads: versions may be searched anywhere; `advanced` and `difference` change what versions share, one at a time.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from nbconvex.database.index import Index
from nbconvex.database.payload import id_key
from nbconvex.database.vector_reader import VectorReader
from nbconvex.values.codec import decode_value
from nbconvex.values.scalars import UNSET
from nbconvex.values.sort_key import encode_key

Array = np.ndarray[Any, Any]

#: Rows that are read and made into numbers together.
_BATCH = 256
#: Half the distance between 1 and the next float32: what one rounding may do.
_ROUNDING = 2.0**-24
#: Above this share of dead rows (and some more), the living ones are moved together.
_DEAD_SHARE = 0.25
_DEAD_ROWS = 1_024
#: Below this share of rows that a filter lets through, these are gathered instead of scoring all.
_GATHERED_SHARE = 0.25
_FLOAT64_TAG = 0xCB

_read_any = msgspec.msgpack.Decoder(ext_hook=lambda _code, data: bytes(data)).decode


class Difference(NamedTuple):
    """What a search of a version of the documents has to leave out of a matrix, and to look at besides it."""

    rows: Sequence[int] = ()
    payloads: Sequence[bytes] = ()


_NO_DIFFERENCE = Difference()

#: The place of a filter field among those of the index, and the sort key of the value asked for. Any of them may hold.
Conditions = Sequence[tuple[int, bytes]]


class _Rows:
    """What versions share: arrays with room behind their last row."""

    __slots__ = ("code_of_key", "code_of_part", "codes", "payloads", "row_of", "units")

    def __init__(self, dimensions: int, filters: int, capacity: int) -> None:
        # What is not written to takes no memory yet.
        self.units: Array = np.empty((capacity, dimensions), np.float32)
        self.codes: list[Array] = [np.empty(capacity, np.int32) for _ in range(filters)]
        self.payloads: list[bytes] = []
        #: The row of each payload by its identity, which is in the list above and so has one; None until one changes.
        self.row_of: dict[int, int] | None = None
        self.code_of_part: dict[bytes, int] = {}
        self.code_of_key: dict[bytes, int] = {}

    def code(self, part: bytes) -> int:
        """The number that stands for a filter value."""
        code = self.code_of_part.get(part)
        if code is None:
            key = filter_key(part)
            code = self.code_of_part[part] = self.code_of_key.setdefault(key, len(self.code_of_key))
        return code

    def grow(self, capacity: int) -> None:
        """Make room. Versions that hold the arrays from before keep them."""
        self.units = _longer(self.units, capacity)
        self.codes = [_longer(each, capacity) for each in self.codes]


def _longer(array: Array, capacity: int) -> Array:
    longer: Array = np.empty((capacity, *array.shape[1:]), array.dtype)
    longer[: len(array)] = array
    return longer


class VectorMatrix:
    """One version: the vectors of `documents`, as `reader` finds them, of `dimensions` numbers each."""

    __slots__ = ("_codes", "_count", "_dead", "_dimensions", "_reader", "_rows", "_units", "documents")

    def __init__(
        self, reader: VectorReader, dimensions: int, documents: Index, rows: _Rows, count: int, dead: Array
    ) -> None:
        self.documents = documents
        self._reader = reader
        self._dimensions = dimensions
        self._rows = rows
        self._units = rows.units
        self._codes = rows.codes
        self._count = count
        self._dead = dead

    @classmethod
    def empty(cls, reader: VectorReader, dimensions: int, filters: int) -> VectorMatrix:
        """The matrix of no documents, with so many filter fields."""
        return cls(reader, dimensions, Index(), _Rows(dimensions, filters, 0), 0, np.empty(0, np.int64))

    @property
    def size_bytes(self) -> int:
        """Bytes of the rows in use."""
        return self._count * (self._dimensions * 4 + len(self._codes) * 4 + 8)

    def __len__(self) -> int:
        return self._count - len(self._dead)

    # -- following the documents -------------------------------------------------------------------------------------

    def advanced(self, documents: Index) -> VectorMatrix:
        """The matrix of another version of the documents. From then on this one can be searched, not advanced."""
        rows = self._rows
        died: list[int] = []
        added: list[bytes] = []
        for _, before, after in self.documents.differences(documents):
            row = None if before is None else self._row_of(before)
            if row is not None and before is not None and after is not None and self._is_same(before, after):
                # Another field changed: the row says the same of both.
                assert rows.row_of is not None
                rows.payloads[row] = after
                rows.row_of[id(after)] = row
                del rows.row_of[id(before)]
                continue
            if row is not None:
                died.append(row)
            if after is not None:
                added.append(after)
        count = self._appended(added)
        dead = np.concatenate([self._dead, np.asarray(died, np.int64)]) if died else self._dead
        version = VectorMatrix(self._reader, self._dimensions, documents, rows, count, dead)
        return version._compacted() if len(dead) > _DEAD_ROWS + _DEAD_SHARE * count else version

    def difference(self, documents: Index) -> Difference:
        """How another version of the documents differs from this one."""
        rows: list[int] = []
        payloads: list[bytes] = []
        for _, before, after in self.documents.differences(documents):
            row = None if before is None else self._row_of(before)
            if row is not None:
                rows.append(row)
            if after is not None:
                payloads.append(after)
        return Difference(rows, payloads)

    def _row_of(self, payload: bytes) -> int | None:
        rows = self._rows
        if rows.row_of is None:
            rows.row_of = {id(each): row for row, each in enumerate(rows.payloads)}
        return rows.row_of.get(id(payload))

    def _is_same(self, before: bytes, after: bytes) -> bool:
        return self._reader.read(before) == self._reader.read(after)

    def _appended(self, payloads: Sequence[bytes]) -> int:
        """The number of rows after those of `payloads` that have a vector."""
        rows, count = self._rows, self._count
        if count + len(payloads) > len(rows.units):
            rows.grow(max((count + len(payloads)) * 3 // 2, 64))
        for batch in _batches(payloads):
            read = [self._reader.read(payload) for payload in batch]
            vectors, places = _numbers([parts[0] for parts in read], self._dimensions)
            end = count + len(places)
            rows.units[count:end] = _units(vectors)
            for field, codes in enumerate(rows.codes, 1):
                codes[count:end] = [rows.code(read[place][field]) for place in places]
            taken = [batch[place] for place in places]
            rows.payloads.extend(taken)
            if rows.row_of is not None:
                rows.row_of.update(zip(map(id, taken), range(count, end), strict=True))
            count = end
        return count

    def _compacted(self) -> VectorMatrix:
        """The same version in arrays of its own, without dead rows."""
        living = np.flatnonzero(self._living(()))
        rows = _Rows(self._dimensions, len(self._codes), len(living) * 3 // 2)
        rows.units[: len(living)] = self._units[living]
        for mine, theirs in zip(rows.codes, self._codes, strict=True):
            mine[: len(living)] = theirs[living]
        rows.payloads = [self._rows.payloads[row] for row in living.tolist()]
        # Codes of values that no row has any more stay: they match none.
        rows.code_of_part, rows.code_of_key = self._rows.code_of_part, self._rows.code_of_key
        none = np.empty(0, np.int64)
        return VectorMatrix(self._reader, self._dimensions, self.documents, rows, len(living), none)

    # -- searching ---------------------------------------------------------------------------------------------------

    def nearest(
        self,
        vector: Sequence[float],
        limit: int,
        conditions: Conditions | None = None,
        min_score: float = -np.inf,
        difference: Difference = _NO_DIFFERENCE,
    ) -> list[tuple[bytes, float]]:
        """The keys in `by_id` of the documents whose vectors are nearest to `vector`, with their cosine similarity.

        Best first, equal ones in the order of ids; at most `limit`, none below `min_score`. `vector` has the index's
        dimensions and is finite.
        """
        query = _scaled(np.asarray([vector], np.float64))
        # As float32: otherwise the whole matrix would be made float64 for this one product.
        unit = _units(query)[0].astype(np.float32)
        rows = self._candidates(unit, limit, conditions, min_score, difference.rows)
        payloads = itertools.chain((self._rows.payloads[row] for row in rows), self._held(difference, conditions))
        scored = [
            (-score, id_key(payload))
            for batch in _batches(payloads)
            for payload, score in self._scored(batch, query)
            if score >= min_score
        ]
        scored.sort()
        return [(key, 0.0 - negated) for negated, key in scored[:limit]]

    def _living(self, others: Sequence[int]) -> Array:
        living: Array = np.ones(self._count, np.bool_)
        living[self._dead] = False
        if len(others):
            living[np.asarray(others, np.int64)] = False
        return living

    def _candidates(
        self, unit: Array, limit: int, conditions: Conditions | None, min_score: float, without: Sequence[int]
    ) -> list[int]:
        """The rows that can be among the best `limit`."""
        wanted = self._living(without)
        if conditions is not None:
            wanted &= self._matching(conditions)
        count = int(np.count_nonzero(wanted))
        if not count or not limit:
            return []
        units = self._units[: self._count]
        if count <= _GATHERED_SHARE * self._count:
            places = np.flatnonzero(wanted)
            scores = units[places] @ unit
        else:
            scores = units @ unit
            places = np.arange(self._count) if count == self._count else np.flatnonzero(wanted)
            scores = scores if count == self._count else scores[places]
        # |computed - true| of a sum of n products is at most n roundings of the product of the lengths, which is 1; the
        # rest is for the rounding of both vectors and of the bound to float32.
        error = (self._dimensions + 8) * _ROUNDING
        lowest = min_score - error
        if limit < count:
            lowest = max(lowest, float(np.partition(scores, count - limit)[count - limit]) - 2 * error)
        best: list[int] = places[scores >= np.float32(lowest)].tolist()
        return best

    def _matching(self, conditions: Conditions) -> Array:
        matching: Array = np.zeros(self._count, np.bool_)
        for field, key in conditions:
            code = self._rows.code_of_key.get(key)
            if code is not None:
                matching |= self._codes[field][: self._count] == code
        return matching

    def _held(self, difference: Difference, conditions: Conditions | None) -> Iterator[bytes]:
        """The payloads of a difference that a filter lets through."""
        for payload in difference.payloads:
            if conditions is not None:
                parts = self._reader.read(payload)
                if not any(filter_key(parts[field + 1]) == key for field, key in conditions):
                    continue
            yield payload

    def _scored(self, payloads: Sequence[bytes], query: Array) -> Iterator[tuple[bytes, float]]:
        """Those of the payloads that have a vector, with its cosine similarity in float64."""
        vectors, places = _numbers([self._reader.read(payload)[0] for payload in payloads], self._dimensions)
        vectors = _scaled(vectors)
        # Sums row by row, in an order that only the length decides: a product of matrices would not promise that.
        dots = (vectors * query).sum(axis=1)
        lengths = np.sqrt((vectors * vectors).sum(axis=1) * (query * query).sum(axis=1))
        scores = np.divide(dots, lengths, out=np.zeros(len(dots)), where=lengths > 0)
        for place, score in zip(places, np.clip(scores, -1.0, 1.0).tolist(), strict=True):
            yield payloads[place], score


def filter_key(part: bytes) -> bytes:
    """The sort key of a filter field from the bytes that it is stored as."""
    return encode_key(decode_value(part) if part else UNSET)


def _batches(payloads: Iterable[bytes]) -> Iterator[list[bytes]]:
    remaining = iter(payloads)
    while batch := list(itertools.islice(remaining, _BATCH)):
        yield batch


def _scaled(vectors: Array) -> Array:
    """The same directions with the largest number between 1/2 and 1: squares neither overflow nor vanish."""
    largest = np.abs(vectors).max(axis=1, keepdims=True, initial=0.0)
    # By powers of two, which is exact.
    scaled: Array = np.ldexp(vectors, -np.frexp(largest)[1])
    return scaled


def _units(vectors: Array) -> Array:
    """Vectors of length 1 in the same directions; those of zeros stay."""
    vectors = _scaled(vectors)
    lengths = np.sqrt((vectors * vectors).sum(axis=1, keepdims=True))
    units: Array = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return units


def _numbers(parts: Sequence[bytes], dimensions: int) -> tuple[Array, list[int]]:
    """The vectors among stored values, as rows of float64, and their places. Others have another length or kind."""
    header = _array_header(dimensions)
    length = len(header) + 9 * dimensions
    plain = [place for place, part in enumerate(parts) if len(part) == length and part.startswith(header)]
    # As stored: a number is a byte that says so, and 8 bytes.
    layout = np.dtype([("header", "V", len(header)), ("numbers", [("tag", "u1"), ("number", ">f8")], (dimensions,))])
    stored = np.frombuffer(b"".join([parts[place] for place in plain]), layout)["numbers"]
    are_floats = (stored["tag"] == _FLOAT64_TAG).all(axis=1)
    vectors = stored["number"][are_floats].astype(np.float64)
    places = [place for place, is_float in zip(plain, are_floats.tolist(), strict=True) if is_float]
    if len(places) < len(parts):
        found = set(places)
        others = [
            (place, numbers)
            for place, part in enumerate(parts)
            if place not in found and (numbers := _mixed_numbers(part, dimensions)) is not None
        ]
        if others:
            vectors = np.concatenate([vectors, np.asarray([numbers for _, numbers in others], np.float64)])
            places += [place for place, _ in others]
    are_finite = np.isfinite(vectors).all(axis=1)
    if not are_finite.all():
        vectors = vectors[are_finite]
        places = [place for place, is_finite in zip(places, are_finite.tolist(), strict=True) if is_finite]
    return vectors, places


def _mixed_numbers(part: bytes, dimensions: int) -> list[float] | None:
    """A vector that holds whole numbers, which are stored shorter; None for anything that is no vector."""
    if not part:
        return None
    value = _read_any(part)
    if type(value) is not list or len(value) != dimensions:
        return None
    return value if all(type(each) is float or type(each) is int for each in value) else None


def _array_header(length: int) -> bytes:
    """What a stored array of `length` begins with. Source: the msgpack specification."""
    return bytes((0x90 | length,)) if length < 16 else b"\xdc" + length.to_bytes(2, "big")
