"""Whether references hold after a load: each names a document that is there, loaded or present.

Owns:  `require_references`.
Must not know: how a load is committed; what follows from a deletion, which a load does not bring about.
Invariant: pure functions of loads and a snapshot; only references that are kept (`on_delete`) are looked at.
Threads: any.
Source: ADR 15, ADR 16.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from nbconvex.database.snapshot import Snapshot
from nbconvex.database.table_load import TableLoad
from nbconvex.errors import ReferenceViolatedError, ValueInvalidError
from nbconvex.values.codec import decode_document
from nbconvex.values.ids import decode_id, encode_id
from nbconvex.values.references import Reference
from nbconvex.values.sort_key import field_value

_IsThere = Callable[[bytes], bool]


def require_references(loads: Mapping[str, TableLoad], base: Snapshot) -> None:
    """Refuse loads after which a document would refer to one that is not there.

    Raises:  ReferenceViolatedError.
    """
    rules = {} if base.schema is None else base.schema.rules
    if not rules:
        return
    for load in loads.values():
        if load.name not in rules:
            continue
        for reference in rules[load.name].refers:
            _require(reference, (payload for _, payload in load.rows()), loads, base)
        if load.mode == "replace":
            for reference in rules[load.name].referred:
                _require(reference, _staying(reference.table, loads, base), loads, base)


def _staying(table: str, loads: Mapping[str, TableLoad], base: Snapshot) -> Iterator[bytes]:
    """The documents of a table that a load leaves where they are."""
    present = base.table(table)
    if present is not None and (table not in loads or loads[table].mode == "append"):
        for _, payload in present.documents.entries():
            yield payload


def _require(reference: Reference, payloads: Iterable[bytes], loads: Mapping[str, TableLoad], base: Snapshot) -> None:
    is_there: _IsThere | None = None
    target = loads.get(reference.target)
    number = base.numbers.get(reference.target) if target is None else target.number
    first: tuple[str, str] | None = None
    count = 0
    for payload in payloads:
        document = decode_document(payload)
        internal = _referred(field_value(document, reference.path), number)
        if internal is None:
            continue
        is_there = is_there or _looked_up(reference.target, loads, base)
        if not is_there(internal):
            count += 1
            first = first or (document["_id"], field_value(document, reference.path))
    if first is not None:
        others = f" So do {count - 1:,} others, to it or to others." if count > 1 else ""
        raise ReferenceViolatedError(
            f'the document with ID "{first[0]}" of table "{reference.table}" refers by its field "{reference.path}" to '
            f'the document with ID "{first[1]}", and table "{reference.target}" would have none with this ID.{others} '
            "Import both tables at once, or that one first.",
            table=reference.table, field=reference.path, document_id=first[1], referrer_id=first[0], count=count,
        )  # fmt: skip


def _referred(value: Any, number: int | None) -> bytes | None:
    """The internal id in a value, if it is one of the table with that number."""
    if type(value) is not str:
        return None
    try:
        found, internal = decode_id(value)
    except ValueInvalidError:
        return None  # documents of this table are not validated
    return internal if found == number else None


def _looked_up(table: str, loads: Mapping[str, TableLoad], base: Snapshot) -> _IsThere:
    """Whether a table will have a document of an internal id."""
    load, present = loads.get(table), base.table(table)
    loaded = frozenset() if load is None else frozenset(internal for internal, _ in load.rows())
    if present is None or (load is not None and load.mode == "replace"):
        return loaded.__contains__
    documents, number = present.documents, present.number
    return lambda internal: internal in loaded or documents.get(encode_id(number, internal).encode("ascii")) is not None
