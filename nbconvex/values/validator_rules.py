"""What validators may be made of, where that takes more than one of them to say.

Owns:  the rules for keys of records, and for times in unions.
Must not know: how validators are made or checked; it looks at their kinds.
Threads: pure functions.
Source: semantics 2.2.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from nbconvex.errors import SchemaInvalidError

if TYPE_CHECKING:
    from nbconvex.values.validators import Validator


def record_key(validator: Validator) -> Validator:
    """The same validator, known to be one of keys: of strings, of ids, or a union of those.

    Raises:  SchemaInvalidError.
    """
    for member in _members(validator):
        if member.kind == "union":
            record_key(member)
        elif member.kind not in {"string", "id"}:
            cure = " For fixed keys write v.object({...})." if member.kind == "literal" else ""
            raise SchemaInvalidError(
                f"the key of v.record must be v.string(), v.id(...) or a union of them, got {member}.{cure}"
            )
    return validator


def refuse_mixed_times(members: Iterable[Validator]) -> None:
    """Refuse a union in which a stored number may be a time or not.

    Raises:  SchemaInvalidError.
    """
    flat = [each for member in members for each in _members(member)]
    if any(each.kind == "datetime" for each in flat):
        for each in flat:
            if each.kind in {"float64", "any"} or type(getattr(each, "value", None)) in {int, float}:
                raise SchemaInvalidError(
                    f"a union cannot have both v.datetime() and {each}: a stored number could be either of them"
                )


def _members(validator: Validator) -> Iterable[Any]:
    members: Iterable[Any] = getattr(validator, "members", (validator,))
    return members
