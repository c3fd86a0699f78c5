"""Results as values: times stay, everything else is as plain as ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest

from nbconvex.errors import LimitExceededError, ValueInvalidError
from nbconvex.limits import Limits
from nbconvex.values.codec import decode_value, encode_value, to_json
from nbconvex.values.result_values import normalized_result
from nbconvex.values.scalars import UNSET

NOON = datetime(2026, 1, 31, 12, 0, 0, 123_456, tzinfo=UTC)
BERLIN = NOON.astimezone(timezone(timedelta(hours=1)))


def plain(value: Any) -> Any:
    return normalized_result(value, Limits(), 64)[0]


def test_times_stay_and_are_in_utc() -> None:
    result = {"rows": ({"at": BERLIN, "n": np.float64(1), "gone": UNSET},), "at": NOON}
    value, size = normalized_result(result, Limits(), 64)
    assert value == {"rows": [{"at": NOON, "n": 1.0}], "at": NOON}
    assert value["rows"][0]["at"].tzinfo is UTC
    assert type(value["rows"][0]["n"]) is float
    assert size == normalized_result({"rows": [{"at": 1.5, "n": 1.0}], "at": 1.5}, Limits(), 64)[1]


def test_results_with_times_are_kept_as_bytes_and_sent_as_numbers() -> None:
    value = plain([{"at": NOON}])
    assert decode_value(encode_value(value)) == value
    assert to_json(value) == [{"at": 1_769_860_800_123.456}]


def test_what_is_no_value_beside_a_time_is_refused_where_it_stands() -> None:
    with pytest.raises(ValueInvalidError, match="set") as raised:
        plain([NOON, {"a": {1}}])
    assert raised.value.path == "[1].a"
    with pytest.raises(ValueInvalidError, match="no time zone"):
        plain([NOON, NOON.replace(tzinfo=None)])


def test_what_contains_itself_is_refused_beside_a_time() -> None:
    endless: list[Any] = [NOON]
    endless.append(endless)
    with pytest.raises(LimitExceededError, match="contains itself"):
        plain(endless)
