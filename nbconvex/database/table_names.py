"""The names of tables by their numbers, as one transaction sees them.

Owns:  `TablesOf`.
Must not know: what the names are needed for.
Threads: the transaction's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbconvex.database.transaction import Transaction


class TablesOf(Mapping[int, str]):
    """The names of tables by number, those that the transaction created itself included."""

    __slots__ = ("_tx",)

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def get(self, number: int, default: Any = None, /) -> Any:
        """The name of a table, or `default`."""
        return self._tx.table_name(number) or default

    def __getitem__(self, number: int) -> str:
        name = self._tx.table_name(number)
        if name is None:
            raise KeyError(number)
        return name

    def __iter__(self) -> Iterator[int]:
        return iter(self._tx.snapshot.layout)

    def __len__(self) -> int:
        return len(self._tx.snapshot.layout)
