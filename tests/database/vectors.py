"""Vectors for the tests of this room: documents that hold them, and what is nearest by the book."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nbconvex.database.index import Index
from nbconvex.database.payload import id_key
from nbconvex.values.codec import encode_document
from nbconvex.values.ids import encode_id

TABLE = 10_001


def payload(number: int, **fields: Any) -> bytes:
    """A stored document with a made-up id."""
    document_id = encode_id(TABLE, number.to_bytes(16, "big"))
    return encode_document({"_id": document_id, "_creationTime": float(number + 1), **fields})


def documents(payloads: Iterable[bytes]) -> Index:
    """The documents of a table by id."""
    return Index.from_sorted(None, sorted(payloads, key=id_key), id_key)


def changed(index: Index, after: Mapping[bytes, bytes | None]) -> Index:
    """The next version; `after` by key in `by_id`."""
    return index.with_changes(sorted(after.items()))


def cosine(one: Sequence[float], two: Sequence[float]) -> float:
    """Cosine similarity, 0 where a vector has no direction."""
    lengths = math.sqrt(math.fsum(a * a for a in one)) * math.sqrt(math.fsum(b * b for b in two))
    return math.fsum(a * b for a, b in zip(one, two, strict=True)) / lengths if lengths else 0.0


def is_vector(value: Any, dimensions: int) -> bool:
    """Whether a document with this value is in a vector index."""
    return (
        type(value) is list
        and len(value) == dimensions
        and all(type(each) in {float, int} and math.isfinite(each) for each in value)
    )


def require_nearest(
    found: Sequence[tuple[str, float]],
    stored: Mapping[str, Sequence[float]],
    vector: Sequence[float],
    limit: int,
    min_score: float = -math.inf,
) -> None:
    """`found` is the `limit` nearest of `stored` (by id), best first, equal ones by id."""
    expected = sorted((-score, each) for each, item in stored.items() if (score := cosine(vector, item)) >= min_score)[
        :limit
    ]
    assert len(found) == len(expected), "as many as there are"
    for (each, score), (negated, _) in zip(found, expected, strict=True):
        # Nearly equal scores may change places; scores that are given may not be wrong.
        assert math.isclose(score, -negated, abs_tol=1e-9), "the score of each place is that of the naive search"
        assert math.isclose(score, cosine(vector, stored[each]), abs_tol=1e-9), "each has its own score"
    assert len({each for each, _ in found}) == len(found), "each comes once"
    assert list(found) == sorted(found, key=lambda pair: (-pair[1], pair[0])), "best first, equal ones by id"
