"""What was read, and whom a commit concerns: the index of subscriptions against brute force."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbconvex.database.reads import CommitRecord, ReadSet, SubscriptionIndex
from nbconvex.values.sort_key import encode_key
from tests.database.stores import insert_all, open_database, write

INDEXES = [(1, "by_id"), (1, "by_a"), (2, "by_a")]
ID = b"\xff" * 8 + b"\x00" * 8

KEYS = st.lists(st.sampled_from([b"\x00", b"a", b"b", b"\xfe", b"\xff"]), max_size=4).map(b"".join)


def record(*touched: tuple[tuple[int, str], bytes], dropped: frozenset[int] = frozenset()) -> CommitRecord:
    return CommitRecord(1, tuple(part for pair in touched for part in pair), "writer", dropped)


def reading(*intervals: tuple[tuple[int, str], bytes, bytes | None]) -> ReadSet:
    reads = ReadSet()
    for (table, index), low, high in intervals:
        reads.add_interval(table, index, low, high)
    return reads


def lies_inside(low: bytes, high: bytes | None, key: bytes) -> bool:
    return low <= key and (high is None or key < high)


@pytest.mark.parametrize(
    ("low", "high", "inside", "outside"),
    [
        (b"", None, [b"", b"a", b"\xff\xff"], []),
        (b"b", None, [b"b", b"\xff" * 16], [b"", b"a", b"a\xff"]),
        (b"a", b"a\0", [b"a"], [b"", b"a\0", b"a\0\0", b"b"]),
        (b"a", b"b", [b"a", b"a\0", b"a\xff\xff"], [b"", b"b"]),
        (b"\xff", None, [b"\xff", b"\xff\x01"], [b"\xfe\xff"]),
        (b"b", b"a", [], [b"a", b"aa", b"b", b"c"]),
        (b"a", b"a", [], [b"a"]),
    ],
)
def test_a_read_overlaps_what_lies_in_its_interval_and_nothing_else(
    low: bytes, high: bytes | None, inside: list[bytes], outside: list[bytes]
) -> None:
    reads = reading(((1, "by_a"), low, high))
    found = SubscriptionIndex()
    found.add("me", reads)
    for key in inside + outside:
        is_inside = key in inside
        assert (reads.overlaps(record(((1, "by_a"), key))) is not None) == is_inside, key
        assert found.matching(record(((1, "by_a"), key))) == ({"me"} if is_inside else set()), key
        assert reads.overlaps(record(((2, "by_a"), key), ((1, "by_id"), key))) is None


def test_a_string_is_not_taken_for_the_prefix_of_the_next() -> None:
    """Text "a" is 10 61 00, text "a\\0" is 10 61 00 FF 00: the second begins with the first's bytes."""
    a, a_nul = encode_key("a"), encode_key("a\0")
    assert a_nul.startswith(a)
    tail = encode_key(1.5) + ID
    reads = reading(((1, "by_a"), a, a + b"\xff"))
    found = SubscriptionIndex()
    found.add("a", reads)
    for key, expected in ((a + tail, {"a"}), (a_nul + tail, set()), (encode_key("aa") + tail, set())):
        assert found.matching(record(((1, "by_a"), key))) == expected
        assert (reads.overlaps(record(((1, "by_a"), key))) is not None) == bool(expected)


@given(
    watches=st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(INDEXES), KEYS, st.none() | KEYS.filter(bool)), max_size=25
    ),
    removed=st.sets(st.integers(0, 3)),
    touched=st.lists(st.tuples(st.sampled_from(INDEXES), KEYS), max_size=6),
    dropped=st.frozensets(st.just(2)),
)
def test_the_index_of_subscriptions_finds_what_brute_force_finds(
    watches: list[tuple[int, tuple[int, str], bytes, bytes | None]],
    removed: set[int],
    touched: list[tuple[tuple[int, str], bytes]],
    dropped: frozenset[int],
) -> None:
    reads = {token: reading(*(rest for owner, *rest in watches if owner == token)) for token in range(4)}
    index = SubscriptionIndex()
    for token, each in reads.items():
        index.add(token, reads[(token + 1) % 4])  # replaced by the next line
        index.add(token, each)
    for token in removed:
        index.remove(token)
        index.remove(token)
    commit = record(*touched, dropped=dropped)
    expected = {
        token
        for token, each in reads.items()
        if token not in removed
        and any(
            index_id[0] in dropped or any(index_id == other and lies_inside(low, high, key) for other, key in touched)
            for index_id, low, high in each.intervals()
        )
    }
    assert index.matching(commit) == expected
    assert {token for token, each in reads.items() if each.overlaps(commit) is not None} - removed == expected
    assert len(index) == 4 - len(removed)


@given(low=KEYS, high=st.none() | KEYS.filter(bool), keys=st.lists(KEYS, min_size=1))
def test_successors_of_prefixes_are_filed_where_their_keys_are_looked_for(
    low: bytes, high: bytes | None, keys: list[bytes]
) -> None:
    """An interval up to the next sibling of a prefix: [ab, ac)."""
    index = SubscriptionIndex()
    index.add("me", reading(((1, "by_a"), low, high)))
    for key in keys:
        assert bool(index.matching(record(((1, "by_a"), key)))) == lies_inside(low, high, key)


def test_removing_everybody_leaves_nothing_behind() -> None:
    index = SubscriptionIndex()
    rng = random.Random(3)
    for token in range(50):
        index.add(token, reading(*[((1, "by_a"), rng.randbytes(2), rng.randbytes(2)) for _ in range(5)]))
    for token in range(50):
        index.remove(token)
    assert (len(index), index._buckets[1, "by_a"], index._lengths[1, "by_a"]) == (0, {}, {})


def test_the_same_interval_read_twice_is_watched_once_and_removed_whole() -> None:
    index = SubscriptionIndex()
    index.add("me", reading(((1, "by_a"), b"a", b"b"), ((1, "by_a"), b"a", b"b")))
    index.remove("me")
    assert index.matching(record(((1, "by_a"), b"a"))) == set()


def test_what_a_commit_costs_does_not_grow_with_those_who_watch_other_keys() -> None:
    """1,000 watchers, each of one author: a message of one author looks into one bucket."""
    index = SubscriptionIndex()
    for number in range(1_000):
        key = encode_key(f"author{number}")
        index.add(number, reading(((1, "by_author"), key, key + b"\xff")))
    lengths = index._lengths[1, "by_author"]
    assert len(lengths) <= 4
    assert index.matching(record(((1, "by_author"), encode_key("author77") + encode_key(1.0) + ID))) == {77}


def test_a_read_set_takes_over_what_another_read() -> None:
    mine, other = reading(((1, "by_a"), b"a", b"b")), reading(((1, "by_a"), b"x", b"y"), ((2, "by_a"), b"", None))
    mine.update(other)
    assert sorted(mine.intervals(), key=repr) == [
        ((1, "by_a"), b"a", b"b"),
        ((1, "by_a"), b"x", b"y"),
        ((2, "by_a"), b"", None),
    ]
    assert len(mine) == 3


def test_an_overlap_names_the_index_and_the_key() -> None:
    reads = reading(((1, "by_a"), b"a", b"b"))
    key = b"a" + ID
    assert reads.overlaps(record(((1, "by_id"), ID), ((1, "by_a"), key))) == ((1, "by_a"), key)


def test_deleting_a_table_concerns_whoever_read_anything_of_it_and_nobody_else() -> None:
    """Its intervals hold no key that could be touched where they were empty."""
    index = SubscriptionIndex()
    narrow, elsewhere = reading(((2, "by_a"), b"a", b"a\0")), reading(((1, "by_a"), b"", None))
    index.add("narrow", narrow)
    index.add("elsewhere", elsewhere)
    deletion = record(dropped=frozenset({2}))
    assert index.matching(deletion) == {"narrow"}
    assert narrow.overlaps(deletion) == ((2, "by_a"), b"")
    assert elsewhere.overlaps(deletion) is None


def test_a_commit_is_recorded_with_old_and_new_keys_of_every_index() -> None:
    database = open_database()
    [stored] = insert_all(database, "t", [{"a": 1}])
    before = database.head
    write(database, lambda tx: tx.delete(stored))
    [deletion] = database.write_log.since(before) or []
    number = database.snapshot.numbers["t"]
    assert {index_id for index_id, _ in deletion.pairs()} == {(number, "by_id"), (number, "by_creation_time")}
