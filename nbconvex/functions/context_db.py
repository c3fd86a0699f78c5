"""What user code holds as `ctx.db`.

Owns:  `DatabaseReader`, `DatabaseWriter` and their scoped forms; the positional spellings of Convex.
Must not know: how documents are found or written; that is the transaction's.
Invariant: when the call ends its transaction is taken away, so that a ctx that was kept cannot be used.
Threads: belongs to its run.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn

from nbconvex.errors import CallerError, NotAvailableError
from nbconvex.functions import sql, teaching

if TYPE_CHECKING:
    from nbconvex.database.query import Query
    from nbconvex.database.transaction import Transaction

Document = dict[str, Any]

_MISSING: Any = object()
_READS = ("get", "query", "normalize_id", "sql", "table", "system")
_WRITES = ("insert", "patch", "replace", "delete")


class _Ended:
    """Stands for the transaction of a call that is over."""

    __slots__ = ("_path",)

    def __init__(self, path: str) -> None:
        self._path = path

    if not TYPE_CHECKING:  # to a type checker any name would look right

        def __getattr__(self, name: str) -> NoReturn:
            raise teaching.ended(self._path)


# The calls of one function end in the same way.
_ended = lru_cache(maxsize=1_024)(_Ended)


class DatabaseReader:
    """`ctx.db` of a query. Everything answers at once, from memory; documents are copies.

    Raises:  every method may raise CallerError and LimitExceededError.
    """

    __slots__ = ("_path", "_tx")

    def __init__(self, tx: Transaction, path: str) -> None:
        self._tx = tx
        self._path = path

    def get(self, table_or_id: str = _MISSING, id: str = _MISSING, /) -> Document | None:
        """The document, or None: `get(id)` or `get("table", id)`."""
        if id is _MISSING:
            if table_or_id is _MISSING:
                raise _missing_argument(1, "id", "get")
            return self._tx.get(table_or_id)
        return self._tx.get(id, table=table_or_id)

    def query(self, table: str = _MISSING, /) -> Query:
        """The documents of a table, to be narrowed, ordered and consumed."""
        if table is _MISSING:
            raise _missing_argument(1, "table", "query")
        return self._tx.query(table)

    def normalize_id(self, table: str, text: str, /) -> str | None:
        """The id, if `text` is an id of `table`; whether such a document exists is not asked."""
        return self._tx.normalize_id(table, text)

    def sql(self, text: str, /, **parameters: Any) -> list[Document]:
        """The answer to one SELECT, a dict a row; `$name` in it is a parameter. Follows every table it reads.

        Raises:  SqlInvalidError; LimitExceededError for what is too much or takes too long.
        """
        return sql.ask(self._tx, text, parameters)

    def table(self, name: str, /) -> TableReader:
        """The same methods for one table."""
        return TableReader(self, name, self._path)

    @property
    def system(self) -> SystemReader:
        """The system tables, read-only."""
        return SystemReader(self._tx)

    if not TYPE_CHECKING:  # to a type checker any name would look right

        def __getattr__(self, name: str) -> NoReturn:
            if name.startswith("_"):
                raise AttributeError(name)
            if name in _WRITES:
                raise teaching.query_writes(self._path, f"ctx.db.{name}")
            raise teaching.unknown_name("ctx.db", name, _READS)

    def _end(self) -> None:
        self._tx = _ended(self._path)  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<ctx.db of {self._path}>"


class DatabaseWriter(DatabaseReader):
    """`ctx.db` of a mutation: reads see its own writes at once; all of them commit together or not at all."""

    __slots__ = ()

    def insert(self, table: str = _MISSING, value: Mapping[str, Any] = _MISSING, /) -> str:
        """Add a document and return its id."""
        if table is _MISSING:
            raise _missing_argument(1, "table", "insert")
        if value is _MISSING:
            raise _missing_argument(2, "value", "insert")
        return self._tx.insert(table, value)

    def patch(self, *given: Any) -> None:
        """Merge fields into a document: `patch(id, fields)` or `patch("table", id, fields)`. `UNSET` removes one."""
        table, document_id, fields = _with_value(given, "patch")
        self._tx.patch(document_id, fields, table=table)

    def replace(self, *given: Any) -> None:
        """Put a whole new value in a document's place: `replace(id, value)` or `replace("table", id, value)`."""
        table, document_id, value = _with_value(given, "replace")
        self._tx.replace(document_id, value, table=table)

    def delete(self, table_or_id: str = _MISSING, id: str = _MISSING, /) -> None:
        """Remove a document: `delete(id)` or `delete("table", id)`."""
        if id is _MISSING:
            if table_or_id is _MISSING:
                raise _missing_argument(1, "id", "delete")
            self._tx.delete(table_or_id)
        else:
            self._tx.delete(id, table=table_or_id)

    def table(self, name: str, /) -> TableWriter:
        return TableWriter(self, name, self._path)

    if not TYPE_CHECKING:  # to a type checker any name would look right

        def __getattr__(self, name: str) -> NoReturn:
            if name.startswith("_"):
                raise AttributeError(name)
            raise teaching.unknown_name("ctx.db", name, (*_READS, *_WRITES))


class TableReader:
    """`ctx.db.table(name)`: what `ctx.db` does, for one table."""

    __slots__ = ("_db", "_name", "_path")

    def __init__(self, db: DatabaseReader, name: str, path: str) -> None:
        self._db = db
        self._name = name
        self._path = path

    def get(self, id: str, /) -> Document | None:
        """The document of this table, or None."""
        return self._db.get(self._name, id)

    def query(self) -> Query:
        """The documents of this table."""
        return self._db.query(self._name)

    def normalize_id(self, text: str, /) -> str | None:
        """The id, if `text` is one of this table."""
        return self._db.normalize_id(self._name, text)

    if not TYPE_CHECKING:  # to a type checker any name would look right

        def __getattr__(self, name: str) -> NoReturn:
            if name.startswith("_"):
                raise AttributeError(name)
            if name in _WRITES:
                raise teaching.query_writes(self._path, f"ctx.db.table(...).{name}")
            raise teaching.unknown_name("ctx.db.table(...)", name, ("get", "query", "normalize_id"))


class TableWriter(TableReader):
    """`ctx.db.table(name)` in a mutation."""

    __slots__ = ()
    _db: DatabaseWriter

    def insert(self, value: Mapping[str, Any], /) -> str:
        """Add a document and return its id."""
        return self._db.insert(self._name, value)

    def patch(self, id: str, fields: Mapping[str, Any], /) -> None:
        """Merge fields into a document."""
        self._db.patch(self._name, id, fields)

    def replace(self, id: str, value: Mapping[str, Any], /) -> None:
        """Put a whole new value in a document's place."""
        self._db.replace(self._name, id, value)

    def delete(self, id: str, /) -> None:
        """Remove a document."""
        self._db.delete(self._name, id)

    if not TYPE_CHECKING:  # to a type checker any name would look right

        def __getattr__(self, name: str) -> NoReturn:
            if name.startswith("_"):
                raise AttributeError(name)
            raise teaching.unknown_name("ctx.db.table(...)", name, ("get", "query", "normalize_id", *_WRITES))


class SystemReader:
    """`ctx.db.system`: `_storage` and `_scheduled_functions`, read-only."""

    __slots__ = ("_tx",)

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def get(self, table_or_id: str, id: str = _MISSING, /) -> Document | None:
        """The document, or None."""
        return self._tx.get(table_or_id) if id is _MISSING else self._tx.get(id, table=table_or_id)

    def query(self, table: str, /) -> Query:
        """The documents of a system table."""
        return self._tx.query(table, system=True)

    def normalize_id(self, table: str, text: str, /) -> str | None:
        """The id, if `text` is one of that system table."""
        return self._tx.normalize_id(table, text, system=True)

    if not TYPE_CHECKING:  # to a type checker any name would look right

        def __getattr__(self, name: str) -> NoReturn:
            if name.startswith("_"):
                raise AttributeError(name)
            if name in _WRITES:
                raise NotAvailableError("System tables are read-only: ctx.db.system has no " + name + ".")
            raise teaching.unknown_name("ctx.db.system", name, ("get", "query", "normalize_id"))


_TWO, _THREE = 2, 3
_CALLS = {
    "get": "ctx.db.get(id)", "query": 'ctx.db.query("table")', "delete": "ctx.db.delete(id)",
    "insert": 'ctx.db.insert("table", {"field": value})', "patch": 'ctx.db.patch(id, {"field": value})',
    "replace": 'ctx.db.replace(id, {"field": value})',
}  # fmt: skip


def _with_value(given: tuple[Any, ...], method: str) -> tuple[str | None, Any, Any]:
    """(table or None, id, value) of `patch` and `replace`."""
    if len(given) == _TWO:
        return None, given[0], given[1]
    if len(given) == _THREE:
        return given
    if len(given) < _TWO:
        raise _missing_argument(len(given) + 1, ("id", "value")[len(given)], method)
    raise CallerError(
        f"db.{method} takes an id and a value, got {len(given)} arguments.", hint=f"ctx.db.{method}(id, {{...}})"
    )


def _missing_argument(position: int, name: str, method: str) -> CallerError:
    return CallerError(f"Must provide arg {position} `{name}` to `{method}`.", hint=_CALLS[method])
