"""The order of values, against the vectors of semantics 3.8 and a comparison that knows no bytes."""

import functools
import math
import struct

import pytest
from hypothesis import given

from nbconvex.errors import ValueInvalidError
from nbconvex.values.scalars import UNSET, Int64
from nbconvex.values.sort_key import (
    after_prefix,
    encode_key,
    encode_number_key,
    equal_values,
    field_value,
    make_key_encoder,
)
from tests.values.strategies import values

VECTORS = [
    (Int64(1), "0901"),
    (Int64(-1), "07FF"),
    (Int64(128), "0A0080"),
    (Int64(-129), "06FF7F"),
    (Int64(0), "08"),
    (1.0, "0DBFF0000000000000"),
    (-0.0, "0D7FFFFFFFFFFFFFFF"),
    (0.0, "0D8000000000000000"),
    ("a\0b", "106100FF6200"),
    ([None], "120300"),
    ({"a": None}, "1561000300"),
    (UNSET, "01"),
    (None, "03"),
    # Not in the list of the specification, but in its table.
    (False, "0E"),
    (True, "0F"),
    (1, "0DBFF0000000000000"),
    (b"a\0", "116100FF00"),
    ((None,), "120300"),
    ({"": None}, "1500FF0300"),
    (Int64(2**31 - 1), "0B7FFFFFFF"),
    (Int64(2**31), "0C0000000080000000"),
    (Int64(-(2**31)), "0580000000"),
    (Int64(-(2**31) - 1), "04FFFFFFFF7FFFFFFF"),
]
NAN = float("nan")
NEGATIVE_NAN = struct.unpack(">d", bytes.fromhex("fff8000000000000"))[0]


@pytest.mark.case("ordering/sort_key_vectors")
def test_keys_are_those_of_the_vectors():
    assert [encode_key(value).hex().upper() for value, _ in VECTORS] == [key for _, key in VECTORS]


ORDERS = [
    pytest.param(
        [UNSET, None, Int64(34), 34.0, 35.0, False, True, "stringValue", "xFactor", b"12345678", ["a"], {"a": 1}],
        marks=pytest.mark.case("ordering/cross_type_desc"),
        id="types",
    ),
    pytest.param(
        [Int64(10**9), -1e300], marks=pytest.mark.case("ordering/int64_below_floats"), id="int64 below numbers"
    ),
    pytest.param(
        [NEGATIVE_NAN, -math.inf, -1, -0.5, -0.0, 0.0, 5e-324, 1, 1.5, math.inf, NAN],
        marks=pytest.mark.case("ordering/float_total_order"),
        id="numbers",
    ),
    pytest.param(
        [Int64(n) for n in (-(2**63), -129, -128, -1, 0, 1, 127, 128, 32767, 32768, 2**31, 2**63 - 1)], id="int64"
    ),
    pytest.param(
        ["\ufffd", "\U00010000"], marks=pytest.mark.case("ordering/string_code_point_order"), id="code points"
    ),
    pytest.param(["a", "ab", "b"], marks=pytest.mark.case("ordering/string_prefix_first"), id="prefixes"),
    pytest.param(["a", "a\0", "a\0b", "aa"], marks=pytest.mark.case("ordering/string_nul"), id="nul"),
    pytest.param([b"\1", b"\1\0", b"\2"], marks=pytest.mark.case("ordering/bytes_order"), id="bytes"),
    pytest.param([[], [None], [1.0], [1.0, 2.0], [2.0]], marks=pytest.mark.case("ordering/array_order"), id="arrays"),
    pytest.param(
        [{}, {"": 1}, {"a": 1}, {"a": 1, "b": 1}, {"a": 2}, {"b": 0}],
        marks=pytest.mark.case("ordering/object_order"),
        id="objects",
    ),
    pytest.param([False, True], marks=pytest.mark.case("ordering/bool_order"), id="booleans"),
]


@pytest.mark.parametrize("ascending", ORDERS)
def test_keys_of_ascending_values_ascend(ascending):
    keys = [encode_key(value) for value in ascending]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)


RANKS = {type(None): 0, Int64: 1, float: 2, int: 2, bool: 3, str: 4, bytes: 5, list: 6, dict: 7}


def compare(left, right):
    """The order in words of semantics 3.8."""
    left_rank, right_rank = RANKS[type(left)], RANKS[type(right)]
    if left_rank != right_rank or left is None:
        return left_rank - right_rank
    if left_rank == 2:
        left, right = total_order(left), total_order(right)
    if left_rank == 4:
        left, right = left.encode(), right.encode()
    if left_rank == 7:
        left = [part for name in sorted(left) for part in (name, left[name])]
        right = [part for name in sorted(right) for part in (name, right[name])]
    if left_rank >= 6:
        pairs = zip(left, right, strict=False)
        return next((order for pair in pairs if (order := compare(*pair))), len(left) - len(right))
    return (left > right) - (left < right)


def total_order(number):
    bits = struct.unpack(">q", struct.pack(">d", number))[0]
    return bits if bits >= 0 else -(bits & 2**63 - 1) - 1


@given(values, values)
def test_bytes_compare_as_values_do(left, right):
    left_key, right_key = encode_key(left), encode_key(right)
    assert (left_key > right_key) - (left_key < right_key) == ((order := compare(left, right)) > 0) - (order < 0)
    assert equal_values(left, right) == (left_key == right_key)


@given(values, values, values)
def test_concatenated_keys_compare_field_by_field(first, second, third):
    rows = [[first, second], [first, third], [second, first], [third, second], [second, third]]
    by_bytes = sorted(rows, key=lambda row: encode_key(row[0]) + encode_key(row[1]))
    by_value = sorted(rows, key=lambda row: [functools.cmp_to_key(compare)(value) for value in row])
    assert [list(map(encode_key, row)) for row in by_bytes] == [list(map(encode_key, row)) for row in by_value]


@pytest.mark.case("ordering/int64_float_not_equal", "ordering/minus_zero_not_zero")
def test_equality_knows_types_that_python_mixes_up():
    assert equal_values(1, 1.0)
    assert equal_values({"a": [1], "b": 2}, {"b": 2.0, "a": [1.0]})
    assert equal_values(NAN, float("nan"))
    assert equal_values("a", "a")
    assert not equal_values("a", "b")
    assert not equal_values(1, True)
    assert not equal_values(Int64(1), 1.0)
    assert not equal_values(0.0, -0.0)
    assert not equal_values(None, UNSET)


@pytest.mark.parametrize("number", [0, -0.0, 5, 5.5, -5.5, NAN, -math.inf])
def test_number_keys_are_the_same_by_the_short_way(number):
    assert encode_number_key(number) == encode_key(number)


@pytest.mark.parametrize("foreign", [{1}, object(), {"a": {1}}])
def test_what_is_no_value_has_no_place(foreign):
    with pytest.raises(ValueInvalidError, match="no place in the order of values"):
        encode_key(foreign)


def test_surrogates_have_no_key():
    with pytest.raises(ValueInvalidError, match="surrogate"):
        encode_key("\ud800")


@pytest.mark.parametrize(
    ("prefix", "after"),
    [
        (b"", None),
        (b"\xff\xff", None),
        (b"a", b"b"),
        (b"a\xff\xff", b"b"),
        (b"\x10a\0", b"\x10a\1"),
        (b"\xfe", b"\xff"),
    ],
)
def test_after_prefix_is_the_next_bytes_that_do_not_start_so(prefix, after):
    assert after_prefix(prefix) == after


@given(values, values)
def test_after_prefix_ends_what_starts_with_a_key(prefix, rest):
    key = encode_key(prefix)
    after = after_prefix(key)
    assert key <= key + encode_key(rest) < after


DOCUMENT = {"a": 1, "b": "x", "address": {"city": "Bern", "none": None}}


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ([], []),
        (["a"], [1]),
        (["b", "a"], ["x", 1]),
        (["missing", "a"], [UNSET, 1]),
        (["missing"], [UNSET]),
        (["address.city", "a"], ["Bern", 1]),
        (["address.none", "address.street", "a.b", "b.c.d"], [None, UNSET, UNSET, UNSET]),
    ],
)
def test_index_prefixes_are_the_keys_of_the_fields(fields, found):
    assert make_key_encoder(fields)(DOCUMENT) == b"".join(map(encode_key, found))
    assert [field_value(DOCUMENT, field) for field in fields] == found
