"""The names of tables by number, as a transaction sees them.

Owns:  `TablesOf`.
Must not know: what asks for a name; it is what validators of ids look at.
Threads: belongs to its transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbconvex.database.transaction import Transaction


class TablesOf(Mapping[int, str]):
    """Table names by number, those that the transaction created itself included."""

    __slots__ = ("_transaction",)

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def get(self, number: int, default: Any = None, /) -> Any:
        """The name of a table, or `default`."""
        return self._transaction.table_name(number) or default

    def __getitem__(self, number: int) -> str:
        name = self._transaction.table_name(number)
        if name is None:
            raise KeyError(number)
        return name

    def __iter__(self) -> Iterator[int]:
        return iter(self._transaction.snapshot.layout)

    def __len__(self) -> int:
        return len(self._transaction.snapshot.layout)
