"""Whether columns are fields of documents that all fit: one look at each column, instead of one at each document.

Owns:  `fit`.
Must not know: what is wrong with a column that does not fit; what becomes of those that do.
Invariant: where it says yes, each document would pass its checks as it is, and nothing would be converted or filled in.
Threads: pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from nbconvex.database.active_schema import ActiveSchema
from nbconvex.errors import NbconvexError
from nbconvex.limits import Limits
from nbconvex.values.normalization import SYSTEM_FIELDS_BYTES, normalize_document
from nbconvex.values.scalars import NUMBER_MAX, Int64
from nbconvex.values.validator_check import exact_types
from nbconvex.values.validators import ObjectValidator

_PLAIN: Final = frozenset({type(None), bool, int, float, str, bytes, Int64})
_SYSTEM_FIELDS: Final = frozenset({"_id", "_creationTime"})
_NUMBER_BYTES: Final = 9
#: UTF-8 has no more for a character.
_CHARACTER_BYTES: Final = 4


def fit(
    schema: ActiveSchema | None, table: str, names: tuple[str, ...], columns: Sequence[Sequence[Any]], limits: Limits
) -> bool:
    """Whether documents with these fields, a column each, are certain to fit into a table as they are."""
    if not columns or not columns[0] or not _SYSTEM_FIELDS.isdisjoint(names):
        return False
    allowed = _allowed(schema, table, names)
    if allowed is None or not _are_names(names, limits):
        return False
    size = 2 + SYSTEM_FIELDS_BYTES
    for name, column in zip(names, columns, strict=True):
        kinds = frozenset(map(type, column))
        if not kinds <= allowed[name]:
            return False
        largest = _largest(column, kinds)
        if largest is None:
            return False
        size += len(name) + 1 + largest
    return size <= limits.document_bytes


def _allowed(schema: ActiveSchema | None, table: str, names: tuple[str, ...]) -> Mapping[str, frozenset[type]] | None:
    """The types that each field may have without another look; None where documents have to be looked at."""
    if schema is None or table not in schema.checks:
        return dict.fromkeys(names, _PLAIN)
    validator = schema.definition.tables[table].validator
    if not isinstance(validator, ObjectValidator) or validator.rest is not None or table in schema.fills:
        return None
    fields = validator.fields
    if any(name not in fields for name in names):
        return None
    if any(not field.is_optional and name not in names for name, field in fields.items()):
        return None
    return {name: exact_types(fields[name]) & _PLAIN for name in names}


def _are_names(names: tuple[str, ...], limits: Limits) -> bool:
    try:
        normalize_document(dict.fromkeys(names), limits=limits)
    except NbconvexError:
        return False
    return True


def _largest(column: Sequence[Any], kinds: frozenset[type]) -> int | None:
    """The size of the largest value of a column, or more; None where there is one that is none."""
    largest = _NUMBER_BYTES
    if int in kinds:
        whole = column if len(kinds) == 1 else [cell for cell in column if type(cell) is int]
        if min(whole) < -NUMBER_MAX or max(whole) > NUMBER_MAX:
            return None
    if str in kinds:
        texts = column if len(kinds) == 1 else [cell for cell in column if type(cell) is str]
        longest = max(map(len, texts))
        joined = "".join(texts)
        if not joined.isascii():
            longest *= _CHARACTER_BYTES
            try:
                joined.encode()
            except UnicodeEncodeError:  # a lone surrogate
                return None
        largest = max(largest, 2 + longest)
    if bytes in kinds:
        largest = max(largest, 2 + max(len(cell) for cell in column if type(cell) is bytes))
    return largest
