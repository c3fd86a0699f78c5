"""What a handler gives, on its way out."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest

from nbconvex import UNSET, Int64, returns, v
from nbconvex.errors import LimitExceededError, NbconvexError, NotAllowedError, ReturnInvalidError
from nbconvex.functions import result as result_module
from nbconvex.testing import convex_test
from nbconvex.values.codec import normalize

AB, A = {"a": 1, "b": 2}, {"a": 1}
OBJECT_A = v.object({"a": v.number()})
BAD_RESULTS: list[tuple[str, str, Any, Any, list[str]]] = [
    ("returns-validation/incomplete_validator_query", "query", OBJECT_A, AB, ['"b"', "not in the validator"]),
    ("returns-validation/primitive_wrong", "query", v.number(), "x", ['Value: "x"', "Validator: v.float64()"]),
    ("returns-validation/action_incomplete", "action", OBJECT_A, AB, ['field "b"']),
    ("returns-validation/unsupported_value", "query", None, {"tags": [{1}]}, ["set", ".tags[0]"]),
]


@pytest.mark.case(*[case[0] for case in BAD_RESULTS])
@pytest.mark.parametrize(("kind", "validator", "result", "words"), [case[1:] for case in BAD_RESULTS])
def test_bad_results_are_reported(kind: str, validator: Any, result: Any, words: list[str]) -> None:
    handler: Any = lambda ctx: result  # noqa: E731 - a handler that a decorator can mark
    with convex_test() as t, pytest.raises(ReturnInvalidError) as caught:
        getattr(t, kind)(handler if validator is None else returns(validator)(handler))
    for word in ["ReturnsValidationError in inline: ", *words]:
        assert word in str(caught.value)


@pytest.mark.case(
    "returns-validation/correct_query", "returns-validation/action_correct", "returns-validation/no_validator"
)
def test_good_results_are_delivered() -> None:
    with convex_test() as t:
        for call in (t.query, t.mutation, t.action):
            assert call(returns(OBJECT_A)(lambda ctx: A)) == A
            assert call(lambda ctx: AB) == AB
            assert call(lambda ctx: None) is None


@pytest.mark.case("returns-validation/mutation_incomplete_rolls_back")
def test_mutation_with_a_bad_result_stores_nothing() -> None:
    with convex_test() as t:
        with pytest.raises(ReturnInvalidError):
            t.mutation(returns(OBJECT_A)(lambda ctx: {"a": ctx.db.insert("t", {})}))
        assert t.query(lambda ctx: ctx.db.query("t").count()) == 0


@pytest.mark.case("returns-validation/nested_return_validated")
def test_bad_result_of_a_nested_call_surfaces_in_the_caller() -> None:
    with convex_test() as t:
        t.backend.query(name="m:f", returns=v.number())(lambda ctx: "x")
        with pytest.raises(ReturnInvalidError, match="in m:f"):
            t.mutation(lambda ctx: ctx.run_query("m:f"))


@pytest.mark.case("limits/return_too_large")
def test_result_has_a_size_limit_and_no_other() -> None:
    with convex_test(limits={"result_bytes": 100_000}) as t:
        assert len(t.query(lambda ctx: list(range(10_000)))) == 10_000
        with pytest.raises(LimitExceededError, match=r"has 180,002 bytes \(limit result_bytes: 100,000\)"):
            t.query(lambda ctx: list(range(20_000)))


@pytest.mark.case("functions/unconsumed_query_returned")
def test_query_that_was_not_consumed_names_the_ways_to_consume_it() -> None:
    with convex_test() as t:
        for forgotten in (lambda ctx: ctx.db.query("t"), lambda ctx: {"rows": ctx.db.query("t").order("desc")}):
            with pytest.raises(
                NotAllowedError, match=r"\.collect\(\), \.take\(n\), \.unique\(\) or \.first\(\)"
            ) as caught:
                t.query(forgotten)
            assert caught.value.__suppress_context__


async def a_helper(ctx: Any) -> int:
    return 7


def test_coroutine_that_was_not_awaited_says_which() -> None:
    with convex_test() as t:
        for call in (t.query, t.mutation, t.action):
            with pytest.raises(NotAllowedError, match=r"uses a_helper\(\.\.\.\) without await"):
                call(lambda ctx: a_helper(ctx))
            with pytest.raises(NotAllowedError, match="without await"):
                call(lambda ctx: [a_helper(ctx)])


ROW = {"_id": "x", "n": 5, "x": 1.5, "is": True, "none": None, "text": "ü"}
ROWS: list[tuple[str, Any]] = [
    ("flat", [ROW, ROW]),
    ("empty", [{}]),
    ("not a dict", [ROW, 5]),
    ("nested", [{"a": [1]}]),
    ("int64", [{"a": Int64(5)}]),
    ("largest", [{"a": 2**53}]),
    ("too large", [{"a": 2**53 + 1}]),
    ("far too large", [{"a": 2**70}]),
    ("surrogate", [{"a": "\ud800"}]),
    ("dollar", [{"$a": 1}]),
    ("not ascii", [{"ü": 1}]),
    ("no text", [{5: 1}]),
    ("unset", [{"a": UNSET}]),
    ("a set", [{"a": {1}}]),
    ("numbers that are odd", [{"a": math.inf, "b": -0.0}]),
]


@pytest.mark.parametrize("rows", [case[1] for case in ROWS], ids=[case[0] for case in ROWS])
def test_rows_are_answered_as_the_door_of_the_values_room_would(rows: Any) -> None:
    with convex_test() as t:
        try:
            expected = normalize(rows)
        except NbconvexError:
            with pytest.raises(ReturnInvalidError):
                t.query(lambda ctx: rows)
        else:
            assert repr(t.query(lambda ctx: rows)) == repr(expected)


def test_rows_are_copies() -> None:
    kept = [dict(ROW)]
    with convex_test() as t:
        t.query(lambda ctx: kept)[0]["n"] = 6
        assert kept == [ROW]


def test_rows_near_the_size_limit_are_counted_exactly() -> None:
    with convex_test(limits={"result_bytes": 300}) as t:
        assert t.query(lambda ctx: [{"a": "x" * 200}])
        with pytest.raises(LimitExceededError, match="result_bytes: 300"):
            t.query(lambda ctx: [{"a": "x" * 300}])
        with pytest.raises(LimitExceededError, match="result_bytes: 300"):
            t.query(lambda ctx: [{"": 1} for _ in range(26)])
        assert t.query(lambda ctx: [{"": 1} for _ in range(24)])


def test_bytes_written_on_the_way_belong_to_the_result_as_it_is() -> None:
    with convex_test() as t:
        t.backend.query(name="m:f", returns=v.array(v.object({"n": v.int64()})))(lambda ctx: [{"n": 5}])
        assert [t.query("m:f"), t.query("m:f")] == [[{"n": Int64(5)}]] * 2
        assert t.backend.runner.cache.hits == 1


def test_names_of_rows_are_remembered() -> None:
    assert result_module._are_names(("a", "b"))
    assert not result_module._are_names(("$a",))


def test_frame_as_a_result_is_answered_with_its_rows() -> None:
    with convex_test() as t, pytest.raises(ReturnInvalidError) as caught:
        t.query(lambda ctx: pd.DataFrame({"a": [1]}))
    assert 'Write instead:  return df.to_dict("records")' in str(caught.value)
