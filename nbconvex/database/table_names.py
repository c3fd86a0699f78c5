"""The names of tables by number, as a transaction or a snapshot sees them.

Owns:  `TablesOf`.
Must not know: what asks for a name; it is what validators of ids look at.
Threads: belongs to its transaction; that of a snapshot may be used by any.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbconvex.database.snapshot import Snapshot
    from nbconvex.database.transaction import Transaction


class TablesOf(Mapping[int, str]):
    """Table names by number, those that the transaction created itself included."""

    __slots__ = ("_seen_by",)

    def __init__(self, seen_by: Transaction | Snapshot) -> None:
        self._seen_by = seen_by

    def get(self, number: int, default: Any = None, /) -> Any:
        """The name of a table, or `default`."""
        return self._seen_by.table_name(number) or default

    def __getitem__(self, number: int) -> str:
        name = self._seen_by.table_name(number)
        if name is None:
            raise KeyError(number)
        return name

    def __iter__(self) -> Iterator[int]:
        return iter(self._seen_by.layout)

    def __len__(self) -> int:
        return len(self._seen_by.layout)
