"""A vector index and its matrix: what writes touch, which versions are searched, what is shared between them."""

from __future__ import annotations

import threading

import pytest

from nbconvex.database.index import Index
from nbconvex.database.payload import id_key
from nbconvex.database.vector_index import VectorIndex
from nbconvex.database.vector_matrix import VectorMatrix
from nbconvex.database.writes import ContentChange
from nbconvex.values.codec import decode_document
from nbconvex.values.sort_key import encode_key
from nbconvex.values.vector_indexes import VectorIndexDefinition
from tests.database.vectors import changed, documents, payload

DEFINITION = VectorIndexDefinition("by_v", "v", 3, ("genre", "year"))
ID = bytes(range(16))


def entry(**fields: object) -> bytes:
    return VectorIndex.empty(DEFINITION).entry_of(fields, ID)


def touched(before: bytes | None, after: bytes | None) -> list[bytes]:
    return list(VectorIndex.empty(DEFINITION).touched(ContentChange(ID, before, after)))


def is_read(key: bytes, *conditions: tuple[int, object]) -> bool:
    """Whether a search with these conditions reads this key."""
    intervals = VectorIndex.intervals([(place, encode_key(value)) for place, value in conditions] or None)
    return any(low <= key and (high is None or key < high) for low, high in intervals)


# -- what writes touch -----------------------------------------------------------------------------------------------


def test_a_new_document_concerns_searches_of_everything_and_of_its_values() -> None:
    keys = touched(None, entry(v=[1.0, 2.0, 3.0], genre="drama", year=1999))
    assert all(key.endswith(ID) for key in keys)
    assert any(is_read(key) for key in keys)
    assert any(is_read(key, (0, "drama")) for key in keys)
    assert any(is_read(key, (0, "noir"), (1, 1999)) for key in keys)
    assert not any(is_read(key, (0, "noir")) for key in keys)
    assert not any(is_read(key, (1, "drama")) for key in keys), "the value of another field"


def test_a_changed_value_concerns_searches_of_the_old_and_the_new_one() -> None:
    keys = touched(entry(v=[1, 2, 3], genre="drama"), entry(v=[1, 2, 3], genre="noir"))
    assert any(is_read(key, (0, "drama")) for key in keys)
    assert any(is_read(key, (0, "noir")) for key in keys)
    assert not any(is_read(key, (0, "horror")) for key in keys)
    assert len(set(keys)) == len(keys)


def test_a_change_elsewhere_concerns_no_search() -> None:
    assert touched(entry(v=[1, 2, 3], genre="a", title="x"), entry(v=[1, 2, 3], genre="a", title="y")) == []
    assert touched(entry(v=[1, 2, 3]), entry(v=[1, 2, 4])) != []


@pytest.mark.parametrize("fields", [{}, {"v": None}, {"v": [1, 2]}, {"v": "abc"}, {"genre": "drama"}])
def test_a_document_without_a_vector_concerns_no_search(fields: dict[str, object]) -> None:
    assert touched(None, entry(**fields)) == []
    assert touched(entry(**fields), None) == []
    assert len(entry(**fields)) == len(entry(v=[1, 2, 3]))
    assert touched(entry(**fields), entry(v=[1, 2, 3], genre="drama")) == touched(
        None, entry(v=[1, 2, 3], genre="drama")
    )


# -- versions --------------------------------------------------------------------------------------------------------


def nearest(index: VectorIndex, committed: Index, ts: int, seen: Index | None = None) -> list[int]:
    found = index.nearest([1, 0, 0], 10, committed=(committed, ts), seen=committed if seen is None else seen)
    by_id = {key.decode(): decode_document(each) for key, each in (committed if seen is None else seen).entries()}
    return [int(by_id[document_id]["_creationTime"]) - 1 for document_id, _ in found]


def test_nothing_is_made_before_the_first_search() -> None:
    index = VectorIndex.empty(DEFINITION).loaded([b"", b""])
    assert (index.documents, index.matrix_bytes) == (2, 0)
    assert nearest(index, documents([payload(1, v=[1, 0, 0]), payload(2, v=[0, 1, 0])]), 5) == [1, 2]
    assert index.matrix_bytes > 0


def test_every_version_is_searched_as_it_is_whichever_came_last(monkeypatch: pytest.MonkeyPatch) -> None:
    advanced = []
    real = VectorMatrix.advanced
    monkeypatch.setattr(
        VectorMatrix, "advanced", lambda self, documents: (advanced.append(len(documents)), real(self, documents))[1]
    )
    index = VectorIndex.empty(DEFINITION)
    old = documents([payload(1, v=[1, 0, 0])])
    new = changed(old, {id_key(payload(2)): payload(2, v=[1, 1, 0]), id_key(payload(1)): None})
    own = changed(new, {id_key(payload(3)): payload(3, v=[1, 0, 0])})
    assert nearest(index, old, 10) == [1]
    assert nearest(index, new, 20) == [2]
    assert nearest(index, old, 10) == [1], "an old snapshot"
    assert nearest(index, new, 20, own) == [3, 2], "writes of a transaction"
    assert nearest(index, old, 10, old) == [1]
    assert advanced == [1, 1], "once for each newer version, and for nothing else"


def test_versions_count_their_documents_and_share_one_matrix() -> None:
    index = VectorIndex.empty(DEFINITION)
    grown = index.with_changes([ContentChange(ID, None, entry()), ContentChange(ID[::-1], None, entry(v=[1, 2, 3]))])
    assert (grown.documents, index.documents) == (2, 0)
    same = grown.with_changes([ContentChange(ID, entry(), entry(v=[1, 2, 3]))])
    assert (same, same.memory_bytes) == (grown, grown.memory_bytes)
    assert grown.with_changes([ContentChange(ID, entry(), None)]).documents == 1
    nearest(grown, documents([payload(1, v=[1, 2, 3])]), 1)
    assert index.redeclared(DEFINITION.as_staged(True)).matrix_bytes == grown.matrix_bytes > 0


def test_a_search_that_was_interrupted_leaves_nothing_half_done(monkeypatch: pytest.MonkeyPatch) -> None:
    index = VectorIndex.empty(DEFINITION)
    old = documents([payload(1, v=[1, 0, 0])])
    new = changed(old, {id_key(payload(2)): payload(2, v=[1, 1, 0])})
    nearest(index, old, 1)
    real = VectorMatrix._appended

    def interrupted(self: VectorMatrix, payloads: list[bytes]) -> int:
        real(self, payloads)
        raise KeyboardInterrupt

    monkeypatch.setattr(VectorMatrix, "_appended", interrupted)
    with pytest.raises(KeyboardInterrupt):
        nearest(index, new, 2)
    monkeypatch.setattr(VectorMatrix, "_appended", real)
    assert nearest(index, new, 2) == [1, 2]
    assert nearest(index, old, 1) == [1]


def test_threads_search_their_own_versions_at_once() -> None:
    index = VectorIndex.empty(DEFINITION)
    versions = [documents([])]
    for number in range(60):
        stored = payload(number, v=[1, number, 0], genre=number % 3)
        after = {id_key(stored): stored}
        if number > 10:
            after[id_key(payload(number - 10))] = None
        versions.append(changed(versions[-1], after))
    wrong: list[object] = []

    def search(first: int) -> None:
        for turn in range(60):
            at = (first * 13 + turn * 7) % len(versions)
            expected = sorted(int(decode_document(each)["_creationTime"]) - 1 for _, each in versions[at].entries())[
                :10
            ]
            found = nearest(index, versions[at], at)
            if found != expected:
                wrong.append((at, found, expected))

    threads = [threading.Thread(target=search, args=(each,)) for each in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
