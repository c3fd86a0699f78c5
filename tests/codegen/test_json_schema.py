"""Validators in JSON Schema: nbconvex.codegen.json_schema."""

from __future__ import annotations

import json

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbconvex import Int64
from nbconvex.codegen.json_schema import json_schema
from nbconvex.server.formats import encoded, write_json
from nbconvex.values.validators import v
from tests.values.strategies import matching, validators


@pytest.mark.parametrize(
    ("validator", "schema"),
    [
        (None, {}),
        (v.any(), {}),
        (v.string(), {"type": "string"}),
        (v.id("notes"), {"type": "string", "description": 'The id of a document in "notes".'}),
        (v.literal("a"), {"const": "a"}),
        (v.literal(Int64(5)), {"const": "5"}),
        (v.array(v.null()), {"type": "array", "items": {"type": "null"}}),
        (v.datetime(), {"type": "number", "description": "A time: milliseconds since 1970 UTC."}),
        (v.record(v.string(), v.boolean()), {"type": "object", "additionalProperties": {"type": "boolean"}}),
        (v.union(v.null(), v.string()), {"anyOf": [{"type": "null"}, {"type": "string"}]}),
        (
            v.object({"a": v.string(), "b": v.optional(v.int64())}),
            {
                "type": "object",
                "properties": {"a": {"type": "string"}, "b": {"type": "string", "pattern": "^-?[0-9]+$"}},
                "required": ["a"],
                "additionalProperties": False,
            },
        ),
    ],
)
def test_validator_has_a_schema(validator, schema) -> None:
    assert json_schema(validator) == schema


@given(st.data(), validators)
def test_what_a_validator_lets_through_fits_its_schema(data, validator) -> None:
    value = data.draw(matching(validator))
    jsonschema.validate(json.loads(write_json(encoded(value, "json"))), json_schema(validator))
