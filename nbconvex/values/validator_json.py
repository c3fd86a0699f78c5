"""Validators from JSON, as they are kept with the schema.

Owns:  the reading of what `Validator.to_json` writes.
Must not know: where the JSON was kept.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from nbconvex.errors import SchemaInvalidError
from nbconvex.values.codec import from_json
from nbconvex.values.defaults import Default
from nbconvex.values.validators import Validator, v

_SIMPLE = {
    "null": v.null,
    "number": v.number,
    "bigint": v.int64,
    "boolean": v.boolean,
    "string": v.string,
    "bytes": v.bytes,
    "any": v.any,
}


def validator_from_json(tree: Mapping[str, Any]) -> Validator:
    """The validator that `tree` was written from.

    Raises:  SchemaInvalidError for what `to_json` cannot have written.
    """
    try:
        return _read(tree)
    except (KeyError, TypeError, AttributeError) as error:
        raise SchemaInvalidError(f"this is not a validator in JSON: {tree!r:.200}") from error


def _read(tree: Mapping[str, Any]) -> Validator:
    validator = _read_bare(tree)
    default = tree.get("default")
    return validator if default is None else dataclasses.replace(validator, default=Default.from_json(default))


def _read_bare(tree: Mapping[str, Any]) -> Validator:
    kind = tree["type"]
    match kind:
        case "number" if tree.get("whole"):
            return v.integer()
        case "number" if tree.get("datetime"):
            return v.datetime()
        case "optional":
            return v.optional(_read(tree["value"]))
        case "id":
            return v.id(tree["tableName"], on_delete=tree.get("onDelete"))
        case "literal":
            return v.literal(from_json(tree["value"]))
        case "array":
            return v.array(_read(tree["value"]))
        case "object":
            fields = {name: _read_field(item) for name, item in tree["value"].items()}
            rest = tree.get("rest")
            return v.object(fields, rest=None if rest is None else _read(rest))
        case "record":
            return v.record(_read(tree["keys"]), _read_field(tree["values"]))
        case "union":
            return v.union(*map(_read, tree["value"]))
        case _:
            return _SIMPLE[kind]()


def _read_field(tree: Mapping[str, Any]) -> Validator:
    validator = _read(tree["fieldType"])
    return validator.optional() if tree["optional"] else validator
