"""Postings: against plain dicts, and the keys at which readers and writers meet."""

from __future__ import annotations

import random
from typing import Any

import pytest

from nbconvex.database.index import LEAF_MAX
from nbconvex.database.text_index import BLOCK_MAX, POSTING_KEY_BYTES, TextIndex
from nbconvex.database.words import counted_words
from nbconvex.database.writes import ContentChange
from nbconvex.values.content_indexes import SearchIndexDefinition
from nbconvex.values.scalars import UNSET
from nbconvex.values.sort_key import encode_key
from tests.database.snapshot_checks import content_of

DEFINITION = SearchIndexDefinition("words", "body", ("channel", "deep.er"))
WORDS = ["a", "ab", "abc", "b", "the", "zebra", "größe", "0"]
#: So many that the tree of blocks has branches.
RARE = [f"rare{number}" for number in range(100)]


def document(number: int, rng: random.Random) -> dict[str, Any]:
    body = (
        rng.choice([None, 5, UNSET])
        if rng.random() < 0.1
        else " ".join(rng.choices([*WORDS, rng.choice(RARE)], k=rng.randrange(6)))
    )
    made: dict[str, Any] = {"_id": "unread", "_creationTime": float(number % 7 + 1), "body": body}
    if rng.random() < 0.5:
        made["channel"] = rng.choice(["x", "x\0", None, 1.0])
    return {name: value for name, value in made.items() if value is not UNSET}


def internal(number: int) -> bytes:
    return number.to_bytes(16, "big")


def change(index: TextIndex, number: int, before: dict[str, Any] | None, after: dict[str, Any] | None) -> ContentChange:
    entries = [None if each is None else index.entry_of(each, internal(number)) for each in (before, after)]
    return ContentChange(internal(number), entries[0], entries[1])


def in_order(documents: dict[int, dict[str, Any]]) -> list[tuple[bytes, dict[str, Any]]]:
    ordered = sorted(documents.items(), key=lambda each: (each[1]["_creationTime"], each[0]))
    return [(internal(number), each) for number, each in ordered]


def check_blocks(index: TextIndex) -> None:
    """Blocks hold what belongs between their own key and the next one's, none too many and in order."""
    size = index.layout.posting_bytes
    before: tuple[bytes, bytes] = (b"", b"")
    for key, block in index.blocks.entries():
        word, _, first = key.partition(b"\0")
        postings = [block[at : at + POSTING_KEY_BYTES] for at in range(0, len(block), size)]
        assert 0 < len(postings) <= BLOCK_MAX
        assert postings == sorted(set(postings))
        assert postings[0] >= first
        if before[0] == word:
            assert before[1] < first
        before = (word, postings[-1])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("batch", [1, 3, 400])
def test_an_index_that_followed_writes_equals_one_that_is_loaded(seed: int, batch: int) -> None:
    rng = random.Random(seed)
    empty = index = TextIndex.empty(DEFINITION)
    documents: dict[int, dict[str, Any]] = {}
    versions: list[tuple[TextIndex, Any]] = []
    for _ in range(2_400 // batch):
        changes = []
        for number in rng.sample(range(1_500), batch):
            before = documents.pop(number, None)
            after = document(number, rng) if before is None or rng.random() < 0.6 else None
            if after is not None:
                documents[number] = after
            one = change(index, number, before, after)
            changes += [one] if one.before != one.after else []
        index = index.with_changes(changes)
        if rng.random() < 0.05:
            versions.append((index, content_of(index)))
    check_blocks(index)
    assert len(index.postings(b"the")) > 2, "words have several blocks"
    assert content_of(index) == content_of(empty.loaded(in_order(documents)))
    assert all(content_of(version) == seen for version, seen in versions), "old versions stay as they were"
    emptied = index.with_changes([change(index, number, each, None) for number, each in documents.items()])
    assert content_of(emptied) == content_of(empty)
    assert len(emptied.blocks) == 0


def test_documents_that_come_in_order_leave_full_blocks() -> None:
    index = TextIndex.empty(SearchIndexDefinition("words", "body"))
    for number in range(1, 3 * BLOCK_MAX + 1):
        added = {"_creationTime": float(number), "body": "same"}
        index = index.with_changes([change(index, number, None, added)])
    assert [len(block) // index.layout.posting_bytes for block in index.postings(b"same")] == [BLOCK_MAX] * 3


def test_a_word_of_very_many_documents_is_written_anywhere_at_once() -> None:
    rng = random.Random(1)
    empty = index = TextIndex.empty(SearchIndexDefinition("words", "body"))
    documents = {number: {"_creationTime": rng.random() + 1, "body": "same"} for number in range(6_000)}
    numbers = list(documents)
    rng.shuffle(numbers)
    for at in range(0, 6_000, 1_500):
        index = index.with_changes(
            [change(index, number, None, documents[number]) for number in numbers[at : at + 1_500]]
        )
    gone = {number: documents.pop(number) for number in numbers[:2_000]}
    index = index.with_changes([change(index, number, each, None) for number, each in gone.items()])
    check_blocks(index)
    assert len(index.blocks) > 2 * LEAF_MAX
    assert content_of(index) == content_of(empty.loaded(in_order(documents)))


def test_words_are_found_by_how_they_begin_with_their_numbers_of_documents() -> None:
    rng = random.Random(1)
    documents = {number: document(number, rng) for number in range(500)}
    index = TextIndex.empty(DEFINITION).loaded(in_order(documents))
    counted = [counted_words(each["body"])[0] for each in documents.values() if type(each.get("body")) is str]
    expected = {word: sum(word in counts for counts in counted) for word in WORDS + RARE}
    assert dict(index.words_with(b"")) == {word.encode(): count for word, count in expected.items() if count}
    assert list(index.words_with(b"ab")) == [(b"ab", expected["ab"]), (b"abc", expected["abc"])]
    assert list(index.words_with(b"q")) == []
    assert index.documents == len(counted)
    assert index.average_length == pytest.approx(sum(sum(each.values()) for each in counted) / len(counted))
    assert TextIndex.empty(DEFINITION).average_length == 1.0


@pytest.mark.parametrize("seed", range(3))
def test_a_write_touches_what_a_reader_of_its_words_read_and_nothing_else(seed: int) -> None:
    rng = random.Random(seed)
    index = TextIndex.empty(DEFINITION)
    for number in range(200):
        before, after = (document(number, rng) if rng.random() < 0.7 else None for _ in range(2))
        touched = list(index.touched(change(index, number, before, after)))
        assert len(set(touched)) == len(touched)
        assert all(key.endswith(internal(number)) for key in touched)
        states = [each for each in (before, after) if each is not None and type(each.get("body")) is str]
        word, is_prefix = rng.choice([*WORDS, "q", "th"]), rng.random() < 0.5
        value = rng.choice([UNSET, None, "x", "x\0", 1.0])
        for narrowed in (None, (0, encode_key(value))):
            low, high = index.interval(word.encode(), is_prefix=is_prefix, narrowed=narrowed)
            concerned = any(
                (narrowed is None or encode_key(state.get("channel", UNSET)) == narrowed[1])
                and any(
                    each.startswith(word) if is_prefix else each == word for each in counted_words(state["body"])[0]
                )
                for state in states
            )
            assert any(low <= key < high for key in touched) == concerned


def test_a_document_that_changes_in_another_field_is_touched_all_the_same() -> None:
    index = TextIndex.empty(DEFINITION)
    one = change(index, 1, {"_creationTime": 1.0, "body": "a"}, {"_creationTime": 1.0, "body": "a", "likes": 5})
    assert one.before == one.after
    assert len(list(index.touched(one))) == 3, "without a filter, and by each of the two filter fields"
