"""Moments: datetimes as milliseconds, and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nbconvex.values.moments import EPOCH, MS_MAX, MS_MIN, is_time, moment_of, ms_of, plain_moment, without_times
from nbconvex.values.sort_key import encode_key

_zones = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
_exact = st.datetimes(datetime(1691, 1, 2), datetime(2248, 1, 1), timezones=_zones)  # noqa: DTZ001
_all = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=_zones)  # noqa: DTZ001


@given(_exact)
@example(datetime(2026, 1, 31, 12, 34, 56, 789_123, tzinfo=UTC))
@example(datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC))
def test_every_microsecond_survives(moment: datetime) -> None:
    again = moment_of(ms_of(moment))
    assert again == moment
    assert again.tzinfo is UTC


@given(_all)
@example(datetime.max.replace(tzinfo=UTC))
@example(datetime.min.replace(tzinfo=UTC))
def test_beyond_a_few_centuries_a_time_is_near(moment: datetime) -> None:
    ms = ms_of(moment)
    assert is_time(ms)
    assert abs(moment_of(ms) - moment) <= timedelta(microseconds=32)


@given(_exact, _exact)
def test_numbers_are_in_the_order_of_times(one: datetime, other: datetime) -> None:
    keys = encode_key(ms_of(one)), encode_key(ms_of(other))
    assert (keys[0] < keys[1], keys[0] == keys[1]) == (one < other, one == other)


def test_milliseconds_are_those_of_javascript() -> None:
    assert ms_of(datetime(2026, 1, 31, 13, tzinfo=timezone(timedelta(hours=1)))) == 1_769_860_800_000.0
    assert ms_of(EPOCH) == 0.0
    assert ms_of(datetime(2026, 1, 31, 12, 0, 0, 500, tzinfo=UTC)) == 1_769_860_800_000.5


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, True), (0.0, True), (-1.5, True), (MS_MIN, True), (MS_MAX, True), (MS_MIN - 1, False), (MS_MAX + 1, False),
        (float("nan"), False), (float("inf"), False), (True, False), ("0", False), (None, False),
    ],
)  # fmt: skip
def test_which_numbers_are_times(value: object, expected: bool) -> None:
    assert is_time(value) is expected


def test_only_what_is_a_moment_becomes_a_number() -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001
    for value in (naive, pd.NaT, "2026", 5, None):
        assert plain_moment(value) is value
    assert plain_moment(pd.Timestamp("1970-01-01 00:00:01", tz="UTC")) == 1000.0
    assert without_times({"a": [EPOCH, (EPOCH, {"b": EPOCH})], "c": naive}) == {
        "a": [0.0, [0.0, {"b": 0.0}]],
        "c": naive,
    }


def test_a_value_that_contains_itself_is_left_to_whoever_refuses_it() -> None:
    endless: list[object] = []
    endless.append(endless)
    assert without_times(endless)
