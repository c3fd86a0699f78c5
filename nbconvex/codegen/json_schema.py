"""What a validator is in JSON Schema.

Owns:  the schema of every validator, for values as the format "json" of the function API has them.
Must not know: functions, endpoints, files.
Invariant: what a validator lets through, written as JSON, fits its schema.
Threads: pure functions.
Source: JSON Schema 2020-12; wire-protocol 2.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nbconvex.values.scalars import Int64
from nbconvex.values.validators import (
    ArrayValidator,
    IdValidator,
    LiteralValidator,
    ObjectValidator,
    RecordValidator,
    SimpleValidator,
    UnionValidator,
    Validator,
)

Schema = dict[str, Any]

_SIMPLE: Final[Mapping[str, Schema]] = {
    "null": {"type": "null"},
    # Special floats are texts there.
    "float64": {"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]},
    "int64": {"type": "string", "pattern": "^-?[0-9]+$"},
    "datetime": {"type": "number", "description": "A time: milliseconds since 1970 UTC."},
    "boolean": {"type": "boolean"},
    "string": {"type": "string"},
    "bytes": {"type": "string", "contentEncoding": "base64"},
    "any": {},
}


def json_schema(validator: Validator | None) -> Schema:
    """The schema of what a validator accepts; of anything for None."""
    match validator:
        case None:
            return {}
        case SimpleValidator(name=name):
            return dict(_SIMPLE[name])
        case IdValidator(table_name=table_name):
            return {"type": "string", "description": f'The id of a document in "{table_name}".'}
        case LiteralValidator(value=value):
            return {"const": str(value.value) if isinstance(value, Int64) else value}
        case ArrayValidator(element=element):
            return {"type": "array", "items": json_schema(element)}
        case RecordValidator(value=inner):
            return {"type": "object", "additionalProperties": json_schema(inner)}
        case UnionValidator(members=members):
            return {"anyOf": [json_schema(each) for each in members]} if members else {"not": {}}
        case ObjectValidator(fields=fields, rest=rest):
            return {
                "type": "object",
                "properties": {name: json_schema(item) for name, item in fields.items()},
                "required": [name for name, item in fields.items() if not item.is_optional],
                "additionalProperties": False if rest is None else json_schema(rest),
            }
        case _:
            raise AssertionError(f"a validator of a kind without a schema: {validator!r}")
