"""What follows from a deletion: documents that go with it, and documents that lose a reference.

Owns:  `Consequences`, the plan of it all.
Must not know: how a document is found or written.
Invariants: planned as a whole before anything is written, so that a deletion which may not be leaves nothing behind.
Breadth first, each document once: references may go round in circles. What is deleted with the first document keeps
nobody from deleting it.
Threads: pure functions.
Source: ADR 15.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nbconvex.database.write_rules import TableRules
from nbconvex.database.writes import Document
from nbconvex.errors import ReferenceViolatedError
from nbconvex.values.codec import decode_document
from nbconvex.values.references import Reference
from nbconvex.values.scalars import UNSET

#: Who refers to a document, through one reference: the payloads.
Referrers = Callable[[Reference, str], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class Follower:
    """A document that a deletion concerns. `after` is what it becomes; None: it goes too."""

    table: str
    payload: bytes
    document: Document
    after: Document | None


@dataclass(slots=True)
class Consequences:
    """Everything that one deletion brings about, by id; those that go stand in the order in which they were found."""

    gone: dict[str, Follower] = field(default_factory=dict)
    changed: dict[str, Follower] = field(default_factory=dict)

    @property
    def followers(self) -> list[Follower]:
        """All of them."""
        return [*self.gone.values(), *self.changed.values()]


def consequences_of(
    table: str, document_id: str, rules: Mapping[str, TableRules], referrers: Referrers
) -> Consequences:
    """What follows from deleting a document.

    Raises:  ReferenceViolatedError where a document with `on_delete="restrict"` refers to one that would go.
    """
    found = Consequences()
    held: dict[Reference, dict[str, str]] = {}
    waiting = deque([(table, document_id)])
    while waiting:
        name, target = waiting.popleft()
        own = rules.get(name)
        for reference in own.referred if own is not None else ():
            for payload in referrers(reference, target):
                document = decode_document(payload)
                follower = document["_id"]
                if follower in found.gone or follower == document_id:
                    continue
                if reference.on_delete == "cascade":
                    found.gone[follower] = Follower(reference.table, payload, document, None)
                    waiting.append((reference.table, follower))
                elif reference.on_delete == "restrict":
                    held.setdefault(reference, {})[follower] = target
                else:
                    known = found.changed.get(follower)
                    before = document if known is None or known.after is None else known.after
                    after = _with(before, reference.path.split("."), reference.becomes)
                    found.changed[follower] = Follower(reference.table, payload, document, after)
    for follower in found.gone:
        found.changed.pop(follower, None)
    _require_free(held, found)
    return found


def _require_free(held: Mapping[Reference, Mapping[str, str]], found: Consequences) -> None:
    for reference, followers in held.items():
        left = {follower: target for follower, target in followers.items() if follower not in found.gone}
        if left:
            follower, target = next(iter(left.items()))
            count = len(left)
            documents = "1 document refers" if count == 1 else f"{count:,} documents refer"
            raise ReferenceViolatedError(
                f'Failed to delete the document with ID "{target}" from table "{reference.target}": {documents} to it '
                f'in "{reference.table}.{reference.path}", with on_delete="restrict" (the first has ID "{follower}"). '
                "Delete those first, or let them refer to another one.",
                table=reference.table, field=reference.path, document_id=target, referrer_id=follower, count=count,
            )  # fmt: skip


def _with(document: Mapping[str, Any], steps: list[str], value: Any) -> Document:
    """A document with another value at a path, as a copy along it; UNSET takes the field out."""
    [step, *rest] = steps
    changed = dict(document)
    if rest:
        changed[step] = _with(changed[step], rest, value)
    elif value is UNSET:
        del changed[step]
    else:
        changed[step] = value
    return changed
