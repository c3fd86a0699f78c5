"""UNSET, Int64 and Id."""

import copy
import pickle

import pytest

from nbconvex.errors import ValueInvalidError
from nbconvex.values.scalars import INT64_MAX, INT64_MIN, UNSET, Id, Int64, Unset


def test_unset_is_one_falsy_thing_that_is_not_none():
    assert Unset() is UNSET
    assert not UNSET
    assert UNSET is not None
    assert repr(UNSET) == "UNSET"
    assert copy.deepcopy(UNSET) is UNSET
    assert pickle.loads(pickle.dumps(UNSET)) is UNSET


@pytest.mark.case("values/int64_bounds")
def test_int64_holds_64_bits_and_not_one_more():
    assert Int64(INT64_MAX).value == 2**63 - 1
    assert Int64(INT64_MIN).value == -(2**63)
    for beyond in (INT64_MAX + 1, INT64_MIN - 1, 10**5000):
        with pytest.raises(ValueInvalidError, match=r"Int64 holds -2\*\*63 to 2\*\*63-1"):
            Int64(beyond)


@pytest.mark.parametrize("wrong", [1.0, "1", True, None])
def test_int64_takes_nothing_but_whole_numbers(wrong):
    with pytest.raises(ValueInvalidError, match="Int64 takes an int"):
        Int64(wrong)


def test_int64_equals_ints_and_hashes_like_them_but_is_no_bool():
    assert Int64(1) == 1 == Int64(Int64(1))
    assert Int64(1) != 2
    assert Int64(1) != True  # noqa: E712 - the comparison is the point
    assert Int64(1) != "1"
    assert len({Int64(1), 1}) == 1
    assert sorted([Int64(3), 1, Int64(2)]) == [1, 2, 3]
    assert Int64(1) <= 1 < Int64(2) >= 2 > Int64(0)


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (Int64(7) + 1, Int64(8)),
        (1 + Int64(7), Int64(8)),
        (Int64(7) - Int64(9), Int64(-2)),
        (9 - Int64(7), Int64(2)),
        (Int64(7) * 2, Int64(14)),
        (Int64(7) // 2, Int64(3)),
        (15 // Int64(7), Int64(2)),
        (Int64(7) % 4, Int64(3)),
        (15 % Int64(7), Int64(1)),
        (-Int64(7), Int64(-7)),
        (+Int64(7), Int64(7)),
        (abs(Int64(-7)), Int64(7)),
        (Int64(7) / 2, 3.5),
        (7 / Int64(2), 3.5),
        (float(Int64(7)), 7.0),
        (int(Int64(7)), 7),
        (["a", "b"][Int64(1)], "b"),
        (bool(Int64(0)), False),
        (f"{Int64(1234567):,}", "1,234,567"),
        (str(Int64(7)), "7"),
        (repr(Int64(7)), "Int64(7)"),
    ],
)
def test_int64_arithmetic_stays_int64(result, expected):
    assert result == expected
    assert type(result) is type(expected)


def test_int64_arithmetic_refuses_overflow_and_other_types():
    with pytest.raises(ValueInvalidError):
        Int64(INT64_MAX) + 1
    for operation in ("__add__", "__sub__", "__mul__", "__floordiv__", "__mod__", "__truediv__", "__lt__", "__ge__"):
        assert getattr(Int64(1), operation)(1.5) is NotImplemented
    for operation in ("__rsub__", "__rfloordiv__", "__rmod__", "__rtruediv__", "__le__", "__gt__", "__eq__"):
        assert getattr(Int64(1), operation)("1") is NotImplemented


def test_int64_is_immutable_and_survives_pickling():
    number = Int64(7)
    with pytest.raises(AttributeError, match="immutable"):
        number.value = 8
    with pytest.raises(AttributeError, match="immutable"):
        del number.value
    assert pickle.loads(pickle.dumps(number)) == number
    assert copy.deepcopy(number) == number


def test_id_is_an_annotation_only():
    assert Id["users"] == Id["users"] != Id["posts"]
    assert hash(Id["users"]) == hash(Id["users"])
    assert "IdTable('users')" in repr(Id["users"])
    with pytest.raises(TypeError, match="ids themselves are plain strings"):
        Id("j57")
    with pytest.raises(TypeError, match="name of a table"):
        Id[5]
