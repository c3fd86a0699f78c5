"""The matrix against a naive search: exact, the same for every version, whatever became of the rows."""

from __future__ import annotations

import itertools
import math
import random
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbconvex.database import vector_matrix
from nbconvex.database.index import Index
from nbconvex.database.payload import id_key
from nbconvex.database.vector_matrix import VectorMatrix
from nbconvex.database.vector_reader import VectorReader
from nbconvex.values.codec import decode_document
from nbconvex.values.scalars import UNSET, Int64
from nbconvex.values.sort_key import encode_key
from tests.database.vectors import changed, cosine, documents, is_vector, payload, require_nearest

READER = VectorReader("v", ["genre", "year"])


def matrix_of(index: Index, dimensions: int = 3) -> VectorMatrix:
    return VectorMatrix.empty(READER, dimensions, 2).advanced(index)


def of(*vectors: Any, **fields: Any) -> Index:
    return documents(payload(number, v=vector, **fields) for number, vector in enumerate(vectors))


def numbers(found: list[tuple[bytes, float]], index: Index) -> list[int]:
    """The numbers that the documents were made with."""
    by_key = {key: int(decode_document(stored)["_creationTime"]) - 1 for key, stored in index.entries()}
    return [by_key[key] for key, _ in found]


def scores(found: list[tuple[bytes, float]]) -> list[float]:
    return [score for _, score in found]


# -- scores ----------------------------------------------------------------------------------------------------------


def test_parallel_orthogonal_and_opposite_vectors_score_1_0_and_minus_1() -> None:
    index = of([-2, 0, 0], [0, 5, 0], [3, 0, 0])
    found = matrix_of(index).nearest([7, 0, 0], 10)
    assert (numbers(found, index), scores(found)) == ([2, 1, 0], [1.0, 0.0, -1.0])


def test_the_best_come_first_and_equal_ones_in_the_order_of_their_ids() -> None:
    index = of([1, 1, 0], [1, 1, 1], [0, 0, 0], [1, 1, 0])
    found = matrix_of(index).nearest([1, 1, 1], 3)
    assert numbers(found, index)[0] == 1
    equal = [key for key, stored in index.entries() if decode_document(stored)["v"] == [1, 1, 0]]
    assert [key for key, _ in found[1:]] == sorted(equal)
    assert scores(found)[1] == scores(found)[2]


def test_zeros_are_like_nothing_and_unlike_nothing() -> None:
    index = of([0, 0, 0], [1, 0, 0], [-1, 0, 0])
    assert scores(matrix_of(index).nearest([1, 0, 0], 3)) == [1.0, 0.0, -1.0]
    assert scores(matrix_of(index).nearest([0, 0, 0], 3)) == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("size", [1e300, 1e-300, 5e-324 * 2**30, 1.0])
def test_the_length_of_a_vector_does_not_count(size: float) -> None:
    index = of([size, 0, 0], [size, size, 0], [0, 0, size])
    found = matrix_of(index).nearest([1e200, 1e200, 0.0], 3)
    assert numbers(found, index) == [1, 0, 2]
    assert scores(found) == pytest.approx([1.0, math.sqrt(0.5), 0.0], abs=1e-12)


def test_equal_vectors_have_equal_scores_wherever_they_stand() -> None:
    rng = random.Random(4)
    vectors = [[rng.gauss(0, 1) for _ in range(97)] for _ in range(40)]
    index = documents(payload(number, v=vectors[number % 40]) for number in range(5_000))
    found = VectorMatrix.empty(READER, 97, 2).advanced(index).nearest(vectors[0], 1_000)
    groups = [list(group) for _, group in itertools.groupby(found, key=lambda pair: pair[1])]
    assert [len(group) for group in groups] == [125] * 8, "8 vectors with 125 documents each"
    assert all(group == sorted(group) for group in groups), "equal ones by id"


def test_vectors_that_float32_cannot_tell_apart_are_ranked_by_their_real_scores() -> None:
    """The matrix alone would put some of them into the wrong place, and drop them at the last one."""
    rng = random.Random(5)
    middle = [rng.gauss(0, 1) for _ in range(100)]
    vectors = [[each + 1e-7 * rng.gauss(0, 1) for each in middle] for _ in range(300)]
    index = of(*vectors)
    matrix = VectorMatrix.empty(READER, 100, 2).advanced(index)
    for _ in range(10):
        query = [rng.gauss(0, 1) for _ in range(100)]
        exact = sorted(range(300), key=lambda number: -cosine(query, vectors[number]))
        assert numbers(matrix.nearest(query, 20), index) == exact[:20]
        between = (cosine(query, vectors[exact[19]]) + cosine(query, vectors[exact[20]])) / 2
        assert numbers(matrix.nearest(query, 300, min_score=between), index) == exact[:20]


# -- what is in the index --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [None, [1.0, 2.0], [1.0, 2.0, 3.0, 4.0], "abc", [1.0, 2.0, "c"], [1.0, True, 3.0], [1.0, Int64(2), 3.0],
     [1.0, math.nan, 0.0], [math.inf, 0.0, 0.0], {"0": 1}, 7.0, b"\x93abc", [[1.0], 2.0, 3.0]],
)  # fmt: skip
def test_what_is_no_vector_of_this_length_is_not_in_the_index(value: Any) -> None:
    index = of([1.0, 0.0, 0.0], value)
    matrix = matrix_of(index)
    assert len(matrix) == 1
    assert numbers(matrix.nearest([1, 0, 0], 10), index) == [0]


def test_a_document_without_the_field_is_not_in_the_index() -> None:
    index = documents([payload(1), payload(2, v=[1, 2, 3])])
    assert numbers(matrix_of(index).nearest([1, 0, 0], 10), index) == [2]


def test_whole_numbers_are_numbers() -> None:
    index = of([1, 2, 3], [1.0, 2, 3.0], [10**6, -(10**9), 0])
    found = matrix_of(index).nearest([1.0, 2.0, 3.0], 2)
    assert (set(numbers(found, index)), scores(found)) == ({0, 1}, pytest.approx([1.0, 1.0]))


def test_an_empty_index_finds_nothing() -> None:
    assert matrix_of(Index()).nearest([1, 0, 0], 10) == []
    assert matrix_of(of(None)).nearest([1, 0, 0], 10, [(0, encode_key("x"))]) == []


@pytest.mark.parametrize("dimensions", [2, 15, 16, 17, 300, 4_096])
def test_any_number_of_dimensions(dimensions: int) -> None:
    rng = random.Random(dimensions)
    vectors = [[rng.gauss(0, 1) for _ in range(dimensions)] for _ in range(30)]
    index = of(*vectors)
    query = [rng.gauss(0, 1) for _ in range(dimensions)]
    found = VectorMatrix.empty(READER, dimensions, 2).advanced(index).nearest(query, 7)
    stored = {key.decode(): decode_document(each)["v"] for key, each in index.entries()}
    require_nearest([(key.decode(), score) for key, score in found], stored, query, 7)


# -- filters ---------------------------------------------------------------------------------------------------------


def test_any_of_the_conditions_may_hold() -> None:
    index = documents(
        payload(number, v=[1.0, number, 0.0], **({} if genre is UNSET else {"genre": genre}), year=number % 2)
        for number, genre in enumerate(["drama", "noir", None, UNSET, "drama", Int64(1), 1, 1.0])
    )
    matrix = matrix_of(index)

    def matching(*conditions: tuple[int, Any]) -> set[int]:
        found = matrix.nearest([1, 0, 0], 10, [(place, encode_key(value)) for place, value in conditions])
        return set(numbers(found, index))

    assert matching((0, "drama")) == {0, 4}
    assert matching((0, "drama"), (0, "noir")) == {0, 1, 4}
    assert matching((0, "noir"), (1, 0)) == {0, 1, 2, 4, 6}
    assert (matching((0, None)), matching((0, UNSET))) == ({2}, {3})
    assert (matching((0, 1)), matching((0, Int64(1)))) == ({6, 7}, {5})
    assert matching((0, "horror")) == set()


@pytest.mark.parametrize("share", [2, 3, 50])
def test_a_filter_is_exact_whether_few_or_many_documents_pass(share: int) -> None:
    rng = random.Random(share)
    vectors = {number: [rng.gauss(0, 1) for _ in range(3)] for number in range(400)}
    index = documents(payload(number, v=each, genre=number % share) for number, each in vectors.items())
    found = matrix_of(index).nearest([1, 2, 3], 5, [(0, encode_key(1))])
    stored = {
        key.decode(): document["v"]
        for key, each in index.entries()
        if (document := decode_document(each))["genre"] == 1
    }
    require_nearest([(key.decode(), score) for key, score in found], stored, [1, 2, 3], 5)


def test_nothing_below_the_lowest_score_is_found() -> None:
    index = of([1, 0, 0], [1, 1, 0], [0, 1, 0], [-1, 0, 0])
    matrix = matrix_of(index)
    assert numbers(matrix.nearest([1, 0, 0], 10, min_score=0.5), index) == [0, 1]
    assert numbers(matrix.nearest([1, 0, 0], 10, min_score=0.0), index) == [0, 1, 2]
    assert numbers(matrix.nearest([1, 0, 0], 1, min_score=-1.0), index) == [0]
    assert matrix.nearest([0, 0, 1], 10, min_score=0.1) == []


# -- versions --------------------------------------------------------------------------------------------------------

VECTORS = st.one_of(
    st.lists(st.integers(-3, 3), min_size=3, max_size=3),
    st.lists(st.floats(-10, 10, width=32), min_size=3, max_size=3),
    st.sampled_from([None, [1.0], "text"]),
)
STEPS = st.lists(
    st.dictionaries(
        st.integers(0, 30),
        st.none() | st.fixed_dictionaries({"v": VECTORS, "genre": st.integers(0, 2), "title": st.integers(0, 5)}),
        max_size=12,
    ),
    max_size=8,
)


@given(
    steps=STEPS,
    order=st.lists(st.integers(0, 8), max_size=8),
    vector=st.lists(st.integers(-3, 3), min_size=3, max_size=3),
    limit=st.integers(1, 12),
    genre=st.none() | st.integers(0, 2),
    min_score=st.sampled_from([-math.inf, 0.0, 0.7]),
)
def test_every_version_is_found_in_any_matrix(
    steps: list[dict[int, dict[str, Any] | None]], order: list[int], vector: list[int], limit: int, genre: int | None,
    min_score: float,
) -> None:  # fmt: skip
    """A matrix goes from version to version, forwards and back; every version is searched from wherever it is."""
    versions = [Index()]
    for step in steps:
        after = {}
        for number, fields in step.items():
            stored = payload(number, **fields) if fields is not None else payload(number)
            after[id_key(stored)] = None if fields is None else stored
        versions.append(changed(versions[-1], after))
    matrix = VectorMatrix.empty(READER, 3, 2)
    conditions = None if genre is None else [(0, encode_key(genre))]
    for place in (*order, len(steps)):
        held = matrix
        matrix = matrix.advanced(versions[min(place, len(steps))])
        for target in versions:
            stored = {
                key.decode(): document["v"]
                for key, each in target.entries()
                if is_vector((document := decode_document(each))["v"], 3) and genre in {None, document["genre"]}
            }
            found = matrix.nearest(vector, limit, conditions, min_score, matrix.difference(target))
            require_nearest([(key.decode(), score) for key, score in found], stored, vector, limit, min_score)
            if target is held.documents:
                assert held.nearest(vector, limit, conditions, min_score) == found, "a version that is held stays"


def test_rows_that_died_are_cleared_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_matrix, "_DEAD_ROWS", 10)
    rng = random.Random(2)
    index = of(*[[rng.gauss(0, 1) for _ in range(3)] for _ in range(50)])
    matrix = first = matrix_of(index)
    for round_ in range(30):
        for number in range(0, 50, 7):
            stored = payload(number, v=[rng.gauss(0, 1), 1.0, float(round_)], genre=number % 2)
            index = changed(index, {id_key(stored): stored})
            matrix = matrix.advanced(index)
    assert len(matrix) == 50
    assert matrix.size_bytes < 2 * first.size_bytes
    found = matrix.nearest([0.1, 0.2, 0.3], 8, [(0, encode_key(1))])
    stored_vectors = {
        key.decode(): document["v"]
        for key, each in index.entries()
        if (document := decode_document(each)).get("genre") == 1
    }
    require_nearest([(key.decode(), score) for key, score in found], stored_vectors, [0.1, 0.2, 0.3], 8)


def test_a_document_whose_other_fields_change_keeps_its_row() -> None:
    index = of([1, 2, 3], [4, 5, 6])
    matrix = matrix_of(index)
    before = matrix.size_bytes
    for count in range(20):
        stored = payload(0, v=[1, 2, 3], views=count)
        index = changed(index, {id_key(stored): stored})
        matrix = matrix.advanced(index)
    assert (matrix.size_bytes, len(matrix)) == (before, 2)
    rows = matrix._rows
    assert rows.row_of == {id(each): row for row, each in enumerate(rows.payloads)}, "none for a payload that has gone"
    gone = changed(index, {id_key(payload(0)): None})
    assert numbers(matrix.advanced(gone).nearest([1, 2, 3], 5), gone) == [1]


def test_a_search_makes_no_copy_of_the_matrix() -> None:
    """Mixing float32 and float64 in one product would make one, and take ten times as long."""
    rng = random.Random(3)
    vectors = [[rng.gauss(0, 1) for _ in range(100)] for _ in range(2_000)]
    matrix = VectorMatrix.empty(READER, 100, 2).advanced(of(*vectors))
    matrix.nearest(vectors[0], 5)
    tracemalloc.start()
    try:
        matrix.nearest(vectors[1], 5)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < matrix.size_bytes / 4
