"""The formats in which clients may ask for values.

Owns:  `FORMATS`, `write_json`.
Must not know: HTTP, functions.
Invariant: JSON is written without spaces, with sorted keys, and a float64 always with a point or an exponent: the
official Python client refuses anything else. Source: wire-protocol 0.1, 2.1, 2.3.
Threads: pure.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from nbconvex.errors import ValueInvalidError
from nbconvex.values.codec import normalize, to_json
from nbconvex.values.moments import without_times
from nbconvex.values.scalars import Int64

_write = msgspec.json.Encoder(order="sorted").encode


def write_json(tree: Any) -> bytes:
    """A tree as JSON text."""
    return _write(tree)


def clean_json(value: Any) -> Any:
    """A value as plain JSON, with losses: 64-bit integers, bytes and special floats become text."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return _mapped(value, clean_json, str)


def export_json(value: Any) -> Any:
    """A value as in snapshots: 64-bit integers as JSON integers, everything else as the lossless format has it."""
    return _mapped(value, export_json, int)


def _mapped(value: Any, inner: Callable[[Any], Any], integer: Callable[[int], Any]) -> Any:
    kind = type(value)
    if kind is dict:
        return {name: inner(item) for name, item in value.items()}
    if kind is list:
        return [inner(item) for item in value]
    if kind is Int64:
        return integer(value.value)
    if inner is clean_json:
        if kind is bytes:
            return base64.b64encode(value).decode()
        if kind is float:
            return value
    return to_json(value)


#: What clients may ask for, by name. Source: wire-protocol 2.3.
FORMATS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "convex_encoded_json": to_json,
    "convex_json": to_json,
    "json": clean_json,
    "convex_clean_json": clean_json,
    "export_json": export_json,
}


def encoded(value: Any, format_name: str) -> Any:
    """A value as a tree for JSON in one of `FORMATS`.

    Raises:  ValueInvalidError for what is no value, as the data of an error may be.
    """
    try:
        return FORMATS[format_name](normalize(value))
    except ValueInvalidError:
        # Times in a result are what they are in the store: numbers.
        return FORMATS[format_name](normalize(without_times(value)))
