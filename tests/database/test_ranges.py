"""Index ranges: which documents they hold, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbconvex.database.database import Database
from nbconvex.database.ranges import RangeBuilder, interval_of
from nbconvex.errors import CallerError, IndexInvalidError, ValueInvalidError
from nbconvex.values.scalars import UNSET, Int64
from nbconvex.values.schema import define_schema, table
from nbconvex.values.sort_key import encode_key
from nbconvex.values.validators import v
from tests.database.stores import bare, insert_all, open_database, read

Range = Callable[[RangeBuilder], RangeBuilder]
ANY = table(v.any()).index("by_x", ["x"]).index("by_xy", ["x", "y"]).index("by_xyz", ["x", "y", "z"])


def open_any(*documents: dict[str, Any]) -> Database:
    database = open_database(schema=define_schema({"t": ANY.index("by_city", ["address.city"])}))
    insert_all(database, "t", documents)
    return database


def found(database: Database, index: str, range: Range) -> list[Any]:
    return [bare(each) for each in read(database, lambda tx: tx.query("t").with_index(index, range).collect())]


@dataclass(frozen=True)
class Found:
    name: str
    range: Range
    xs: list[Any]
    stored: list[dict[str, Any]] = field(default_factory=list)


ABSENT: dict[str, Any] = {}
TYPES = [ABSENT, {"x": None}, {"x": 3.0}, {"x": "a"}]
SPECIAL = [{"x": x} for x in (-0.0, 0.0, 1, 5, 5.0, Int64(5), math.nan, math.inf)]
TEXTS = [{"x": x} for x in ("", "a", "a\0", "a\0b", "aa", "b")]
ARRAYS = [{"x": x} for x in ([], ["a"], ["a", "b"], ["a\0"])]


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(
            Found("eq UNSET", lambda q: q.eq("x", UNSET), [ABSENT], [ABSENT, {"x": "some"}]),
            marks=pytest.mark.case("indexes/indexes_eq_undefined"),
        ),
        pytest.param(
            Found("UNSET is not null", lambda q: q.eq("x", UNSET), [ABSENT], [{"x": None}, {"x": "v"}, ABSENT]),
            marks=pytest.mark.case("indexes/undefined_vs_null"),
        ),
        pytest.param(
            Found("null is not UNSET", lambda q: q.eq("x", None), [{"x": None}], [{"x": None}, {"x": "v"}, ABSENT]),
            marks=pytest.mark.case("indexes/undefined_vs_null"),
        ),
        pytest.param(
            Found("gt UNSET", lambda q: q.gt("x", UNSET), [{"x": None}, {"x": "v"}], [{"x": None}, {"x": "v"}, ABSENT]),
            marks=pytest.mark.case("indexes/gt_undefined"),
        ),
        pytest.param(
            Found("lt across types", lambda q: q.lt("x", 5.0), TYPES[:3], TYPES),
            marks=pytest.mark.case("indexes/lt_across_types"),
        ),
        pytest.param(
            Found("inverted", lambda q: q.gt("x", 5).lt("x", 3), [], [{"x": x} for x in range(1, 6)]),
            marks=pytest.mark.case("indexes/inverted_range_empty"),
        ),
        Found("equal bounds", lambda q: q.gt("x", 3).lte("x", 3), [], [{"x": x} for x in range(1, 6)]),
        Found("one value by bounds", lambda q: q.gte("x", 3).lte("x", 3.0), [{"x": 3}], [{"x": x} for x in range(6)]),
        Found("upper before lower", lambda q: q.lt("x", 4).gt("x", 2), [{"x": 3}], [{"x": x} for x in range(6)]),
        pytest.param(
            Found("float of int64", lambda q: q.eq("x", 1.0), [{"x": 1.0}], [{"x": Int64(1)}, {"x": 1.0}]),
            marks=pytest.mark.case("ordering/int64_float_not_equal"),
        ),
        Found("int64 of float", lambda q: q.eq("x", Int64(5)), [{"x": Int64(5)}], SPECIAL),
        Found("5 is 5.0", lambda q: q.eq("x", 5), [{"x": 5}, {"x": 5.0}], SPECIAL),
        Found("5.0 is 5", lambda q: q.eq("x", 5.0), [{"x": 5}, {"x": 5.0}], SPECIAL),
        Found("True is not 1", lambda q: q.eq("x", True), [], SPECIAL),
        pytest.param(
            Found("0.0", lambda q: q.eq("x", 0.0), [{"x": 0.0}], [{"x": -0.0}, {"x": 0.0}]),
            marks=pytest.mark.case("ordering/minus_zero_not_zero"),
        ),
        Found("0 is 0.0", lambda q: q.eq("x", 0), [{"x": 0.0}], [{"x": -0.0}, {"x": 0.0}]),
        Found("below 0.0", lambda q: q.lt("x", 0.0).gte("x", -1), [{"x": -0.0}], SPECIAL),
        Found("above everything finite", lambda q: q.gt("x", 1e308).lt("x", math.nan), [{"x": math.inf}], SPECIAL),
        Found('"a" is not "a\\0"', lambda q: q.eq("x", "a"), [{"x": "a"}], TEXTS),
        Found('"a\\0"', lambda q: q.eq("x", "a\0"), [{"x": "a\0"}], TEXTS),
        Found('gt "a"', lambda q: q.gt("x", "a"), TEXTS[2:], TEXTS),
        Found('lte "a"', lambda q: q.lte("x", "a"), TEXTS[:2], TEXTS),
        Found('lt "a\\0"', lambda q: q.lt("x", "a\0"), TEXTS[:2], TEXTS),
        Found('gt "" lte "a\\0b"', lambda q: q.gt("x", "").lte("x", "a\0b"), TEXTS[1:4], TEXTS),
        pytest.param(
            Found("an array as a whole", lambda q: q.eq("x", ["a"]), [{"x": ["a"]}], ARRAYS),
            marks=pytest.mark.case("indexes/array_field_whole_value"),
        ),
        Found("an array prefix", lambda q: q.gt("x", ["a"]), ARRAYS[2:], ARRAYS),
        Found("a tuple is an array", lambda q: q.eq("x", ("a",)), [{"x": ["a"]}], ARRAYS),
        Found("a numpy scalar is its number", lambda q: q.eq("x", np.int64(5)), [{"x": 5}, {"x": 5.0}], SPECIAL),
        Found("an object", lambda q: q.eq("x", {"b": 1, "a": 2}), [{"x": {"a": 2, "b": 1}}], [{"x": {"a": 2, "b": 1}}]),
    ],
)
def test_a_range_on_one_field_finds(case: Found) -> None:
    assert found(open_any(*case.stored), "by_x", case.range) == case.xs


@pytest.mark.case("values/nan_found_by_index")
def test_nan_is_found_by_an_index() -> None:
    [document] = found(open_any(*SPECIAL), "by_x", lambda q: q.eq("x", math.nan))
    assert math.isnan(document["x"])


@pytest.mark.case("indexes/nested_path_missing_step")
def test_a_path_whose_step_is_missing_or_no_object_is_absent() -> None:
    stored = [{"n": 1}, {"n": 2, "address": {}}, {"n": 3, "address": "here"}, {"n": 4, "address": {"city": "Ulm"}}]
    stored.append({"n": 5, "address": {"city": None}})
    database = open_any(*stored)
    assert [each["n"] for each in found(database, "by_city", lambda q: q.eq("address.city", UNSET))] == [1, 2, 3]
    assert [each["n"] for each in found(database, "by_city", lambda q: q.eq("address.city", None))] == [5]
    named = read(database, lambda tx: tx.query("t").with_index("by_city", **{"address.city": "Ulm"}).collect())
    assert [each["n"] for each in named] == [4]


GRID = [{"x": x, "y": y, "z": z} for x in (1, 2) for y in (1, 2) for z in (1, 2)]


@pytest.mark.parametrize(
    ("index", "range", "expected"),
    [
        pytest.param(
            "by_xy",
            lambda q: q.eq("y", 2).eq("x", 1),
            [(1, 2, 1), (1, 2, 2)],
            marks=pytest.mark.case("indexes/eq_permuted"),
        ),
        pytest.param(
            "by_xyz",
            lambda q: q.eq("x", 2).gt("y", 1),
            [(2, 2, 1), (2, 2, 2)],
            marks=pytest.mark.case("indexes/range_on_middle"),
        ),
        ("by_xyz", lambda q: q.gt("y", 1).eq("x", 2), [(2, 2, 1), (2, 2, 2)]),
        ("by_xyz", lambda q: q.eq("x", 1).eq("y", 1).lte("z", 1), [(1, 1, 1)]),
        ("by_xyz", lambda q: q.eq("z", 2).eq("y", 2).eq("x", 2), [(2, 2, 2)]),
        (
            "by_xy",
            lambda q: q,
            [(1, 1, 1), (1, 1, 2), (1, 2, 1), (1, 2, 2), (2, 1, 1), (2, 1, 2), (2, 2, 1), (2, 2, 2)],
        ),
    ],
)
def test_a_range_on_several_fields_finds(index: str, range: Range, expected: list[tuple[int, int, int]]) -> None:
    database = open_any(*GRID)
    assert [(each["x"], each["y"], each["z"]) for each in found(database, index, range)] == expected


@pytest.mark.case("indexes/creation_time_as_last", "indexes/full_equality")
def test_creation_time_and_id_are_the_last_fields_of_every_index() -> None:
    database = open_any(*[{"x": 1, "n": n} for n in range(4)], {"x": 2, "n": 9})
    stored = read(database, lambda tx: tx.query("t").collect())
    third = stored[2]
    t, i = third["_creationTime"], third["_id"]
    expected: list[tuple[Range, list[int]]] = [
        (lambda q: q.eq("x", 1).gte("_creationTime", t), [2, 3]),
        (lambda q: q.eq("x", 1).gt("_creationTime", t), [3]),
        (lambda q: q.eq("x", 1).lte("_creationTime", t), [0, 1, 2]),
        (lambda q: q.eq("x", 1).lt("_creationTime", t), [0, 1]),
        (lambda q: q.eq("x", 1).eq("_creationTime", t), [2]),
        (lambda q: q.eq("x", 1).eq("_creationTime", t).eq("_id", i), [2]),
        (lambda q: q.eq("x", 1).eq("_creationTime", t).gt("_id", i), []),
        (lambda q: q.eq("x", 2).eq("_creationTime", t).eq("_id", i), []),
    ]
    for range_, numbers in expected:
        assert [each["n"] for each in found(database, "by_x", range_)] == numbers


def test_the_built_in_indexes_take_ranges_on_their_own_field() -> None:
    database = open_any(*[{"n": n} for n in range(6)])
    stored = read(database, lambda tx: tx.query("t").collect())
    by_id = sorted(stored, key=lambda each: each["_id"])
    middle = by_id[3]["_id"]
    pairs: list[tuple[str, Range, list[dict[str, Any]]]] = [
        ("by_id", lambda q: q.eq("_id", middle), [by_id[3]]),
        ("by_id", lambda q: q.gt("_id", middle), by_id[4:]),
        ("by_id", lambda q: q.lte("_id", middle), by_id[:4]),
        ("by_creation_time", lambda q: q.gt("_creationTime", stored[3]["_creationTime"]), stored[4:]),
        ("by_creation_time", lambda q: q.lte("_creationTime", stored[3]["_creationTime"]), stored[:4]),
    ]
    for index, range_, expected in pairs:
        key = (lambda each: each["_id"]) if index == "by_id" else (lambda each: each["_creationTime"])
        documents = read(database, lambda tx: tx.query("t").with_index(index, range_).collect())  # noqa: B023
        assert sorted(documents, key=key) == expected


EVERY_TYPE = [UNSET, None, Int64(5), -math.inf, -1.0, -0.0, 0.0, 5, 1_700_000_000_000.0, math.inf, math.nan, True, "a"]
EVERY_TYPE += [b"\xff", [], {}]


@pytest.mark.parametrize("value", EVERY_TYPE, ids=repr)
@pytest.mark.parametrize("index", ["by_creation_time", "by_x"])
def test_a_range_of_creation_times_may_be_asked_with_a_value_of_any_type(index: str, value: Any) -> None:
    """Times are numbers: what comes before numbers bounds nothing from below, what comes after them everything."""
    database = open_any(*[{"x": 1, "n": n} for n in range(3)], {"x": 2})
    times = [each["_creationTime"] for each in read(database, lambda tx: tx.query("t").collect())][
        : 4 if index != "by_x" else 3
    ]
    bound = encode_key(value)
    expected = {
        "eq": [time for time in times if encode_key(time) == bound],
        "gt": [time for time in times if encode_key(time) > bound],
        "gte": [time for time in times if encode_key(time) >= bound],
        "lt": [time for time in times if encode_key(time) < bound],
        "lte": [time for time in times if encode_key(time) <= bound],
    }
    for operation, matching in expected.items():

        def build(q: RangeBuilder, operation: str = operation) -> RangeBuilder:
            q = q.eq("x", 1) if index == "by_x" else q
            return getattr(q, operation)("_creationTime", value)

        rows = read(database, lambda tx, build=build: tx.query("t").with_index(index, build).collect())
        assert [each["_creationTime"] for each in rows] == matching, operation


@dataclass(frozen=True)
class Refused:
    name: str
    index: str
    range: Range
    words: tuple[str, ...]


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(
            Refused("own fields only", "by_x", lambda q: q.eq("x", 1).eq("body", 2), ("t.by_x", "body", "[x,")),
            marks=pytest.mark.case("indexes/own_fields_only"),
        ),
        pytest.param(
            Refused("by_id", "by_id", lambda q: q.eq("_creationTime", 1), ("t.by_id", "_creationTime", "[_id]")),
            marks=pytest.mark.case("indexes/by_id_only_id"),
        ),
        pytest.param(
            Refused("by_creation_time", "by_creation_time", lambda q: q.eq("_id", "x"), ("t.by_creation_time", "_id")),
            marks=pytest.mark.case("indexes/by_creation_time_only"),
        ),
        pytest.param(
            Refused(
                "eq after range", "by_x", lambda q: q.eq("x", 1).lt("_creationTime", 5).eq("_id", "x"), ("order", "_id")
            ),
            marks=pytest.mark.case("indexes/eq_after_range"),
        ),
        pytest.param(
            Refused("third bound", "by_x", lambda q: q.gt("x", 1).lt("x", 5).gt("x", 2), ("already", "bounds")),
            marks=pytest.mark.case("indexes/third_bound"),
        ),
        pytest.param(
            Refused("two lower bounds", "by_x", lambda q: q.gt("x", 1).gte("x", 2), ("lower bound", "already defined")),
            marks=pytest.mark.case("indexes/two_lower_bounds"),
        ),
        Refused("two upper bounds", "by_x", lambda q: q.lte("x", 1).lt("x", 2), ("upper bound", "already defined")),
        pytest.param(
            Refused("skipped prefix", "by_xy", lambda q: q.eq("y", 1), ("[x, y, _creationTime, _id]", "[y]", '"y"')),
            marks=pytest.mark.case("indexes/skip_prefix"),
        ),
        Refused("bound skips a field", "by_xy", lambda q: q.gt("y", 1), ("order", '"y"')),
        Refused("bounds on two fields", "by_xy", lambda q: q.gt("x", 1).lt("y", 1), ("one field", "x", "y")),
        Refused("bound on an equal field", "by_x", lambda q: q.eq("x", 1).gt("x", 0), ("order", '"x"')),
        Refused("bound beside a prefix", "by_x", lambda q: q.starts_with("x", "a").gt("x", "b"), ("already", "gt")),
        Refused("prefix beside a bound", "by_x", lambda q: q.gt("x", "b").starts_with("x", "a"), ("already",)),
        Refused("prefix of a time", "by_x", lambda q: q.eq("x", 1).starts_with("_creationTime", "a"), ("begin",)),
        Refused("prefix of an id", "by_id", lambda q: q.starts_with("_id", "j57"), ("begin with a text",)),
        Refused("prefix out of order", "by_xy", lambda q: q.starts_with("y", "a"), ("order", '"y"')),
        Refused("eq twice", "by_x", lambda q: q.eq("x", 1).eq("x", 1), ("already", '"x"')),
        Refused("an id that is none", "by_id", lambda q: q.eq("_id", "hello"), ("_id", "hello")),
        Refused("an id that is a number", "by_id", lambda q: q.eq("_id", 5), ("_id", "5")),
    ],
)
def test_a_range_is_refused(case: Refused) -> None:
    with pytest.raises(IndexInvalidError) as raised:
        found(open_any({"x": 1}), case.index, case.range)
    assert [word for word in case.words if word not in str(raised.value)] == []


def test_an_index_range_is_single_use() -> None:
    def twice(q: RangeBuilder) -> RangeBuilder:
        q.eq("x", 1)
        return q.eq("y", 1)

    with pytest.raises(CallerError, match="already extended"):
        found(open_any(), "by_xy", twice)


_texts = st.text(st.sampled_from(["a", "b", "\0", "\uffff", "\U0010ffff", "é"]), max_size=4)


@given(st.lists(st.one_of(_texts, st.sampled_from([UNSET, None, 5, b"a", ["a"]])), max_size=12), _texts)
def test_a_prefix_finds_exactly_the_texts_that_begin_so(values: list[Any], prefix: str) -> None:
    database = open_any(*[{"x": value, "y": 1} for value in values])
    expected = sorted(each for each in values if isinstance(each, str) and each.startswith(prefix))
    assert [each["x"] for each in found(database, "by_x", lambda q: q.starts_with("x", prefix))] == expected
    other = open_any(*[{"x": 1, "y": value, "z": 2} for value in values], {"x": 2, "y": prefix})
    narrow = found(other, "by_xyz", lambda q: q.eq("x", 1).starts_with("y", prefix))
    assert [each["y"] for each in narrow] == expected


@pytest.mark.parametrize(
    ("range", "words"),
    [
        (lambda q: None, "must return q"),
        (lambda q: q.neq("x", 1), "no q.neq"),
        (lambda q: q.eq(1, "x"), "name first"),
        (lambda q: q.starts_with("x", 5), 'q.starts_with\\("x", "Al"\\)'.replace('"x"', "'x'")),
        (lambda q: q.in_("x", [1, 2]), "with_index\\(name, author=each\\)"),
    ],
)
def test_what_is_no_range_is_explained(range: Any, words: str) -> None:
    with pytest.raises(CallerError, match=words):
        found(open_any(), "by_x", range)


def test_a_value_that_is_none_is_refused_in_a_range() -> None:
    with pytest.raises(ValueInvalidError):
        found(open_any(), "by_x", lambda q: q.eq("x", {1, 2}))


NUMBERS = [Int64(-1), Int64(5), -math.inf, -1.5, -0.0, 0.0, 5, math.inf, math.nan]
TEXT_AND_BYTES = ["", "a", "a\0", "a\0\0", "a\xff", "b", b"", b"\0", b"\xff\xff"]
SCALARS = st.sampled_from(
    [UNSET, None, *NUMBERS, False, True, *TEXT_AND_BYTES, [], [None], ["a"], [["a"]], {}, {"a": 1}]
)


@given(
    rows=st.lists(st.tuples(SCALARS, SCALARS), max_size=12),
    equal=st.lists(SCALARS, max_size=2),
    low=st.none() | st.tuples(st.sampled_from(["gt", "gte"]), SCALARS),
    high=st.none() | st.tuples(st.sampled_from(["lt", "lte"]), SCALARS),
)
def test_an_interval_holds_exactly_the_keys_of_the_rows_that_fit(
    rows: list[tuple[Any, Any]], equal: list[Any], low: tuple[str, Any] | None, high: tuple[str, Any] | None
) -> None:
    """Against comparing field by field, for every type and the bytes that look like ends of others."""
    names = ("x", "y")
    next_field = names[len(equal)] if len(equal) < len(names) else None
    conditions = [("eq", name, value) for name, value in zip(names, equal, strict=False)]
    if next_field is not None:
        conditions += [(bound[0], next_field, bound[1]) for bound in (low, high) if bound is not None]
    low_key, high_key = interval_of("t.by_xy", ("x", "y", "_creationTime", "_id"), conditions, 10_001)
    for row in rows:
        fits = all(encode_key(mine) == encode_key(value) for mine, value in zip(row, equal, strict=False))
        if next_field is not None:
            mine = encode_key(row[len(equal)])
            fits = fits and (
                low is None or mine > encode_key(low[1]) or (low[0] == "gte" and mine == encode_key(low[1]))
            )
            fits = fits and (
                high is None or mine < encode_key(high[1]) or (high[0] == "lte" and mine == encode_key(high[1]))
            )
        for time in (1e-300, 1.5, 2.0**53):
            for internal in (b"\x00" * 16, b"\xff" * 16):
                key = b"".join(map(encode_key, row)) + encode_key(time) + internal
                assert (low_key <= key and (high_key is None or key < high_key)) == fits
