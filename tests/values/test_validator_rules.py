"""What validators may be made of."""

from __future__ import annotations

import pytest

from nbconvex.errors import SchemaInvalidError
from nbconvex.values.validator_rules import record_key, refuse_mixed_times
from nbconvex.values.validators import Validator, v

IDS = v.union(v.id("a"), v.id("b"))
KEYS = [v.string(), v.id("users"), v.union(v.string(), v.id("users")), v.union(IDS, v.string())]


@pytest.mark.parametrize("validator", KEYS)
def test_a_key_is_a_string_or_an_id(validator: Validator) -> None:
    assert record_key(validator) is validator
    assert v.record(validator, v.any()).kind == "record"


@pytest.mark.parametrize("validator", [v.number(), v.literal("x"), v.union(v.string(), v.union(v.id("a"), v.null()))])
def test_nothing_else_is_a_key(validator: Validator) -> None:
    with pytest.raises(SchemaInvalidError, match=r"key of v\.record must be"):
        record_key(validator)
    with pytest.raises(SchemaInvalidError, match=r"key of v\.record must be"):
        v.record(validator, v.any())


def test_times_stand_beside_everything_but_numbers() -> None:
    others = [v.null(), v.string(), v.int64(), v.boolean(), v.literal("5"), v.literal(True), v.array(v.number())]
    refuse_mixed_times([v.datetime(), *others])
    refuse_mixed_times([v.number(), *others])
    with pytest.raises(SchemaInvalidError, match="could be either"):
        refuse_mixed_times([v.datetime(), *others, v.literal(5)])
