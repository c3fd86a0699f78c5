"""Formats of values: nbconvex.server.formats."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest

from nbconvex import Int64
from nbconvex.errors import ValueInvalidError
from nbconvex.server.formats import FORMATS, encoded, write_json

VALUE = {"z": 1, "a": [Int64(-5), b"\x00\x10\x83", None, True, "ü"], "f": math.inf, "n": math.nan, "m": -0.0, "h": 1.5}


def test_lossless_format_wraps_what_json_has_no_word_for() -> None:
    assert (
        write_json(encoded(VALUE, "convex_encoded_json"))
        == (
            '{"a":[{"$integer":"+/////////8="},{"$bytes":"ABCD"},null,true,"ü"],"f":{"$float":"AAAAAAAA8H8="},"h":1.5,'
            '"m":{"$float":"AAAAAAAAAIA="},"n":{"$float":"AAAAAAAA+H8="},"z":1.0}'
        ).encode()
    )


def test_clean_format_is_plain_json() -> None:
    assert write_json(encoded(VALUE, "json")) == (
        '{"a":["-5","ABCD",null,true,"ü"],"f":"Infinity","h":1.5,"m":-0.0,"n":"NaN","z":1.0}'.encode()
    )
    assert write_json(encoded(-math.inf, "json")) == b'"-Infinity"'


def test_export_format_has_integers() -> None:
    assert write_json(encoded([Int64(7), 7, 1e22, math.inf], "export_json")) == (
        b'[7,7.0,1e22,{"$float":"AAAAAAAA8H8="}]'
    )


@pytest.mark.parametrize("format_name", FORMATS)
def test_number_always_has_a_point_or_an_exponent(format_name) -> None:
    for number in (0, 1, -3, 2**53, 1e15, 1e16, 1e300):
        text = write_json(encoded(number, format_name))
        assert set(text) & set(b".e"), text


@pytest.mark.parametrize("format_name", FORMATS)
def test_times_are_numbers(format_name) -> None:
    value = {"rows": [{"at": datetime(2026, 1, 31, 12, tzinfo=UTC), "n": 1}]}
    assert write_json(encoded(value, format_name)) == b'{"rows":[{"at":1769860800000.0,"n":1.0}]}'


def test_data_that_is_no_value_is_refused() -> None:
    with pytest.raises(ValueInvalidError):
        encoded({"a": object()}, "json")
