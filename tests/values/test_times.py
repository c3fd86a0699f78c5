"""Times in values: where numbers become datetimes, and where they do not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from nbconvex.errors import SchemaInvalidError
from nbconvex.values.annotations import validator_from_annotation
from nbconvex.values.schema_diff import is_superset
from nbconvex.values.times import has_times, times_of
from nbconvex.values.validator_json import validator_from_json
from nbconvex.values.validator_report import ValidationProblem
from nbconvex.values.validators import Validator, v

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
MS = 1_769_860_800_000.0

NESTED = v.object({
    "at": v.datetime(),
    "maybe": v.optional(v.nullable(v.datetime())),
    "all": v.array(v.datetime()),
    "by": v.record(v.string(), v.datetime()),
    "in": v.object({"at": v.datetime(), "n": v.number()}, rest=v.datetime()),
    "n": v.number(),
    "any": v.any(),
})  # fmt: skip
PLAIN = {
    "at": MS, "maybe": None, "all": [MS, MS], "by": {"a": MS}, "in": {"at": MS, "n": MS, "more": MS}, "n": MS,
    "any": MS,
}  # fmt: skip
TIMED = {
    "at": NOON, "maybe": None, "all": [NOON, NOON], "by": {"a": NOON}, "in": {"at": NOON, "n": MS, "more": NOON},
    "n": MS, "any": MS,
}  # fmt: skip
BY_KIND = v.union(
    v.object({"kind": v.literal("moment"), "at": v.datetime()}),
    v.object({"kind": v.literal("count"), "at": v.number()}),
)


@pytest.mark.parametrize(
    ("validator", "plain", "timed"),
    [
        (v.datetime(), MS, NOON),
        (v.nullable(v.datetime()), None, None),
        (v.union(v.string(), v.datetime()), "x", "x"),
        (v.union(v.string(), v.int64(), v.union(v.null(), v.datetime())), MS, NOON),
        (NESTED, PLAIN, TIMED),
        (BY_KIND, {"kind": "moment", "at": MS}, {"kind": "moment", "at": NOON}),
        (BY_KIND, {"kind": "count", "at": MS}, {"kind": "count", "at": MS}),
        (v.union(v.array(v.datetime()), v.array(v.string())), [MS], [NOON]),
        (v.union(v.array(v.datetime()), v.array(v.string())), ["a"], ["a"]),
    ],
)
def test_times_come_and_go(validator: Validator, plain: Any, timed: Any) -> None:
    times = times_of(validator)
    assert times is not None
    assert times.to_python(plain) == timed
    assert times.to_plain(timed) == plain
    assert times.to_plain(plain) == plain
    assert validator.check(plain) == plain


def test_nothing_is_changed_in_place() -> None:
    times = times_of(NESTED)
    assert times is not None
    plain, timed = {**PLAIN}, {**TIMED}
    times.to_python(plain)
    times.to_plain(timed)
    assert (plain, timed) == (PLAIN, TIMED)


@pytest.mark.parametrize("value", [1e300, float("nan"), "x", None, [1.0], {}])
def test_what_is_no_time_is_left_alone_and_refused_by_the_validator(value: Any) -> None:
    times = times_of(v.datetime())
    assert times is not None
    assert times.to_python(value) is value
    assert times.to_plain(value) is value
    with pytest.raises(ValidationProblem, match=r"v\.datetime\(\)"):
        v.datetime().check(value)


def test_a_whole_number_is_a_time_too_and_is_stored_as_a_float() -> None:
    checked = v.object({"at": v.datetime()}).check({"at": 5})
    assert type(checked["at"]) is float
    union = v.union(v.int64(), v.datetime())
    assert type(union.check(5)) is float


@pytest.mark.parametrize("other", [v.number(), v.integer(), v.literal(5), v.any(), v.nullable(v.number())])
def test_a_union_of_times_and_numbers_is_refused(other: Validator) -> None:
    with pytest.raises(SchemaInvalidError, match="a stored number could be either"):
        v.union(v.datetime(), other)
    with pytest.raises(SchemaInvalidError, match="a stored number could be either"):
        v.union(v.null(), v.union(v.string(), v.datetime()), other)


def test_the_validator_has_a_source_a_json_form_and_an_annotation() -> None:
    assert str(v.datetime()) == "v.datetime()"
    assert v.datetime().kind == "datetime"
    for validator in (v.datetime(), NESTED, v.nullable(v.datetime())):
        assert validator_from_json(validator.to_json()) == validator
    # Another reader of the JSON takes it for what it is to him: a number.
    assert v.datetime().to_json()["type"] == "number"
    assert v.datetime() != v.number()
    assert validator_from_annotation(datetime | None) == v.nullable(v.datetime())
    assert validator_from_annotation(list[datetime]) == v.array(v.datetime())


def test_which_tables_a_new_schema_looks_through() -> None:
    assert is_superset(v.number(), v.datetime())
    assert not is_superset(v.datetime(), v.number())
    assert is_superset(v.nullable(v.datetime()), v.datetime())


def test_validators_without_times_have_none() -> None:
    for validator in (v.number(), v.object({"a": v.any()}), v.array(v.string()), v.union(v.number(), v.null())):
        assert not has_times(validator)
        assert times_of(validator) is None
    assert times_of(None) is None


def test_only_unions_of_containers_need_the_whole_value() -> None:
    assert not times_of(NESTED).is_by_shape  # type: ignore[union-attr]
    assert not times_of(v.nullable(v.datetime())).is_by_shape  # type: ignore[union-attr]
    assert times_of(BY_KIND).is_by_shape  # type: ignore[union-attr]
    assert times_of(v.object({"what": v.array(BY_KIND)})).is_by_shape  # type: ignore[union-attr]
