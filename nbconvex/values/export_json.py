"""The JSON of snapshots, in which the decimal point is the type.

Owns:  `export_json`, documents as they are written into a snapshot; `from_export_json`, and back.
Must not know: what a snapshot consists of.
Invariants: `from_export_json` of what was written is an equal value. A number without a fraction that was an int comes
back as a float, which is the same number; 64-bit integers come back as such.
Threads: pure functions.
Source: wire-protocol 2.3 (`export_json`), 7.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from nbconvex.errors import ValueInvalidError
from nbconvex.values.codec import from_json, to_json
from nbconvex.values.scalars import Int64

_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1
_PLAIN = frozenset({str, bool, type(None)})

_write: Callable[[Any], bytes] = msgspec.json.Encoder(order="sorted").encode


def export_json(value: Any) -> bytes:
    """A normalized value as text: keys sorted, 64-bit integers as JSON integers, other numbers with a point."""
    return _write(_tree(value))


def _tree(value: Any) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is dict:
        return {name: item if type(item) is str else _tree(item) for name, item in value.items()}
    if kind is list:
        return [_tree(item) for item in value]
    if kind is Int64:
        return value.value
    return to_json(value)


def from_export_json(tree: Any) -> Any:
    """The value of a tree that was read from such text.

    Raises:  ValueInvalidError for an integer that 64 bits do not hold, for unknown `$` keys, for damaged wrappers;
             RecursionError for what is nested too deep.
    """
    kind = type(tree)
    if kind is str or kind is float or kind in _PLAIN:
        return tree
    if kind is int:
        if not _INT64_MIN <= tree <= _INT64_MAX:
            raise ValueInvalidError("an integer is beyond 64 bits")
        return Int64(tree)
    if kind is list:
        return [from_export_json(item) for item in tree]
    value = {}
    for name, item in tree.items():
        if name[:1] == "$":
            # A wrapper, or what `from_json` has words for.
            return from_json(tree)
        value[name] = item if type(item) is str else from_export_json(item)
    return value


def from_plain_json(tree: Any) -> Any:
    """The value of a tree that nobody says is of a snapshot: every number is a float64, nothing is a wrapper."""
    kind = type(tree)
    if kind is int:
        try:
            return float(tree)
        except OverflowError:
            raise ValueInvalidError("a number is beyond float64") from None
    if kind is list:
        return [from_plain_json(item) for item in tree]
    if kind is dict:
        return {name: from_plain_json(item) for name, item in tree.items()}
    return tree
