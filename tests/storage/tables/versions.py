"""Tables of documents as storage is handed them, made by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from nbconvex.values.codec import encode_document
from nbconvex.values.validators import Validator


class Documents:
    """A version that knows its documents only; a difference to another one is found by comparing all of them."""

    def __init__(self, *documents: dict[str, Any], validator: Validator | None = None) -> None:
        self.name = "t"
        self.validator = validator
        self.by_id = {
            f"id{number}": encode_document({"_id": f"id{number}", "_creationTime": float(number), **fields})
            for number, fields in enumerate(documents)
            if fields is not None
        }

    def __len__(self) -> int:
        return len(self.by_id)

    def is_same(self, other: Documents) -> bool:
        return self.by_id == other.by_id

    def payloads(self) -> Iterator[Sequence[bytes]]:
        yield list(self.by_id.values())

    def differences(self, before: Documents) -> Iterator[tuple[bytes | None, bytes | None]]:
        for key in sorted({*self.by_id, *before.by_id}):
            old, new = before.by_id.get(key), self.by_id.get(key)
            if old != new:
                yield old, new
