"""The words of one field of one table: in which documents each occurs, and how often. Every version stays readable.

Owns:  `TextIndex`: its entries, its postings, the statistics that ranking needs, the keys that readers and writers meet
       at.
Must not know: how documents are ranked (`ranking`), what was asked for (`search`), transactions.
Invariants:
- Postings lie in an ordinary copy-on-write index: under each word one or more blocks, whose postings are in the order
  of creation time and id. So a version costs what changed, and an insert rewrites one block a word.
- The first block of a word is under `word 00`, further ones under `word 00 key-of-their-first-posting`; a block holds
  nothing before its own key and nothing from the next block's key on.
- A document is in the index if its field holds a string, even one without words.
Shapes:  a posting is creation time (8 bytes), internal id (16), occurrences (4), words of the field (4), and for each
filter field the CRC-32 of its value's sort key (4). A hash can lie, so whoever reads the document looks again.
Source: ADR 14, semantics 6.1.
Threads: any; nothing here is ever changed after it was made.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any
from zlib import crc32

from nbconvex.database.index import Change, Index
from nbconvex.database.words import counted_words, words_of
from nbconvex.database.writes import ENTRY_OVERHEAD_BYTES, ContentChange, Document, entry_bytes
from nbconvex.values.content_indexes import ContentDefinition, SearchIndexDefinition
from nbconvex.values.sort_key import after_prefix, encode_key, field_value

#: Postings of a block: an insert copies a block for each of its words, 2 kB at most.
BLOCK_MAX = 64
#: A posting begins with what orders it: creation time and id.
POSTING_KEY_BYTES = 24
#: From this many changes of one block on, it is merged at once.
_MERGE_MIN = 5

_pack_number = struct.Struct(">I").pack
_pack_creation = struct.Struct(">d").pack
_unpack_number = struct.Struct(">I").unpack_from
_ONCE = _pack_number(1)

Interval = tuple[bytes, bytes]


class TextLayout:
    """How documents of one definition become entries and postings."""

    def __init__(self, definition: SearchIndexDefinition) -> None:
        self.search_field = definition.search_field
        self.filter_fields = definition.filter_fields
        count = len(self.filter_fields)
        #: Bytes of one posting.
        self.posting_bytes = POSTING_KEY_BYTES + 8 + 4 * count
        #: Number of words, number of different words, lengths of the filter fields' sort keys.
        self.head = struct.Struct(f">{2 + count}I")

    def reader(self, places: Sequence[int] = ()) -> Callable[[bytes], Iterator[tuple[Any, ...]]]:
        """What goes through postings: key, occurrences, words of the field, then the hashes of these filter fields."""
        hashes = "".join(["I" if place in places else "4x" for place in range(len(self.filter_fields))])
        return struct.Struct(f">{POSTING_KEY_BYTES}sII{hashes}").iter_unpack

    def read(self, document: Document, document_id: bytes) -> Reading | None:
        """What the index takes from a document; None where its field holds no string."""
        text = field_value(document, self.search_field)
        if type(text) is not str:
            return None
        counts, length = counted_words(text)
        filters = self.filters(document)
        key = _pack_creation(document["_creationTime"]) + document_id
        return Reading(
            {word.encode(): count for word, count in counts.items()}, filters, key, self.tail(length, filters)
        )

    def filters(self, document: Document) -> list[bytes]:
        """The sort keys of a document's filter fields."""
        return [encode_key(field_value(document, path)) for path in self.filter_fields]

    @staticmethod
    def tail(length: int, filters: Sequence[bytes]) -> bytes:
        """What all postings of a document end with."""
        return _pack_number(length) + b"".join([_pack_number(crc32(key)) for key in filters])

    def entry(self, reading: Reading) -> bytes:
        """A reading as bytes: head, filter keys, words, postings."""
        head = self.head.pack(_unpack_number(reading.tail)[0], len(reading.counts), *map(len, reading.filters))
        words = b"".join([word + b"\0" for word in reading.counts])
        return b"".join([head, *reading.filters, words, *reading.postings()])

    def words(self, entry: bytes) -> tuple[list[bytes], list[bytes], int]:
        """The words of an entry, the sort keys of its filter fields, and where its postings begin."""
        _, count, *lengths = self.head.unpack_from(entry)
        at = self.head.size
        filters = []
        for length in lengths:
            filters.append(entry[at : at + length])
            at += length
        start = len(entry) - count * self.posting_bytes
        return entry[at:start].split(b"\0")[:count], filters, start


@dataclass(frozen=True, slots=True)
class Reading:
    """What an index takes from one document: its words, and what stands in each of their postings."""

    counts: dict[bytes, int]
    filters: list[bytes]
    key: bytes
    tail: bytes

    def postings(self) -> list[bytes]:
        """A posting for each word, in the order of `counts`."""
        key, tail = self.key, self.tail
        return [key + _pack_number(count) + tail for count in self.counts.values()]


@dataclass(frozen=True)
class TextIndex:
    """One version. `documents` have a text, which have `words` words in all, repeated ones included."""

    definition: SearchIndexDefinition
    layout: TextLayout
    blocks: Index = field(default_factory=Index)
    documents: int = 0
    words: int = 0
    memory_bytes: int = 0

    @classmethod
    def empty(cls, definition: SearchIndexDefinition) -> TextIndex:
        """An index without documents."""
        return cls(definition, TextLayout(definition))

    # -- the port of content indexes ---------------------------------------------------------------------------------

    def entry_of(self, document: Document, document_id: bytes) -> bytes:
        """What the index keeps of a document; empty where its field holds no string."""
        reading = self.layout.read(document, document_id)
        return b"" if reading is None else self.layout.entry(reading)

    def touched(self, change: ContentChange) -> Sequence[bytes]:
        """The keys of `interval` under which the document could have been found, before or after.

        A document that changed in another field is touched too: a search returns all of it.
        """
        before, after = change.before, change.after
        keys = self._found_by(after, change.document_id) if after else []
        if before and before != after:
            # Without repeating a key that it had and has.
            return list(dict.fromkeys([*self._found_by(before, change.document_id), *keys]))
        return keys

    def _found_by(self, entry: bytes, document_id: bytes) -> list[bytes]:
        words, filters, _ = self.layout.words(entry)
        tail = b"\0" + document_id
        tails = [word + tail for word in words]
        leads = [b"\0", *(_lead(place, key) for place, key in enumerate(filters))]
        return [lead + each for lead in leads for each in tails]

    def with_changes(self, changes: Sequence[ContentChange]) -> TextIndex:
        """The version after `changes`, at most one a document."""
        edits: dict[bytes, dict[bytes, bytes | None]] = {}
        documents, words, memory_bytes = self.documents, self.words, self.memory_bytes
        for change in changes:
            before, after = change.before, change.after
            if before is not None:
                memory_bytes -= entry_bytes(before)
            if after is not None:
                memory_bytes += entry_bytes(after)
            if before:
                documents -= 1
                words -= _unpack_number(before)[0]
                for word, posting in self._postings_of(before):
                    edits.setdefault(word, {})[posting[:POSTING_KEY_BYTES]] = None
            if after:
                documents += 1
                words += _unpack_number(after)[0]
                for word, posting in self._postings_of(after):
                    edits.setdefault(word, {})[posting[:POSTING_KEY_BYTES]] = posting
        blocks: list[Change] = []
        for word in sorted(edits):
            blocks += self._changed_blocks(word, edits[word])
        return replace(
            self, blocks=self.blocks.with_changes(blocks), documents=documents, words=words, memory_bytes=memory_bytes
        )

    def loaded(self, documents: Iterable[tuple[bytes, Document]]) -> TextIndex:
        """The same index, itself empty, with all documents of its table, in the order of their creation."""
        layout = self.layout
        # Each document's posting of a word that it has once; and where each word occurs, by their places in that list.
        single: list[bytes] = []
        places: defaultdict[str, array[int]] = defaultdict(partial(array, "I"))
        total = memory_bytes = 0
        for document_id, document in documents:
            memory_bytes += ENTRY_OVERHEAD_BYTES
            text = field_value(document, layout.search_field)
            if type(text) is not str:
                continue
            place, words = len(single), words_of(text)
            for word in words:
                places[word].append(place)
            total += len(words)
            filters = layout.filters(document)
            memory_bytes += layout.head.size + sum(map(len, filters))
            tail = layout.tail(len(words), filters)
            single.append(_pack_creation(document["_creationTime"]) + document_id + _ONCE + tail)
        keys: list[bytes] = []
        blocks: list[bytes] = []
        # The order of characters is that of their bytes in UTF-8.
        for known in sorted(places):
            first = known.encode() + b"\0"
            postings = _postings_at(single, places.pop(known))
            memory_bytes += len(postings) + len(postings) // layout.posting_bytes * len(first)
            for key, block in self._cut(first, postings, BLOCK_MAX):
                keys.append(key)
                blocks.append(block)
        index = Index.from_sorted(keys, blocks)
        return replace(self, blocks=index, documents=len(single), words=total, memory_bytes=memory_bytes)

    def redeclared(self, definition: ContentDefinition) -> TextIndex:
        """The same content under a definition that differs in nothing but whether it is staged."""
        assert isinstance(definition, SearchIndexDefinition), definition
        return replace(self, definition=definition)

    # -- reading -----------------------------------------------------------------------------------------------------

    def postings(self, word: bytes) -> list[bytes]:
        """The blocks of postings of a word, in the order of creation; none where no document has it."""
        start = word + b"\0"
        return [block for _, blocks in self.blocks.chunks(start, word + b"\x01") for block in blocks]

    def words_with(self, prefix: bytes) -> Iterator[tuple[bytes, int]]:
        """The words that begin with `prefix`, and in how many documents each occurs."""
        size = self.layout.posting_bytes
        current, count = b"", 0
        for key, block in self.blocks.entries(prefix, after_prefix(prefix)):
            word = key[: key.index(b"\0")]
            if word != current:
                if count:
                    yield current, count
                current, count = word, 0
            count += len(block) // size
        if count:
            yield current, count

    @cached_property
    def average_length(self) -> float:
        """Words of the average text; 1 where there are none."""
        return self.words / self.documents if self.words else 1.0

    @staticmethod
    def interval(word: bytes, *, is_prefix: bool, narrowed: tuple[int, bytes] | None = None) -> Interval:
        """The keys, as `touched` names them, of all documents with a word, or with one that begins so.

        `narrowed` is the place of a filter field and the sort key of the one value that is asked for.
        """
        start = (b"\0" if narrowed is None else _lead(*narrowed)) + word
        if not is_prefix:
            return start + b"\0", start + b"\x01"
        end = after_prefix(start)
        assert end is not None, "a word is not made of 0xFF"
        return start, end

    # -- postings ----------------------------------------------------------------------------------------------------

    def _postings_of(self, entry: bytes) -> Iterator[tuple[bytes, bytes]]:
        words, _, at = self.layout.words(entry)
        size = self.layout.posting_bytes
        for word in words:
            yield word, entry[at : at + size]
            at += size

    def _changed_blocks(self, word: bytes, edits: dict[bytes, bytes | None]) -> list[Change]:
        """What becomes of the blocks of one word; `edits` are postings by their keys, None for one that goes."""
        first = word + b"\0"
        if len(edits) == 1:
            [(key, posting)] = edits.items()
            block_key, block = self._block_for(first, key)
            return self._cut_again(block_key, block, _spliced(block, key, posting, self.layout.posting_bytes))
        ordered = sorted(edits.items(), key=_edit_key)
        parts: list[list[Change]] = []
        while ordered:
            # From behind: what is not before the block of the last one is in that block.
            block_key, block = self._block_for(first, ordered[-1][0])
            start = bisect_left(ordered, block_key[len(first) :], key=_edit_key)
            parts.append(self._cut_again(block_key, block, _edited(block, ordered[start:], self.layout.posting_bytes)))
            del ordered[start:]
        return [change for part in reversed(parts) for change in part]

    def _block_for(self, first: bytes, key: bytes) -> tuple[bytes, bytes]:
        """The block in which a posting stands or would stand, by its key; an empty one where there is none yet."""
        found = self.blocks.floor(first + key)
        return found if found is not None and found[0].startswith(first) else (first, b"")

    def _cut_again(self, block_key: bytes, before: bytes, after: bytes) -> list[Change]:
        if before == after:
            return []
        if not after:
            return [(block_key, None)]
        size = self.layout.posting_bytes
        count = len(after) // size
        if count <= BLOCK_MAX:
            return [(block_key, after)]
        # Documents mostly come in the order of their creation: blocks are left full behind them.
        is_appended = after.startswith(before)
        step = BLOCK_MAX if is_appended else -(-count // -(-count // (BLOCK_MAX * 3 // 4)))
        return list(self._cut(block_key, after, step))

    def _cut(self, block_key: bytes, postings: bytes, step: int) -> list[tuple[bytes, bytes]]:
        """Postings of one word as blocks of at most `step`, the first of them under `block_key`."""
        size = self.layout.posting_bytes
        if len(postings) <= step * size:
            return [(block_key, postings)]
        first = block_key[: block_key.index(b"\0") + 1]
        blocks = []
        for at in range(0, len(postings), step * size):
            key = first + postings[at : at + POSTING_KEY_BYTES] if at else block_key
            blocks.append((key, postings[at : at + step * size]))
        return blocks


def _postings_at(single: Sequence[bytes], places: array[int]) -> bytes:
    """The postings of a word at these places, in their order; a place is repeated where the word is."""
    tally = Counter(places)
    if len(tally) == len(places):
        return b"".join([single[place] for place in places])
    start, end = POSTING_KEY_BYTES, POSTING_KEY_BYTES + len(_ONCE)
    return b"".join(
        [
            single[place] if count == 1 else single[place][:start] + _pack_number(count) + single[place][end:]
            for place, count in tally.items()
        ]
    )


def _lead(place: int, key: bytes) -> bytes:
    """What the keys of documents with one value of a filter field begin with.

    A sort key tells where it ends, and what may follow the end of a longer one, 0xFF, begins no word.
    """
    return bytes((place + 1,)) + key


def _edit_key(edit: tuple[bytes, bytes | None]) -> bytes:
    return edit[0]


def _spliced(block: bytes, key: bytes, posting: bytes | None, size: int) -> bytes:
    """A block with the posting of this key put in, put in another's place, or taken out."""
    end = len(block)
    if end and key <= block[end - size : end - size + POSTING_KEY_BYTES]:
        key_at: Callable[[int], bytes] = lambda at: block[at : at + POSTING_KEY_BYTES]  # noqa: E731
        at = bisect_left(range(0, end, size), key, key=key_at) * size
        after = at + size if block.startswith(key, at) else at
    else:
        at = after = end
    return block[:at] + (posting or b"") + block[after:]


def _edited(block: bytes, edits: Sequence[tuple[bytes, bytes | None]], size: int) -> bytes:
    """A block after edits in the order of their keys."""
    if len(edits) < _MERGE_MIN:
        for key, posting in edits:
            block = _spliced(block, key, posting, size)
        return block
    merged: dict[bytes, bytes | None] = {
        block[at : at + POSTING_KEY_BYTES]: block[at : at + size] for at in range(0, len(block), size)
    }
    is_ascending = not merged or edits[0][0] > next(reversed(merged))
    merged.update(edits)
    ordered = merged.items() if is_ascending else sorted(merged.items(), key=_edit_key)
    return b"".join([posting for _, posting in ordered if posting is not None])
