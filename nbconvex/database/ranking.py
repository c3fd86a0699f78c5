"""Which documents come first for some words: BM25, and positions in that order.

Owns:  `Ranking`, `Mark`, `in_order`; what a position in the results is.
Must not know: documents, transactions, how words were written.
Invariants:
- Scores depend on a version of the index alone: equal versions rank alike, whatever was written in between.
- A position is 32 bytes that sort like results do: by score, best first; then newer documents first; then by id.
- Scores move with every text that comes or goes, so a place to go on from is kept as a `Mark`: what the document at
  that place said, from which any version can tell where that is. So pages have no gaps, even if the document is gone.
Source: semantics 6.1; Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009).
Threads: pure functions.
"""

from __future__ import annotations

import heapq
import struct
from collections.abc import Iterator, Mapping, Sequence
from math import inf, log, nextafter
from typing import NamedTuple

from nbconvex.database.text_index import POSTING_KEY_BYTES, TextIndex
from nbconvex.limits import Limits
from nbconvex.values.ids import INTERNAL_ID_BYTES

#: How soon further occurrences of a word stop to matter, and how much the length of a text does. The usual values.
_SATURATION = 1.2
_LENGTH_SHARE = 0.75
_FLAT = _SATURATION * (1 - _LENGTH_SHARE)
#: What a document that has only a longer word than the one typed gets for it.
_PREFIX_WEIGHT = 0.5
#: Results are put in order so many at first, and then more at a time: who asks seldom wants many.
_BATCH = 64
_BATCH_GROWTH = 8

_pack = struct.Struct(">d8s").pack
_unpack_score = struct.Struct(">d").unpack
#: Scores and creation times are positive, so their bytes sort like they do; inverted, the greatest come first.
_INVERTED = bytes(range(255, -1, -1))
_CREATION_BYTES = 8
_mark_head = struct.Struct(f">{POSTING_KEY_BYTES}sI")
_count = struct.Struct(">I")


class Ranking:
    """How documents of one version of an index are ranked for some words.

    Shapes:  `factors` has the words of the index to look for, and what a document can get for each at most.
    """

    def __init__(self, index: TextIndex, words: Sequence[str], limits: Limits) -> None:
        self._index = index
        self._slope = _SATURATION * _LENGTH_SHARE / index.average_length
        self._blocks: dict[bytes, list[bytes]] = {}
        self.factors: dict[bytes, float] = {}
        size = index.layout.posting_bytes
        for word, weight in _expanded(index, words, limits).items():
            blocks = self._blocks[word] = index.postings(word)
            having = sum(map(len, blocks)) // size
            rarity = log(1 + (index.documents - having + 0.5) / (having + 0.5))
            self.factors[word] = weight * (_SATURATION + 1) * rarity

    def scores(self, filters: Mapping[int, int]) -> dict[bytes, float]:
        """The score of each document, by the key of its postings, that has one of the words.

        `filters` are the hashes of the only values allowed, by the places of their filter fields.
        """
        scores: dict[bytes, float] = {}
        flat, slope = _FLAT, self._slope
        places = sorted(filters)
        postings = self._index.layout.reader(places)
        wanted = tuple(filters[place] for place in places)
        for word, factor in self.factors.items():
            found: dict[bytes, float] = {}
            for block in self._blocks[word]:
                # A word may have half of all documents: this is where the time goes.
                if wanted:
                    found |= {
                        key: factor * count / (count + flat + slope * length)
                        for key, count, length, *hashes in postings(block)
                        if (*hashes,) == wanted
                    }
                else:
                    found |= {
                        key: factor * count / (count + flat + slope * length) for key, count, length in postings(block)
                    }
            if scores:
                get = scores.get
                found = {key: score if (known := get(key)) is None else known + score for key, score in found.items()}
            scores |= found
        return scores

    def position(self, mark: Mark) -> bytes:
        """Where a document stands, or would stand, that says what `mark` has."""
        # In the order in which `scores` adds: the position of a document is the same to the last bit.
        total: float | None = None
        for word, factor in self.factors.items():
            count = mark.counts.get(word)
            if count is not None:
                score = factor * count / (count + _FLAT + self._slope * mark.length)
                total = score if total is None else total + score
        return _position(total or 0.0, mark.key)

    def mark(self, key: bytes, counts: Mapping[str, int], length: int) -> Mark:
        """The mark of a document by the key of its postings, its words and their number."""
        # Words of the index are few; those of a document may be many.
        own = {word: counts.get(word.decode(), 0) for word in self.factors}
        return Mark(key, {word: count for word, count in own.items() if count}, length)


class Mark(NamedTuple):
    """What a document said: enough to rank it in any version of the index."""

    key: bytes
    counts: Mapping[bytes, int]
    length: int

    def __bytes__(self) -> bytes:
        words = [word + b"\0" + _count.pack(count) for word, count in self.counts.items()]
        return b"".join([_mark_head.pack(self.key, self.length), *words])

    @classmethod
    def parse(cls, raw: bytes) -> Mark:
        """The mark that `raw` holds.

        Raises:  ValueError.
        """
        try:
            key, length = _mark_head.unpack_from(raw)
            at, counts = _mark_head.size, {}
            while at < len(raw):
                end = raw.index(b"\0", at)
                [counts[raw[at:end]]] = _count.unpack_from(raw, end + 1)
                at = end + 1 + _count.size
        except struct.error:
            raise ValueError("this is no place in the results of a search") from None
        return cls(key, counts, length)


def _expanded(index: TextIndex, words: Sequence[str], limits: Limits) -> dict[bytes, float]:
    """The words of the index to look for, with their weights, of which the last one is taken as a beginning too.

    The most frequent words stand for a beginning, those that are first in the alphabet where that is equal.
    """
    weights = dict.fromkeys([word.encode() for word in words], 1.0)
    last = words[-1].encode()
    longer = [(-count, word) for word, count in index.words_with(last) if word != last]
    for _, word in heapq.nsmallest(limits.search_prefix_words, longer):
        if len(weights) >= limits.search_expanded_words:
            break
        weights.setdefault(word, _PREFIX_WEIGHT)
    return weights


def in_order(scores: Mapping[bytes, float], low: bytes, high: bytes | None) -> Iterator[bytes]:
    """The positions in `[low, high)`, best first; the results behind those that are asked for are never sorted."""
    size, above = _BATCH, inf
    if low:
        [score] = _unpack_score(low[:_CREATION_BYTES].translate(_INVERTED))
        above = nextafter(score, inf)
    while above:
        values = scores.values() if above == inf else [score for score in scores.values() if score < above]
        lowest = heapq.nlargest(size, values)[-1] if len(values) > 2 * size else 0.0
        batch = [_position(score, key) for key, score in scores.items() if lowest <= score < above]
        batch.sort()
        for position in batch:
            if high is not None and position >= high:
                return
            if position >= low:
                yield position
        size, above = size * _BATCH_GROWTH, lowest


def _position(score: float, key: bytes) -> bytes:
    return _pack(score, key).translate(_INVERTED) + key[_CREATION_BYTES:]


def key_at(position: bytes) -> bytes:
    """The key of the postings of the document at a position."""
    return position[_CREATION_BYTES : 2 * _CREATION_BYTES].translate(_INVERTED) + position[2 * _CREATION_BYTES :]


def id_at(position: bytes) -> bytes:
    """The internal id (16 bytes) of the document at a position."""
    return position[-INTERNAL_ID_BYTES:]
