"""The door for values: what passes, what is converted, what is refused and with which words."""

import enum
from collections import OrderedDict, defaultdict, namedtuple

import numpy as np
import pytest
from hypothesis import given

from nbconvex.errors import LimitExceededError, ValueInvalidError
from nbconvex.limits import Limits
from nbconvex.values.codec import encode_value
from nbconvex.values.normalization import (
    document_size,
    format_path,
    normalize,
    normalize_document,
    normalize_sized,
    size_of,
)
from nbconvex.values.scalars import NUMBER_MAX, UNSET, Int64
from tests.values.strategies import values

Point = namedtuple("Point", "x y")  # noqa: PYI024 - people write it


class Colour(enum.StrEnum):
    RED = "red"


class Size(enum.IntEnum):
    BIG = 3


def same(left, right):
    """Whether two values are equal and of equal types all the way down."""
    return repr(left) == repr(right)


@given(values)
def test_plain_values_pass_as_they_are_but_new(value):
    plain, size = normalize_sized(value)
    assert same(plain, value)
    assert size == size_of(value) == size_of(plain)
    if isinstance(value, list | dict) and value:
        assert plain is not value


@pytest.mark.case("values/tuple_as_array", "values/numpy_scalar_converted", "values/nested_underscore")
@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ((1, (2, "x")), [1, [2, "x"]]),
        (Point(1, 2), [1, 2]),
        ({"a": UNSET, "b": 1}, {"b": 1}),
        ({"o": {"a": UNSET, "_x": 1}}, {"o": {"_x": 1}}),
        (bytearray(b"ab"), b"ab"),
        (memoryview(b"ab"), b"ab"),
        (Colour.RED, "red"),
        ({Colour.RED: Colour.RED}, {"red": "red"}),
        (Size.BIG, 3),
        (OrderedDict(a=1), {"a": 1}),
        (defaultdict(list, a=[1]), {"a": [1]}),
        (np.float64(1.5), 1.5),
        (np.float32(1.5), 1.5),
        (np.int64(5), 5),
        (np.uint8(5), 5),
        (np.bool_(True), True),
        (np.str_("x"), "x"),
        ({np.str_("x"): 1}, {"x": 1}),
        (np.bytes_(b"x"), b"x"),
        ([np.float64(1.5)] * 9, [1.5] * 9),
        ([1.0] * 9, [1.0] * 9),
        (-0.0, -0.0),
    ],
)
def test_stand_ins_become_plain_values(given_, expected):
    plain, size = normalize_sized(given_)
    assert same(plain, expected)
    assert size == size_of(expected)
    encode_value(plain)


def test_the_same_names_of_another_type_become_plain_too():
    """Names are remembered by their text; that must not let a str of another type slip through."""
    assert type(next(iter(normalize({"remembered": 1})))) is str
    assert type(next(iter(normalize({np.str_("remembered"): 1})))) is str
    assert type(next(iter(normalize({np.str_("met first"): 1})))) is str
    assert type(next(iter(normalize({"met first": 1})))) is str


@pytest.mark.case("values/undefined_in_array_refused", "values/object_key_dollar", "args-validation/dollar_key_refused")
@pytest.mark.parametrize(
    ("value", "path", "words"),
    [
        ({"tags": ["a", UNSET]}, ".tags[1]", "UNSET is not a value"),
        (UNSET, "", "UNSET is not a value"),
        ({"tags": ["a", {1}]}, ".tags[1]", "set is not a supported type"),
        ({"a b": [[{"c": object()}]]}, "['a b'][0][0].c", "object is not a supported type"),
        ({"o": {"$x": 1}}, ".o", 'field name "$x" starts with "$", which is reserved'),
        ({"o": {5: 1}}, ".o", "strings as names, got int 5"),
        ({10**5000: 1}, "", "strings as names, got int <int>"),
        ({"o": {"é": 1}}, ".o", "printable ASCII"),
        ({"o": {"a\n": 1}}, ".o", "printable ASCII"),
        ({"n": NUMBER_MAX + 1}, ".n", "beyond ±2**53"),
        ([-NUMBER_MAX - 1], "[0]", "beyond ±2**53"),
        ({"n": 10**5000}, ".n", "beyond ±2**53"),
        ({"n": np.int64(2**60)}, ".n", "beyond ±2**53"),
        ({"s": "ok \ud800"}, ".s", "lone surrogate (U+D800 at position 3)"),
        (["\udfff"], "[0]", "lone surrogate"),
        ([1.0] * 8 + ["\udfff"], "[8]", "lone surrogate"),
    ],
)
def test_refusals_name_the_place_and_the_fault(value, path, words):
    with pytest.raises(ValueInvalidError) as caught:
        normalize(value)
    assert caught.value.path == path
    assert words in str(caught.value)
    assert "Write instead:" in str(caught.value)


def test_refusals_name_the_place_below_a_given_root():
    with pytest.raises(ValueInvalidError) as caught:
        normalize({"a": [UNSET]}, path="args")
    assert caught.value.path == "args.a[0]"
    assert "(at args.a[0])" in str(caught.value)


def test_large_integers_are_told_about_int64():
    with pytest.raises(ValueInvalidError, match=r"Int64\(9007199254740993\)"):
        normalize(NUMBER_MAX + 1)
    assert normalize([NUMBER_MAX, -NUMBER_MAX, Int64(NUMBER_MAX + 1)]) == [NUMBER_MAX, -NUMBER_MAX, NUMBER_MAX + 1]


def nested(levels, *, inside=1):
    value = inside
    for level in range(levels):
        value = {"a": value} if level % 2 else [value]
    return value


@pytest.mark.case("limits/array_too_long")
@pytest.mark.parametrize(
    ("value", "limit", "path"),
    [
        ({"a": [None] * 8193}, "array_length", " (at .a)"),
        ({"a": {f"f{n}": 1 for n in range(1025)}}, "object_fields", " (at .a)"),
        ({"a": {"n" * 1025: 1}}, "field_name_bytes", " (at .a)"),
        (nested(65), "argument_nesting", ".a"),
    ],
)
def test_limits_on_single_values_are_named_with_their_number(value, limit, path):
    with pytest.raises(LimitExceededError) as caught:
        normalize(value)
    assert caught.value.limit == limit
    assert path in str(caught.value)
    assert f"{getattr(Limits(), limit):,}" in str(caught.value)


def test_values_at_their_limits_pass():
    for value in ([None] * 8192, {f"f{n}": 1 for n in range(1024)}, {"n" * 1024: 1}, nested(64)):
        assert normalize(value) == value


def test_limits_may_be_others():
    assert normalize([1] * 9000, limits=Limits(array_length=10_000)) == [1] * 9000
    with pytest.raises(LimitExceededError, match=r"limit array_length: 2"):
        normalize([1, 2, 3], limits=Limits(array_length=2))
    with pytest.raises(LimitExceededError):
        normalize({"abc": 1}, limits=Limits(field_name_bytes=2))


def test_a_value_that_contains_itself_is_too_deep():
    value = {}
    value["a"] = [value]
    with pytest.raises(LimitExceededError, match="contains itself"):
        normalize(value)


@pytest.mark.case("values/top_level_underscore")
@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"_x": 1}, 'field "_x" starts with an underscore, only allowed for system fields'),
        ({"First Name": 1}, '"First Name" cannot be a field of a document'),
        ({"2nd": 1}, '"field_2nd"'),
        ({"": 1}, '"field"'),
        ({"$x": 1}, "reserved"),
        ({5: 1}, "strings as names"),
        ("text", "a document must be an object (a dict), got str 'text'"),
        ([1], "a document must be an object"),
        (None, "a document must be an object"),
        (UNSET, "UNSET is not a value"),
        ({1, 2}, "set is not a supported type"),
    ],
)
def test_documents_have_stricter_names(document, words):
    with pytest.raises(ValueInvalidError) as caught:
        normalize_document(document)
    assert words in str(caught.value)


def test_document_names_have_a_limit_and_system_fields_pass():
    assert normalize_document({"n" * 64: 1, "_id": "x", "_creationTime": 1.0})[0]["_id"] == "x"
    with pytest.raises(LimitExceededError, match="limit identifier_length: 64"):
        normalize_document({"n" * 65: 1})


def test_documents_nest_sixteen_levels_counting_themselves():
    assert normalize_document({"a": nested(15)})[0] == {"a": nested(15)}
    with pytest.raises(LimitExceededError, match="limit document_nesting: 16"):
        normalize_document({"a": nested(16)})


def test_patches_keep_what_is_to_be_removed():
    value = {"a": UNSET, "b": {"c": UNSET}, "d": 1}
    assert normalize_document(value, patch=True)[0] == {"a": UNSET, "b": {}, "d": 1}
    assert normalize_document(value)[0] == {"b": {}, "d": 1}
    assert normalize_document(value, patch=True)[1] == normalize_document(value)[1]
    assert normalize_document(OrderedDict(a=1), patch=True)[0] == {"a": 1}


@pytest.mark.case("limits/size_formula")
def test_sizes_follow_the_formula():
    document = {"a": None, "b": "xy", "c": 1.0, "d": [True]}
    assert size_of(document) == normalize_sized(document)[1] == 27
    assert document_size(document) == 27 + 38 + 23
    assert document_size({"_id": "x" * 32, "_creationTime": 1.0}) == 2 + 4 + 34 + 14 + 9
    sizes = {"é": 4, b"abc": 5, Int64(1): 9, 1: 9, "": 2}
    assert {value: size_of(value) for value in sizes} == sizes
    assert size_of((1, 2)) == 20


def test_paths_are_written_as_one_would_index():
    assert format_path(["a", 0, "b c", ""]) == ".a[0]['b c']['']"


@pytest.mark.parametrize(("name", "instead"), [("größe", '"grosse"'), ("naïveté", '"naivete"'), ("名前", '[{"key"')])
def test_field_name_in_another_alphabet_is_named_with_the_rule_and_what_to_write(name: str, instead: str) -> None:
    with pytest.raises(ValueInvalidError) as caught:
        normalize_document({name: 1})
    assert f"field name '{name}' is not made of printable ASCII characters; rename the field" in str(caught.value)
    assert f"Write instead:  {instead}" in str(caught.value)


def test_array_that_is_too_long_is_to_come_in_batches() -> None:
    with pytest.raises(LimitExceededError, match="Pass them in batches, one call a batch"):
        normalize([1] * 8_193)
