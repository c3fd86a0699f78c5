"""The ordered index: against a dict, and every version at once."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbconvex.database import index as index_module
from nbconvex.database.index import BRANCH_MAX, LEAF_MAX, Index, _Branch, _Leaf

Model = dict[bytes, bytes]

KEYS = st.binary(max_size=3)
CHANGES = st.dictionaries(KEYS, st.none() | st.binary(max_size=2), max_size=60)


def entries(index: Index, low: bytes = b"", high: bytes | None = None, *, reverse: bool = False) -> list[tuple]:
    return [
        pair for keys, payloads in index.chunks(low, high, reverse=reverse) for pair in zip(keys, payloads, strict=True)
    ]


def applied(model: Model, changes: dict[bytes, bytes | None]) -> Model:
    after = dict(model)
    for key, payload in changes.items():
        if payload is None:
            after.pop(key, None)
        else:
            after[key] = payload
    return after


def expected(model: Model, low: bytes = b"", high: bytes | None = None) -> list[tuple[bytes, bytes]]:
    return sorted((key, model[key]) for key in model if low <= key and (high is None or key < high))


def require_well_formed(index: Index) -> int:
    """The height of the tree; fails where an invariant of its nodes does not hold."""

    def visit(node: _Leaf | _Branch, *, is_root: bool) -> tuple[int, bytes, bytes]:
        if isinstance(node, _Leaf):
            assert len(node.keys) == len(node.payloads) <= LEAF_MAX
            assert list(node.keys) == sorted(set(node.keys))
            assert node.keys or is_root, "only the root may be an empty leaf"
            return 0, node.keys[0] if node.keys else b"", node.keys[-1] if node.keys else b""
        assert 2 <= len(node.children) <= BRANCH_MAX or (not is_root and node.children)
        assert len(node.separators) == len(node.children) - 1
        spans = [visit(child, is_root=False) for child in node.children]
        assert len({height for height, _, _ in spans}) == 1, "all leaves are equally deep"
        for separator, (_, _, below), (_, above, _) in zip(node.separators, spans, spans[1:], strict=False):
            assert below < separator <= above
        assert node.size == sum(child.size for child in node.children)
        return spans[0][0] + 1, spans[0][1], spans[-1][2]

    return visit(index._root, is_root=True)[0]


@pytest.fixture
def small_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes so narrow that a few dozen keys make a deep tree."""
    monkeypatch.setattr(index_module, "LEAF_MAX", 8)
    monkeypatch.setattr(index_module, "BRANCH_MAX", 4)


@given(batches=st.lists(CHANGES, max_size=8), low=KEYS, high=st.none() | KEYS)
def test_every_version_answers_like_the_dict_it_was_made_from(
    batches: list[dict[bytes, bytes | None]], low: bytes, high: bytes | None
) -> None:
    versions: list[tuple[Index, Model]] = [(Index(), {})]
    for changes in batches:
        index, model = versions[-1]
        versions.append((index.with_changes(sorted(changes.items())), applied(model, changes)))
    for index, model in versions:
        assert entries(index) == expected(model)
        assert entries(index, low, high) == expected(model, low, high)
        assert entries(index, low, high, reverse=True) == expected(model, low, high)[::-1]
        assert list(index.entries(low, high)) == expected(model, low, high)
        assert index.count(low, high) == len(expected(model, low, high))
        assert [index.key_at(position) for position in range(len(model))] == sorted(model)
        assert len(index) == len(model)
        assert [index.get(key) for key in model] == list(model.values())
        assert index.last_key() == max(model, default=None)


@pytest.mark.usefixtures("small_nodes")
@pytest.mark.parametrize("seed", range(6))
def test_a_deep_tree_stays_well_formed_under_inserts_and_deletes(seed: int) -> None:
    """Growing, then shrinking to nothing, one key and many keys at a time."""
    rng = random.Random(seed)
    index, model = Index(), {}
    versions = []
    for step in range(300):
        is_growing = step < 180
        size = 1 if rng.random() < 0.7 else rng.choice((2, 7, 40))
        changes: dict[bytes, bytes | None] = {}
        for _ in range(size):
            if model and rng.random() < (0.2 if is_growing else 0.9):
                changes[rng.choice(list(model))] = None
            else:
                changes[rng.randbytes(2)] = rng.randbytes(1)
        index, model = index.with_changes(sorted(changes.items())), applied(model, changes)
        require_well_formed(index)
        assert len(index) == len(model)
        if step % 30 == 0:
            versions.append((index, dict(model)))
        low, high = sorted((rng.randbytes(2), rng.randbytes(2)))
        assert index.count(low, high) == len(expected(model, low, high))
    assert all(entries(old) == expected(then) for old, then in versions)
    emptied = index.with_changes(sorted((key, None) for key in model))
    assert (len(emptied), entries(emptied), emptied.last_key()) == (0, [], None)
    require_well_formed(emptied)
    for position in (-1, 0):
        with pytest.raises(IndexError):
            emptied.key_at(position)


@pytest.mark.usefixtures("small_nodes")
@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 31, 32, 33, 200])
def test_an_index_built_in_one_pass_equals_one_built_key_by_key(size: int) -> None:
    keys = [position.to_bytes(2, "big") for position in range(size)]
    built = Index.from_sorted(keys, keys)
    grown = Index()
    for key in keys:
        grown = grown.with_changes([(key, key)])
    require_well_formed(built)
    require_well_formed(grown)
    assert entries(built) == entries(grown) == [(key, key) for key in keys]


@dataclass(frozen=True)
class Range:
    name: str
    low: bytes
    high: bytes | None
    found: list[bytes]


STORED = [b"", b"a", b"a\0", b"a\0\0", b"b", b"\xff", b"\xff\xff"]


@pytest.mark.parametrize(
    "case",
    [
        Range("everything", b"", None, STORED),
        Range("low is included", b"a", None, [b"a", b"a\0", b"a\0\0", b"b", b"\xff", b"\xff\xff"]),
        Range("high is excluded", b"", b"a", [b""]),
        Range("one point", b"a", b"a\0", [b"a"]),
        Range("up to 0xFF", b"b", b"\xff", [b"b"]),
        Range("from 0xFF to the end", b"\xff", None, [b"\xff", b"\xff\xff"]),
        Range("empty", b"a", b"a", []),
        Range("inverted", b"b", b"a", []),
        Range("high is the empty key", b"", b"", []),
    ],
)
def test_a_range_holds_its_low_end_and_not_its_high_end(case: Range) -> None:
    index = Index.from_sorted(STORED, STORED)
    assert [key for key, _ in entries(index, case.low, case.high)] == case.found
    assert [key for key, _ in entries(index, case.low, case.high, reverse=True)] == case.found[::-1]
    assert index.count(case.low, case.high) == len(case.found)


def test_a_scan_that_is_abandoned_reads_only_the_leaves_it_came_to() -> None:
    keys = [position.to_bytes(3, "big") for position in range(LEAF_MAX * 50)]
    chunks = Index.from_sorted(keys, keys).chunks()
    assert list(next(chunks)[0]) == keys[:LEAF_MAX]


def test_a_version_shares_all_nodes_but_those_on_the_changed_path() -> None:
    keys = [position.to_bytes(3, "big") for position in range(LEAF_MAX * 40)]
    before = Index.from_sorted(keys, keys)
    after = before.with_changes([(keys[5], b"new")])
    assert isinstance(before._root, _Branch)
    assert isinstance(after._root, _Branch)
    same = [old is new for old, new in zip(before._root.children, after._root.children, strict=True)]
    assert same.count(False) == 1
    assert before.get(keys[5]) == keys[5]
    assert after.get(keys[5]) == b"new"


def test_removing_a_key_that_is_not_there_changes_nothing() -> None:
    index = Index.from_sorted([b"a", b"c"], [b"1", b"2"])
    assert entries(index.with_changes([(b"b", None)])) == entries(index)
    assert entries(index.with_changes([])) == entries(index)
    assert entries(Index().with_changes([(b"b", None)])) == []


def test_leaves_are_full_behind_keys_that_only_grow() -> None:
    """Creation times only grow, so the commonest index must not end up half empty."""
    index = Index()
    for position in range(LEAF_MAX * 6):
        index = index.with_changes([(position.to_bytes(3, "big"), b"")])
    sizes = [len(keys) for keys, _ in index.chunks()]
    assert sizes == [LEAF_MAX] * 6


@pytest.mark.parametrize("has_keys", [True, False])
def test_floor_finds_the_key_or_the_one_before_it(has_keys: bool) -> None:
    rng = random.Random(5)
    key_of = None if has_keys else bytes.upper
    index = Index(key_of=key_of)
    model: dict[bytes, bytes] = {}
    for _ in range(60):
        changes: dict[bytes, bytes | None] = {}
        for _ in range(rng.randrange(1, 80)):
            payload = b"%05d" % rng.randrange(3_000)
            # Whole stretches go, so that leaves vanish whose separators stay.
            changes[payload] = None if b"01000" < payload < b"02000" and rng.random() < 0.9 else payload
        index = index.with_changes(sorted(changes.items()))
        model = {key: value for key, value in {**model, **changes}.items() if value is not None}
        for probe in (b"", b"01500", b"99999", *(b"%05d" % rng.randrange(3_000) for _ in range(20))):
            expected = max((key for key in model if key <= probe), default=None)
            assert index.floor(probe) == (None if expected is None else (expected, model[expected]))


# -- differences -----------------------------------------------------------------------------------------------------


def as_applied(model: Model, differences: list[tuple[bytes, bytes | None, bytes | None]]) -> Model:
    """`model` with the differences entered, each of which must start from what the model holds."""
    assert len({key for key, _, _ in differences}) == len(differences), "each key comes once"
    assert all(model.get(key) == before != after for key, before, after in differences)
    return applied(model, {key: after for key, _, after in differences})


@given(batches=st.lists(CHANGES, max_size=8), pair=st.tuples(st.integers(0, 8), st.integers(0, 8)))
def test_differences_lead_from_any_version_to_any_other(
    batches: list[dict[bytes, bytes | None]], pair: tuple[int, int]
) -> None:
    versions: list[tuple[Index, Model]] = [(Index(), {})]
    for changes in batches:
        index, model = versions[-1]
        # What stays equal keeps its object, as documents do.
        real = {key: payload for key, payload in changes.items() if model.get(key) != payload}
        versions.append((index.with_changes(sorted(real.items())), applied(model, real)))
    (one, here), (two, there) = (versions[min(place, len(batches))] for place in pair)
    assert as_applied(here, list(one.differences(two))) == there


@pytest.mark.usefixtures("small_nodes")
@pytest.mark.parametrize("seed", range(4))
def test_differences_of_deep_trees_of_any_height(seed: int) -> None:
    rng = random.Random(seed)
    versions: list[tuple[Index, Model]] = [(Index(), {})]
    for step in range(120):
        index, model = versions[-1]
        changes: dict[bytes, bytes | None] = {rng.randbytes(2): rng.randbytes(9) for _ in range(rng.choice((1, 5, 30)))}
        if step > 60:
            changes = dict.fromkeys(rng.sample(sorted(model), min(len(model), 25)))
        versions.append((index.with_changes(sorted(changes.items())), applied(model, changes)))
    assert len({require_well_formed(index) for index, _ in versions}) > 2, "heights differ"
    for _ in range(60):
        (one, here), (two, there) = rng.choices(versions, k=2)
        assert as_applied(here, list(one.differences(two))) == there


def test_differences_look_at_what_differs_only() -> None:
    looked_at = []

    def key_of(payload: bytes) -> bytes:
        looked_at.append(payload)
        return payload[:4]

    one = Index.from_sorted(None, [position.to_bytes(4, "big") for position in range(20_000)], key_of)
    two = one.with_changes([((7).to_bytes(4, "big"), (7).to_bytes(4, "big") + b"new")])
    looked_at.clear()
    assert [key for key, _, _ in one.differences(two)] == [(7).to_bytes(4, "big")]
    assert len(looked_at) <= 2 * LEAF_MAX
