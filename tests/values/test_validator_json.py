"""Validators kept as JSON."""

import json

import pytest
from hypothesis import given

from nbconvex.errors import SchemaInvalidError
from nbconvex.values.scalars import Int64
from nbconvex.values.validator_json import validator_from_json
from nbconvex.values.validators import v
from tests.values.strategies import validators


@given(validators)
def test_json_gives_an_equal_validator(validator):
    text = json.dumps(validator.to_json())
    assert validator_from_json(json.loads(text)) == validator
    assert validator_from_json(json.loads(json.dumps(v.optional(validator).to_json()))) == v.optional(validator)


def test_json_is_the_form_of_the_platform():
    shape = v.object(
        {
            "s": v.string(),
            "n": v.optional(v.number()),
            "i": v.int64(),
            "u": v.id("users"),
            "l": v.literal(Int64(1)),
            "a": v.array(v.null()),
            "r": v.record(v.string(), v.boolean()),
        }
    )
    assert shape.to_json() == {
        "type": "object",
        "value": {
            "s": {"fieldType": {"type": "string"}, "optional": False},
            "n": {"fieldType": {"type": "number"}, "optional": True},
            "i": {"fieldType": {"type": "bigint"}, "optional": False},
            "u": {"fieldType": {"type": "id", "tableName": "users"}, "optional": False},
            "l": {"fieldType": {"type": "literal", "value": {"$integer": "AQAAAAAAAAA="}}, "optional": False},
            "a": {"fieldType": {"type": "array", "value": {"type": "null"}}, "optional": False},
            "r": {
                "fieldType": {
                    "type": "record",
                    "keys": {"type": "string"},
                    "values": {"fieldType": {"type": "boolean"}, "optional": False},
                },
                "optional": False,
            },
        },
    }


@pytest.mark.parametrize("tree", [{}, {"type": "date"}, {"type": "array"}, [], None, {"type": "object", "value": []}])
def test_other_json_is_refused(tree):
    with pytest.raises(SchemaInvalidError, match="not a validator in JSON"):
        validator_from_json(tree)
