"""Filter expressions: what holds, what is an error, what is not evaluated."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbconvex.database.filters import FilterBuilder, filter_of
from nbconvex.errors import CallerError, LimitExceededError, ValueInvalidError
from nbconvex.limits import Limits
from nbconvex.values.scalars import UNSET, Int64
from nbconvex.values.sort_key import encode_key
from tests.database.stores import insert_all, open_database, read

Condition = Callable[[FilterBuilder], Any]

MESSAGES = [
    {"n": 1, "author": "sarah", "body": "hi"},
    {"n": 2, "author": "sarah", "body": "bye"},
    {"n": 3, "author": "lee", "body": "hi", "a": {"b": 1}},
    {"n": 4, "author": "max", "body": "hi", "a": {"b": 2}},
    {"n": 5, "body": "hi", "a": 7},
]


def numbers(*conditions: Any, documents: list[dict[str, Any]] = MESSAGES) -> list[int]:
    """The numbers of the documents that pass every condition."""
    database = open_database()
    insert_all(database, "messages", documents)
    query = database.begin(writable=False).query("messages")
    for condition in conditions:
        query = query.filter(condition)
    return [document["n"] for document in query.collect()]


def value_of(condition: Condition, document: dict[str, Any] | None = None) -> Any:
    return condition(FilterBuilder()).evaluate(document or {})


@dataclass(frozen=True)
class Case:
    name: str
    condition: Condition
    found: list[int]


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(
            Case("and", lambda q: q.and_(q.eq(q.field("author"), "sarah"), q.eq(q.field("body"), "hi")), [1]),
            marks=pytest.mark.case("filters/and_operator"),
        ),
        pytest.param(
            Case("or", lambda q: q.or_(q.eq(q.field("author"), "sarah"), q.eq(q.field("author"), "lee")), [1, 2, 3]),
            marks=pytest.mark.case("filters/or_operator"),
        ),
        pytest.param(
            Case("neq takes those without the field", lambda q: q.neq(q.field("author"), "sarah"), [3, 4, 5]),
            marks=pytest.mark.case("filters/neq_operator"),
        ),
        pytest.param(
            Case("not", lambda q: q.not_(q.eq(q.field("author"), "sarah")), [3, 4, 5]),
            marks=pytest.mark.case("filters/not_operator"),
        ),
        pytest.param(
            Case("nested field", lambda q: q.eq(q.field("a.b"), 1), [3]), marks=pytest.mark.case("filters/nested_field")
        ),
        Case("a missing step is absent", lambda q: q.eq(q.field("a.b"), UNSET), [1, 2, 5]),
        Case("absent is not null", lambda q: q.eq(q.field("author"), None), []),
        Case("absent comes first", lambda q: q.lt(q.field("author"), None), [5]),
        pytest.param(
            Case("literal on the left", lambda q: q.eq("sarah", q.field("author")), [1, 2]),
            marks=pytest.mark.case("filters/literal_on_left"),
        ),
        pytest.param(
            Case("strings are above numbers", lambda q: q.lt(q.field("author"), 5.0), [5]),
            marks=pytest.mark.case("filters/compare_across_types"),
        ),
        Case("field against field", lambda q: q.lt(q.field("body"), q.field("author")), [1, 2, 3, 4]),
        Case("arithmetic", lambda q: q.eq(q.mod(q.field("n"), 2), 0), [2, 4]),
        Case("and of nothing holds", lambda q: q.and_(), [1, 2, 3, 4, 5]),
        Case("or of nothing does not", lambda q: q.or_(), []),
        Case("a literal alone", lambda q: False, []),
    ],
)
def test_a_filter_finds(case: Case) -> None:
    assert numbers(case.condition) == case.found


@pytest.mark.case("filters/two_filters_are_and")
def test_two_filters_hold_both_and_both_kinds_mix() -> None:
    assert numbers(lambda q: q.eq(q.field("author"), "sarah"), lambda q: q.eq(q.field("body"), "bye")) == [2]
    assert numbers(lambda q: q.eq(q.field("body"), "hi"), lambda each: each.get("a") is not None) == [3, 4, 5]


@pytest.mark.case("filters/short_circuit_and", "filters/short_circuit_or")
def test_what_stands_behind_the_decision_is_not_evaluated() -> None:
    def boom(q: FilterBuilder) -> Any:
        return q.eq(q.div(Int64(1), Int64(0)), Int64(1))

    assert value_of(lambda q: q.and_(False, boom(q))) is False
    assert value_of(lambda q: q.or_(True, boom(q))) is True
    with pytest.raises(CallerError, match="division by zero"):
        value_of(lambda q: q.and_(True, boom(q)))


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        pytest.param(
            lambda q: q.add(Int64(1), 1.0), ("Int64", "float"), marks=pytest.mark.case("filters/type_mismatch_arith")
        ),
        (lambda q: q.add("a", "b"), ("'a'", "'b'", "str")),
        (lambda q: q.add(q.field("x"), 1), ("UNSET", "1")),
        (lambda q: q.add(True, 1), ("True", "bool")),
        (lambda q: q.neg("x"), ("x", "str")),
        pytest.param(
            lambda q: q.add(Int64(2**63 - 1), Int64(1)),
            ("overflows",),
            marks=pytest.mark.case("filters/int64_overflow"),
        ),
        (lambda q: q.neg(Int64(-(2**63))), ("overflows",)),
        (lambda q: q.mul(Int64(2**62), Int64(2)), ("overflows",)),
        (lambda q: q.div(Int64(-(2**63)), Int64(-1)), ("overflows",)),
        pytest.param(
            lambda q: q.div(Int64(1), Int64(0)), ("division by zero",), marks=pytest.mark.case("filters/int64_div_zero")
        ),
        (lambda q: q.mod(Int64(1), Int64(0)), ("division by zero",)),
    ],
)
def test_arithmetic_is_refused(condition: Condition, words: tuple[str, ...]) -> None:
    with pytest.raises(CallerError) as raised:
        value_of(condition)
    assert [word for word in words if word not in str(raised.value)] == []


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (lambda q: q.add(1, 2.5), 3.5),
        (lambda q: q.div(1, 2), 0.5),
        (lambda q: q.div(-1.0, 0.0), -math.inf),
        (lambda q: q.div(1.0, -0.0), -math.inf),
        (lambda q: q.div(0.0, 0.0), math.nan),
        (lambda q: q.mod(-7, 3), -1.0),
        (lambda q: q.mod(7, math.inf), 7.0),
        (lambda q: q.mod(7, 0), math.nan),
        (lambda q: q.mul(1e308, 10), math.inf),
        (lambda q: q.neg(0.0), -0.0),
        (lambda q: q.neg(-0.0), 0.0),
        (lambda q: q.div(Int64(-7), Int64(2)), Int64(-3)),
        (lambda q: q.mod(Int64(-7), Int64(2)), Int64(-1)),
        (lambda q: q.sub(Int64(5), Int64(7)), Int64(-2)),
        (lambda q: q.add(np.float64(1), np.int64(2)), 3.0),
    ],
)
def test_arithmetic_gives(condition: Condition, expected: Any) -> None:
    result = value_of(condition)
    assert type(result) is type(expected)
    assert encode_key(result) == encode_key(expected)


@pytest.mark.case("filters/float_div_zero")
def test_dividing_a_number_by_zero_is_infinite_and_no_error() -> None:
    assert value_of(lambda q: q.gt(q.div(1.0, 0.0), 1e300)) is True


ORDERED = [UNSET, None, Int64(-1), Int64(10**9), -math.inf, -1e300, -0.0, 0.0, 5, math.inf, math.nan, False, True]
ORDERED += ["", "a", "a\0", "\uffff", "\U00010000", b"", b"\x01", [], [None], {}, {"a": 1}]


@given(st.integers(0, len(ORDERED) - 1), st.integers(0, len(ORDERED) - 1))
def test_comparisons_follow_the_order_of_all_values(left: int, right: int) -> None:
    names: dict[str, bool] = {
        "eq": left == right,
        "neq": left != right,
        "lt": left < right,
        "lte": left <= right,
        "gt": left > right,
        "gte": left >= right,
    }
    for name, expected in names.items():
        assert value_of(lambda q: getattr(q, name)(q.field("x"), ORDERED[right]), {"x": ORDERED[left]}) is expected  # noqa: B023


@pytest.mark.parametrize(
    ("left", "right", "is_equal"),
    [
        (5, 5.0, True),
        (1, True, False),
        (Int64(5), 5, False),
        (0, -0.0, False),
        (math.nan, math.nan, True),
        ((1,), [1], True),
    ],
)
def test_equality_is_of_values_not_of_python(left: Any, right: Any, is_equal: bool) -> None:
    assert value_of(lambda q: q.eq(left, right)) is is_equal
    assert value_of(lambda q: q.neq(left, right)) is not is_equal


@pytest.mark.case("filters/non_boolean_condition")
@pytest.mark.parametrize(
    "condition",
    [
        lambda q: q.field("body"),
        lambda q: "yes",
        lambda q: q.field("missing"),
        lambda q: None,
        lambda q: 1,
        lambda q: q.and_(True, q.field("n")),
        lambda q: q.not_(0),
    ],
)
def test_what_is_no_boolean_cannot_decide(condition: Condition) -> None:
    with pytest.raises(CallerError, match=r"cannot use the value .* as a boolean"):
        numbers(condition)


@pytest.mark.case("filters/too_many_operators")
def test_a_query_has_at_most_256_filters() -> None:
    assert numbers(*[lambda q: True] * 256) == [1, 2, 3, 4, 5]
    with pytest.raises(LimitExceededError, match="256") as raised:
        numbers(*[lambda q: True] * 257)
    assert raised.value.limit == "filter_operators"


def test_the_most_filters_of_a_query_is_a_limit() -> None:
    database = open_database(limits=Limits(filter_operators=1))
    query = database.begin(writable=False).query("messages").filter(lambda q: True)
    with pytest.raises(LimitExceededError):
        query.filter(lambda q: True)


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (5, "takes a function"),
        (lambda q: q.eq(q.field("n"), 1) and q.eq(q.field("body"), "hi"), "q.and_"),
        (lambda q: not q.field("n"), "q.and_"),
        (lambda q: q.matches("n", 1), "no q.matches"),
        (lambda q: q.startsWith("n", 1), r"Write instead:  q.starts_with\(\.\.\.\)"),
        (lambda q: q.endswith("n", 1), r"Write instead:  q.ends_with\(\.\.\.\)"),
        (lambda q: q.contains("tags", "x"), r"q.contains\(q.field\('tags'\)"),
        (lambda q: q.in_("author", ["ada"]), r"q.in_\(q.field\('author'\), \["),
        (lambda q: q.in_(q.field("author"), "ada"), "takes a list of values, got str"),
        (
            lambda q: q.in_(q.field("author"), q.field("names")),
            r"q.contains\(q.field\('names'\), q.field\('author'\)\)",
        ),
        (lambda q: q.in_(q.field("author"), [q.field("body")]), "not other fields"),
        (lambda q: q.starts_with(q.field("author"), 5), "takes a text to look for, got int"),
        (lambda q: q.ends_with(q.field("author"), None), "takes a text to look for"),
        (lambda q: q["n"] == 1, "document\\["),
    ],
)
def test_usual_mistakes_are_explained(condition: Any, words: str) -> None:
    with pytest.raises(CallerError, match=words):
        numbers(condition)


_subjects = st.one_of(st.text("ab", max_size=3), st.sampled_from([UNSET, None, 5, True]),
                      st.lists(st.text("ab", max_size=2), max_size=3))  # fmt: skip
_pieces = st.text("ab", max_size=2)


@given(_subjects, _pieces, st.lists(_subjects.filter(lambda each: each is not UNSET), max_size=3))
def test_tests_of_texts_and_lists_are_those_of_python(subject: Any, piece: str, choices: list[Any]) -> None:
    """And they do not hold of anything else, where Python would raise."""
    document = {} if subject is UNSET else {"x": subject}
    is_text = isinstance(subject, str)
    assert value_of(lambda q: q.starts_with(q.field("x"), piece), document) == (is_text and subject.startswith(piece))
    assert value_of(lambda q: q.ends_with(q.field("x"), piece), document) == (is_text and subject.endswith(piece))
    in_it = (is_text or isinstance(subject, list)) and piece in subject
    assert value_of(lambda q: q.contains(q.field("x"), piece), document) == in_it
    assert value_of(lambda q: q.in_(q.field("x"), choices), document) == any(
        subject == each and type(subject) is type(each) for each in choices
    )


def test_choices_are_compared_as_values() -> None:
    is_in = lambda value, *choices: value_of(lambda q: q.in_(q.field("x"), choices), {"x": value})  # noqa: E731
    assert is_in(1, 1.0)
    assert not is_in(1, True, Int64(1), "1")
    assert is_in([1, {"a": 2}], [1.0, {"a": 2.0}])
    assert value_of(lambda q: q.in_(q.field("y"), {UNSET}), {"x": 1})
    assert not is_in(1)
    assert value_of(lambda q: q.contains(q.field("x"), 1), {"x": [True, 1.0]})
    assert not value_of(lambda q: q.contains(q.field("x"), 1), {"x": [True, Int64(1)]})


@pytest.mark.parametrize(
    ("condition", "fields"),
    [
        (lambda q: q.eq(q.field("a.b"), q.field("c")), {"a.b", "c"}),
        (lambda q: q.and_(q.not_(q.lt(q.neg(q.field("a")), 1)), q.or_(q.eq(q.field("b"), 1))), {"a", "b"}),
        (lambda q: q.gt(q.add(q.field("a"), q.mul(q.field("b"), 2)), 1), {"a", "b"}),
        (lambda q: q.or_(q.in_(q.field("a"), [1]), q.contains(q.field("b"), q.field("c"))), {"a", "b", "c"}),
        (lambda q: q.and_(q.starts_with(q.field("a"), "x"), q.ends_with(q.field("b"), q.field("c"))), {"a", "b", "c"}),
        (lambda q: True, set()),
        (lambda document: True, None),
    ],
)
def test_a_filter_knows_which_fields_it_looks_at(condition: Condition, fields: set[str] | None) -> None:
    assert filter_of(condition).fields == fields


def test_what_is_no_value_is_refused_when_the_filter_is_written() -> None:
    with pytest.raises(ValueInvalidError, match="set"):
        filter_of(lambda q: q.eq(q.field("x"), {1}))


def test_an_ordinary_function_is_asked_for_instead_of_an_async_one() -> None:
    async def late(document: dict[str, Any]) -> bool:
        return True

    with pytest.raises(CallerError, match="cannot wait"):
        numbers(late)


def test_the_source_tells_one_filter_from_another() -> None:
    conditions: list[Condition] = [
        lambda q: q.eq(q.field("a"), 1),
        lambda q: q.eq(q.field("a"), 2),
        lambda q: q.eq(q.field("a"), "1"),
        lambda q: q.neq(q.field("a"), 1),
        lambda q: q.eq(q.field("b"), 1),
        lambda q: q.not_(q.eq(q.field("a"), 1)),
    ]
    sources = [filter_of(condition).source for condition in conditions]
    assert len(set(sources)) == len(sources)
    assert filter_of(lambda q: q.eq(q.field("a"), 1)).source == sources[0]


def test_a_python_filter_that_raises_has_read_its_document_all_the_same() -> None:
    """Otherwise a live query that failed would never recover."""
    database = open_database()
    insert_all(database, "t", [{"n": 1}, {"n": 2}, {"n": 3}])
    transaction = database.begin(writable=False)
    with pytest.raises(ZeroDivisionError):
        transaction.query("t").filter(lambda each: 1 / (each["n"] - 2) < 0).collect()
    [(_, low, high)] = transaction.reads.intervals()
    inside = [key for key, _ in database.snapshot.tables[10_001].indexes["by_creation_time"].entries.entries(low, high)]
    assert len(inside) == 2
    assert transaction.metrics.documents_read == 2
    assert read(database, lambda tx: tx.query("t").count()) == 3
