"""Filters of vector searches: equalities, any of which may hold, and what is said about everything else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nbconvex.database.vector_filter import conditions_of
from nbconvex.errors import CallerError, IndexInvalidError, LimitExceededError, ValueInvalidError
from nbconvex.values.scalars import UNSET, Int64
from nbconvex.values.sort_key import encode_key

Filter = Callable[[Any], Any]


def conditions(filter: Filter, *, int64_fields: tuple[str, ...] = (), maximum: int = 64) -> list[tuple[int, bytes]]:
    return conditions_of(filter, "movies.by_embedding", ["genre", "year"], int64_fields=int64_fields, maximum=maximum)


def test_equalities_become_places_and_keys() -> None:
    assert conditions(lambda q: q.eq("year", 1999)) == [(1, encode_key(1999))]
    assert conditions(lambda q: q.eq("genre", UNSET)) == [(0, encode_key(UNSET))]
    nested = conditions(lambda q: q.or_(q.eq("genre", "noir"), q.or_(q.eq("year", None), q.eq("genre", "noir"))))
    assert nested == [(0, encode_key("noir")), (1, encode_key(None))], "each once"


def test_an_int_on_an_int64_field_is_meant_as_one() -> None:
    assert conditions(lambda q: q.eq("year", 7), int64_fields=("year",)) == [(1, encode_key(Int64(7)))]


@pytest.mark.parametrize(
    ("filter", "words"),
    [
        (lambda q: q.and_(q.eq("genre", "a"), q.eq("year", 1)), "combination of eq and or_, and has no q.and_"),
        (lambda q: q.neq("genre", "a"), "has no q.neq"),
        (lambda q: q.gt("year", 1), "has no q.gt"),
        (lambda q: q.field("genre"), "has no q.field"),
        (lambda q: True, "combination of eq and or_, got True"),
        (lambda q: q.or_(q.eq("genre", "a"), "noir"), "got 'noir'"),
        (lambda q: q.or_(), "no conditions"),
        (lambda q: q.eq("genre", "a") and q.eq("year", 1), "has no value yet"),
        (lambda q: q.eq(7, "a"), "takes the field's name first, got int"),
        ("genre", "is a function, got 'genre'"),
    ],
)
def test_anything_but_eq_and_or_is_refused(filter: Filter, words: str) -> None:
    with pytest.raises(CallerError, match=r"filter|q\.eq|q\.or_|condition") as refused:
        conditions(filter)
    assert words in str(refused.value)
    assert "q." in (refused.value.hint or "")


def test_fields_must_be_declared() -> None:
    with pytest.raises(IndexInvalidError, match=r'no filter field "title"; its filter fields are \[genre, year\]'):
        conditions(lambda q: q.eq("title", "a"))
    with pytest.raises(IndexInvalidError, match="it has none"):
        conditions_of(lambda q: q.eq("a", 1), "t.i", [], int64_fields=(), maximum=64)


def test_there_is_a_limit_on_conditions() -> None:
    def of(count: int) -> Filter:
        return lambda q: q.or_(*[q.eq("year", year) for year in range(count)])

    assert len(conditions(of(64))) == 64
    with pytest.raises(LimitExceededError, match="64") as refused:
        conditions(of(65))
    assert (refused.value.limit, refused.value.actual) == ("vector_conditions", 65)


def test_what_is_no_value_is_refused() -> None:
    with pytest.raises(ValueInvalidError, match="genre"):
        conditions(lambda q: q.eq("genre", {1, 2}))
