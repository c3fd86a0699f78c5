"""Stored bytes and JSON."""

import base64
import json
import math
import struct

import msgspec
import pytest
from hypothesis import given

from nbconvex.errors import ValueInvalidError
from nbconvex.values.codec import (
    decode_document,
    decode_value,
    encode_document,
    encode_value,
    equal_values,
    from_json,
    json_dumps,
    json_loads,
    to_json,
)
from nbconvex.values.scalars import INT64_MAX, INT64_MIN, UNSET, Int64
from tests.values.strategies import documents, values


@given(values)
def test_stored_bytes_give_the_same_value_of_the_same_types(value):
    decoded = decode_value(encode_value(value))
    assert repr(decoded) == repr(value)
    assert equal_values(decoded, value)


@pytest.mark.case("values/int64_bounds", "values/minus_zero_kept")
def test_documents_come_back_fresh_each_time():
    document = {"_id": "x", "n": 5, "f": 5.0, "z": -0.0, "i": [Int64(INT64_MIN), Int64(INT64_MAX)], "b": b"\0"}
    payload = encode_document(document)
    first = decode_document(payload)
    assert repr(first) == repr(document)
    first["i"].append(1)
    assert repr(decode_document(payload)) == repr(document)


def test_stored_floats_keep_every_bit():
    odd_nan = struct.unpack(">d", bytes.fromhex("fff8000000000001"))[0]
    assert struct.pack(">d", decode_value(encode_value(odd_nan))).hex() == "fff8000000000001"


def test_what_is_no_value_is_not_stored():
    with pytest.raises(ValueInvalidError):
        encode_value({"a": UNSET})
    with pytest.raises(ValueInvalidError, match="unknown extension type 9"):
        decode_value(msgspec.msgpack.encode(msgspec.msgpack.Ext(9, b"")))


NAN = float("nan")
WIRE = [
    pytest.param(Int64(1), {"$integer": "AQAAAAAAAAA="}, marks=pytest.mark.case("values/int64_json")),
    (Int64(-5), {"$integer": "+/////////8="}),
    (Int64(2**63 - 1), {"$integer": "/////////38="}),
    (Int64(7), {"$integer": "BwAAAAAAAAA="}),
    pytest.param(NAN, {"$float": "AAAAAAAA+H8="}, marks=pytest.mark.case("values/special_floats_json")),
    (math.inf, {"$float": "AAAAAAAA8H8="}),
    (-math.inf, {"$float": "AAAAAAAA8P8="}),
    (-0.0, {"$float": "AAAAAAAAAIA="}),
    (b"\x00\x10\x83", {"$bytes": "ABCD"}),
    (1.5, 1.5),
    ({"a": [None, True, "x"]}, {"a": [None, True, "x"]}),
    ({}, {}),
]


@pytest.mark.parametrize(("value", "tree"), WIRE)
def test_wire_json_is_that_of_the_vectors(value, tree):
    assert to_json(value) == tree
    assert repr(from_json(tree)) == repr(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1.0"),
        (1.0, "1.0"),
        (0, "0.0"),
        (2**53, "9007199254740992.0"),
        (1e22, "1e22"),
        ({"a": [1, True]}, '{"a":[1.0,true]}'),
    ],
)
def test_numbers_on_the_wire_read_as_floats_everywhere(value, text):
    assert json_dumps(value) == text
    numbers = []
    json.loads(text, parse_int=numbers.append)
    assert numbers == []


@given(values)
def test_wire_json_gives_an_equal_value(value):
    assert equal_values(json_loads(json_dumps(value)), value)
    assert json.loads(json_dumps(value)) == json.loads(json.dumps(to_json(value)))


@given(documents)
def test_wire_json_may_come_as_bytes(document):
    assert equal_values(json_loads(json_dumps(document).encode()), document)


def test_whole_numbers_from_the_wire_stay_whole_and_large_ones_become_floats():
    assert (
        repr(json_loads("[5, 5.0, 9007199254740993, 150000000000000000000]")) == "[5, 5.0, 9007199254740992.0, 1.5e+20]"
    )


def test_undefined_comes_in_only_where_it_may():
    tree = {"a": {"$undefined": None}, "o": {"b": {"$undefined": None}}}
    assert from_json(tree, allow_undefined=True) == {"a": UNSET, "o": {"b": UNSET}}
    assert from_json({"$undefined": None}, allow_undefined=True) is UNSET
    with pytest.raises(ValueInvalidError, match="reserved"):
        from_json(tree)
    with pytest.raises(ValueInvalidError, match="reserved"):
        from_json([{"$undefined": None}], allow_undefined=True)
    assert to_json({"a": UNSET}) == {"a": {"$undefined": None}}


@pytest.mark.parametrize(
    ("tree", "path"),
    [
        ({"a": [1, {"$integer": "AQ=="}]}, ".a[1].$integer"),
        ({"a": {"$integer": 5}}, ".a.$integer"),
        ({"a": {"$integer": "AQAAAAAAAAA"}}, ".a.$integer"),
        ({"a": {"$float": base64.b64encode(struct.pack("<d", 1.5)).decode()}}, ".a.$float"),
        ({"a": {"$float": base64.b64encode(struct.pack("<d", 0.0)).decode()}}, ".a.$float"),
        ({"a": {"$bytes": "A?=="}}, ".a.$bytes"),
        ({"a": {"$bytes": None}}, ".a.$bytes"),
        ({"a": {"$set": []}}, ".a.$set"),
        ({"a": {"$integer": "AQAAAAAAAAA=", "b": 1}}, ".a.$integer"),
        ({"a": 10**400}, ".a"),
        ({"a": {1}}, ".a"),
    ],
)
def test_damaged_wire_json_is_refused_by_place(tree, path):
    with pytest.raises(ValueInvalidError) as caught:
        from_json(tree, path="args")
    assert caught.value.path.replace("['", ".").replace("']", "") == f"args{path}"


@pytest.mark.parametrize(
    "text", ["", "{", "NaN", '"\\ud800"', "[1e400]", b'"\xff"', "[" * 100_000, "[" * 999 + "]" * 999]
)
def test_text_that_is_not_json_is_refused(text):
    try:
        value = json_loads(text)
    except ValueInvalidError:
        return
    assert text.startswith("[[")
    assert value is not None


def test_values_that_were_not_normalized_are_on_the_way_to_json():
    assert to_json((1, 2)) == [1.0, 2.0]
    with pytest.raises(ValueInvalidError):
        to_json({1})


@pytest.mark.parametrize("wrapped", [lambda tree: [tree], lambda tree: {"a": tree}])
def test_what_is_nested_deeper_than_can_be_read_is_no_value(wrapped):
    tree = 1
    for _ in range(5_000):
        tree = wrapped(tree)
    with pytest.raises(ValueInvalidError, match=r"nested too deep \(at args\)"):
        from_json(tree, path="args")
