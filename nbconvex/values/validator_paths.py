"""What a validator says about the fields of a document: which there can be, and what one of them holds.

Owns:  `known_paths`, `validators_at`.
Must not know: documents.
Invariants: an answer covers every document that the validator lets through; where it lets through any field, nothing is
known.
Threads: pure functions.
"""

from __future__ import annotations

from nbconvex.values.validators import ObjectValidator, UnionValidator, Validator


def known_paths(validator: Validator, path: str) -> set[str] | None:
    """The paths that there can be as far down as `path` goes; None where any may stand there."""
    found: set[str] = set()
    return found if _gather(validator, "", path, found) else None


def _gather(validator: Validator, at: str, path: str, found: set[str]) -> bool:
    if isinstance(validator, UnionValidator):
        return all(_gather(member, at, path, found) for member in validator.members)
    if isinstance(validator, ObjectValidator):
        if validator.rest is not None and not _is_named(validator, at, path):
            return False
        is_known = True
        for name, item in validator.fields.items():
            found.add(at + name)
            if path.startswith(f"{at}{name}."):
                is_known = _gather(item, f"{at}{name}.", path, found) and is_known
        return is_known
    # Keys of records and what may stand in `any` are not known. Of other values there is nothing inside.
    return validator.kind not in {"record", "any"}


def _is_named(validator: ObjectValidator, at: str, path: str) -> bool:
    return path[len(at) :].partition(".")[0] in validator.fields


def validators_at(validator: Validator | None, path: str) -> tuple[Validator, ...] | None:
    """What may stand at a path, unions taken apart; None where anything may."""
    if validator is None:
        return None
    if isinstance(validator, UnionValidator):
        parts = [validators_at(member, path) for member in validator.members]
        return None if None in parts else tuple(each for part in parts if part is not None for each in part)
    if not path:
        return None if validator.kind == "any" else (validator,)
    first, _, rest = path.partition(".")
    if isinstance(validator, ObjectValidator):
        item = validator.fields.get(first, validator.rest)
        return () if item is None else validators_at(item, rest)
    return None if validator.kind in {"record", "any"} else ()
