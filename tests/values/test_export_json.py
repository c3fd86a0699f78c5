"""The JSON of snapshots: nbconvex.values.export_json."""

from __future__ import annotations

import json
import math

import msgspec
import pytest
from hypothesis import given

from nbconvex.errors import ValueInvalidError
from nbconvex.values.codec import equal_values
from nbconvex.values.export_json import export_json, from_export_json, from_plain_json
from nbconvex.values.scalars import Int64
from tests.values.strategies import values


def test_the_decimal_point_is_the_type_and_keys_are_sorted() -> None:
    document = {
        "_id": "x", "_creationTime": 1795416607249.0, "b": Int64(5), "a": 5, "c": {"z": 5.5, "B": [None, True]},
        "d": b"\x00\x10\x83", "e": math.nan, "f": -0.0,
    }  # fmt: skip
    assert export_json(document).decode() == (
        '{"_creationTime":1795416607249.0,"_id":"x","a":5.0,"b":5,"c":{"B":[null,true],"z":5.5},'
        '"d":{"$bytes":"ABCD"},"e":{"$float":"AAAAAAAA+H8="},"f":{"$float":"AAAAAAAAAIA="}}'
    )


@given(values)
def test_what_was_written_is_read_as_an_equal_value(value) -> None:
    assert equal_values(from_export_json(msgspec.json.decode(export_json(value))), value)


@pytest.mark.parametrize("number", [1e16, 1e22, 1e300, 2.0**53, 123456789012345680.0, 5e-324, 1e-7])
def test_numbers_have_a_point_or_an_exponent(number) -> None:
    text = export_json(number).decode()
    assert set(".eE") & set(text)
    assert type(json.loads(text)) is float
    assert json.loads(text) == number


def test_wrappers_are_read_and_others_refused() -> None:
    assert from_export_json({"a": {"$integer": "BwAAAAAAAAA="}}) == {"a": Int64(7)}
    for bad in ({"$what": 1}, {"$integer": "x"}, {"a": 1.0, "$b": 2.0}, {"$float": 1.0}):
        with pytest.raises(ValueInvalidError):
            from_export_json({"deep": [bad]})
    with pytest.raises(ValueInvalidError, match="beyond 64 bits"):
        from_export_json([2**63])
    assert from_export_json(-(2**63)) == Int64(-(2**63))


def test_without_the_switch_every_number_is_a_float_and_nothing_a_wrapper() -> None:
    tree = {"a": 5, "b": [True, 2**53 + 1], "c": {"$integer": "BwAAAAAAAAA="}}
    found = from_plain_json(tree)
    assert found == {"a": 5.0, "b": [True, float(2**53 + 1)], "c": {"$integer": "BwAAAAAAAAA="}}
    assert type(found["a"]) is float
    assert found["b"][0] is True
    with pytest.raises(ValueInvalidError):
        from_plain_json(10**400)
