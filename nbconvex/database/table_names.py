"""The names of tables by number, as a transaction or a snapshot sees them; which names may be asked for where.

Owns:  `TablesOf`, `require_accessor`.
Must not know: what asks for a name; it is what validators of ids look at.
Threads: belongs to its transaction; that of a snapshot may be used by any.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from nbconvex.database.system_tables import VISIBLE_SYSTEM_TABLES
from nbconvex.errors import CallerError, NotAllowedError

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


def require_accessor(table: Any, *, system: bool) -> None:
    """Refuse a name that is no table's, or is asked for in the wrong place.

    Raises:  CallerError, NotAllowedError.
    """
    if not isinstance(table, str):
        raise CallerError(f"a table is named by a string, got {type(table).__name__}.", hint='ctx.db.query("messages")')
    if system and table not in VISIBLE_SYSTEM_TABLES:
        if table.startswith("_"):
            raise NotAllowedError(f"no system table {table!r}; there are {', '.join(sorted(VISIBLE_SYSTEM_TABLES))}.")
        raise NotAllowedError(
            f'db.system reads system tables only; "{table}" is a user table.', hint=f'ctx.db.query("{table}")'
        )
    if not system and table.startswith("_"):
        raise NotAllowedError(
            f'the system table "{table}" can be read through db.system only.',
            hint=f'ctx.db.system.query("{table}")',
        )
