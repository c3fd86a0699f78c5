"""The order of results: scores against the naive ones, positions, marks, and long lists of results."""

from __future__ import annotations

import random
import struct
from typing import Any
from zlib import crc32

import pytest

from nbconvex.database.ranking import Mark, Ranking, id_at, in_order, key_at
from nbconvex.database.text_index import TextIndex
from nbconvex.database.words import counted_words
from nbconvex.limits import Limits
from nbconvex.values.content_indexes import SearchIndexDefinition
from nbconvex.values.sort_key import encode_key
from tests.database.naive_search import scores

EMPTY = TextIndex.empty(SearchIndexDefinition("words", "body"))
VOCABULARY = [f"{head}{tail}" for head in ("con", "hel", "x") for tail in ("", "a", "ab", "b", "c")]


def documents(count: int, seed: int = 1) -> dict[bytes, dict[str, Any]]:
    rng = random.Random(seed)
    return {
        number.to_bytes(16, "big"): {
            "_id": number.to_bytes(16, "big").hex(),
            "_creationTime": float(1 + number // 3),
            "body": " ".join(rng.choices(VOCABULARY, k=rng.randrange(12))),
        }
        for number in range(count)
    }


@pytest.mark.parametrize("text", ["con", "hel con", "xab hela con x", "nothing", "co", "x x x"])
def test_scores_are_those_of_bm25(text: str) -> None:
    rows = documents(300)
    ranking = Ranking(EMPTY.loaded(rows.items()), text.split(), Limits())
    mine = {key[8:].hex(): score for key, score in ranking.scores({}).items()}
    assert mine == pytest.approx(scores(list(rows.values()), text, {}))


def test_scores_are_narrowed_by_hashes_of_filter_values() -> None:
    definition = SearchIndexDefinition("words", "body", ("one", "two", "three"))
    rows = documents(60)
    for number, row in enumerate(rows.values()):
        row |= {"one": number % 2, "two": number % 3, "three": "x"}
    ranking = Ranking(TextIndex.empty(definition).loaded(rows.items()), ["con"], Limits())
    found = {key[8:] for key in ranking.scores({})}
    hashes = {0: crc32(encode_key(1)), 1: crc32(encode_key(2)), 2: crc32(encode_key("x"))}
    for places in [(0,), (1,), (2,), (0, 2), (1, 2), (0, 1, 2)]:
        narrowed = {key[8:] for key in ranking.scores({place: hashes[place] for place in places})}
        wanted = {"one": 1, "two": 2, "three": "x"}
        names = [definition.filter_fields[place] for place in places]
        assert narrowed == {each for each in found if all(rows[each][name] == wanted[name] for name in names)}
        assert narrowed


def test_positions_sort_by_score_then_newer_first_then_id() -> None:
    def key(created: int, number: int) -> bytes:
        return float_bytes(created) + number.to_bytes(16, "big")

    found = {key(5, 2): 1.0, key(5, 1): 1.0, key(9, 3): 1.0, key(1, 4): 2.5, key(99, 5): 0.25}
    positions = list(in_order(found, b"", None))
    assert [id_at(each)[-1] for each in positions] == [4, 3, 1, 2, 5]
    assert [key_at(each) for each in positions] == [key(1, 4), key(9, 3), key(5, 1), key(5, 2), key(99, 5)]
    assert list(in_order(found, positions[1], positions[3])) == positions[1:3]
    assert list(in_order(found, positions[1] + b"\0", None)) == positions[2:]


def float_bytes(number: float) -> bytes:

    return struct.pack(">d", number)


@pytest.mark.parametrize("distinct", [1, 7, 10_000])
def test_long_lists_of_results_come_in_the_same_order(distinct: int) -> None:
    rng = random.Random(distinct)
    found = {float_bytes(rng.random()) + rng.randbytes(16): 1.0 + rng.randrange(distinct) for _ in range(6_000)}
    expected = sorted(found, key=lambda key: (-found[key], bytes(255 - byte for byte in key[:8]), key[8:]))
    positions = list(in_order(found, b"", None))
    assert [key_at(each) for each in positions] == expected
    assert list(in_order(found, positions[4_000], positions[4_100])) == positions[4_000:4_100]


def test_a_mark_says_in_every_version_where_its_document_stands() -> None:
    rows = documents(200)
    for count in (50, 120, 200):
        index = EMPTY.loaded(list(rows.items())[:count])
        ranking = Ranking(index, ["hel", "con"], Limits())
        positions = list(in_order(ranking.scores({}), b"", None))
        assert positions
        for position in positions:
            mark = ranking.mark(key_at(position), *counted_words(rows[id_at(position)]["body"]))
            assert Mark.parse(bytes(mark)) == mark
            assert ranking.position(mark) == position, "to the last bit"
        # A document that is not there any more stands where it would have.
        gone = ranking.mark(float_bytes(1.0) + b"g" * 16, {"other": 1}, 3)
        assert ranking.position(gone) > positions[-1]


@pytest.mark.parametrize("raw", [b"", b"x" * 27, b"x" * 28 + b"word", b"x" * 28 + b"word\0\0\0"])
def test_what_is_no_mark_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"no place|not found"):
        Mark.parse(raw)
