"""SQL over tables of documents: DuckDB in memory, shut off from the world, brought to the snapshot that asks.

Owns:  `SqlEngine`: the connection and what it may use, which version stands in which table, running a statement.
Must not know: snapshots, transactions of the database, functions; it is handed versions of tables.
Invariants:
- An answer is of the versions that were handed in, exactly. Newer ones stay; older ones, and what a transaction wrote
  and has not committed, are put in place inside a transaction of DuckDB, which is undone after the answer.
- Everything here is derived. What fails in a way that leaves DuckDB in doubt throws all of it away; the next statement
  builds it anew.
- No thread, no connection and no import of DuckDB before the first statement.
Threads: any. Tables are changed under a lock; statements that only read run beside each other, each on a cursor and in
a transaction of its own.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from nbconvex.errors import LimitExceededError, SqlInvalidError
from nbconvex.limits import Limits
from nbconvex.storage import allocator
from nbconvex.storage.tables import batches
from nbconvex.storage.tables.columns import quoted
from nbconvex.storage.tables.explanation import explained
from nbconvex.storage.tables.frames_beside import arrow
from nbconvex.storage.tables.interruptible import interruptibly
from nbconvex.storage.tables.parameters import bound
from nbconvex.storage.tables.patience import Patience
from nbconvex.storage.tables.plain_rows import reader_of, text_bytes
from nbconvex.storage.tables.projection import Projected, TableVersion, brought
from nbconvex.storage.tables.sql_result import SqlResult
from nbconvex.storage.tables.statement import Statement, StatementReader

if TYPE_CHECKING:
    import duckdb

_Answer = TypeVar("_Answer")

#: Rows that are taken from DuckDB at once.
_FETCH_ROWS = 2_048
#: Rows of the first fetch, which tells how large they are; and bytes of text that are fetched at once.
_FIRST_ROWS: Final = 64
_FETCH_BYTES: Final = 8 * 1024 * 1024
_HAS_TEXT: Final = re.compile("VARCHAR|BLOB|JSON|BIT|UNION|MAP")
#: Rows of a table that may be as they came; then they are compressed. DuckDB does so by the group of 122,880.
_FRESH_MAX = 122_880
_CATALOG = "nbconvex_tables"
_MOMENT = "TIMESTAMP WITH TIME ZONE"


@dataclass(frozen=True, slots=True)
class AskedTable:
    """A table as a statement is to see it.

    Fields:  `name` is the name in SQL; `ts` when the version was committed (nanoseconds), None for what is not.
    """

    name: str
    version: TableVersion
    ts: int | None


class _Opened:
    """One DuckDB in memory."""

    def __init__(self, limits: Limits) -> None:
        import duckdb

        self.connection = duckdb.connect(
            ":memory:",
            config={
                "enable_external_access": "false",
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "allow_community_extensions": "false",
                "python_enable_replacements": "false",
                "temp_directory": "",
                "threads": str(max(1, min(limits.sql_threads, os.cpu_count() or 1))),
                "memory_limit": f"{limits.sql_memory_bytes // 1024}KiB",
            },
        )
        with suppress(duckdb.InvalidInputException):
            # Refused in a kernel without ipywidgets, where there is no bar to turn off.
            self.connection.execute("SET enable_progress_bar = false")
        self.connection.execute("SET TimeZone = 'UTC'")
        # What making a table took goes back to the system.
        self.connection.execute("SET allocator_flush_threshold = '1MB'")
        # A database that is compressed as one in a file is: a fifth of the memory, and quicker to read.
        self.connection.execute(f"ATTACH ':memory:' AS {_CATALOG} (COMPRESS)")
        self.connection.execute("SET lock_configuration = true")
        self.reader = StatementReader(self.connection.cursor(), text_bytes_max=limits.sql_text_bytes)
        #: What stands in the tables, and as of which commit it was asked for.
        self.tables: dict[str, tuple[Projected, int]] = {}

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A cursor in the database of the tables."""
        cursor = self.connection.cursor()
        cursor.execute(f"USE {_CATALOG}")
        return cursor


class SqlEngine:
    """SQL for one backend; `close` may be called twice."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._opened: _Opened | None = None
        self._patience = Patience(limits.sql_time_s)

    def read(self, text: str, *, is_repeatable: bool) -> Statement:
        """The statement that a text is; a repeatable one depends on nothing but tables and parameters.

        Raises:  SqlInvalidError, LimitExceededError.
        """
        return self._open().reader.read(text, is_repeatable=is_repeatable)

    def rows(
        self, statement: Statement, tables: Sequence[AskedTable], parameters: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """The answer as plain values, one dict a row.

        Raises:  SqlInvalidError; LimitExceededError for what takes too long, is too much, or has too many rows.
        """
        values = bound(statement, parameters)
        limit = self._limits.sql_rows

        def ask(cursor: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
            cursor.execute(statement.text, values or None)
            names = _distinct([column[0] for column in cursor.description or ()])
            types = [str(column[1]) for column in cursor.description or ()]
            if _MOMENT in types:
                # For these DuckDB asks for a package of time zones, and all that is wanted is UTC.
                cursor.execute(_in_utc(statement.text, types), values or None)
            read = reader_of(types)
            answer: list[dict[str, Any]] = []
            texts = [place for place, kind in enumerate(types) if _HAS_TEXT.search(kind)]
            size, wanted = 0, _FIRST_ROWS
            while rows := cursor.fetchmany(min(wanted, limit + 1 - len(answer))):
                # As many at once as their size allows: what is fetched is beyond what DuckDB's own limit counts.
                size += sum(text_bytes(row[place]) for row in rows for place in texts)
                self._require_small(size)
                answer += [dict(zip(names, read(row), strict=True)) for row in rows]
                wanted = max(1, min(_FETCH_ROWS, _FETCH_BYTES * len(answer) // (size + 1)))
                if len(answer) > limit:
                    raise LimitExceededError(
                        "sql_rows", "this SQL answers with too many rows", maximum=limit,
                        cure="Count, sum or group them in SQL, or add a LIMIT.",
                    )  # fmt: skip
            return answer

        return self._ask(tables, ask)

    def _require_small(self, size: int) -> None:
        maximum = self._limits.sql_memory_bytes
        if size > maximum:
            raise LimitExceededError(
                "sql_memory_bytes", "this SQL answers with too much text", maximum=maximum, actual=size,
                cure="Ask for fewer columns or rows, or for a part of the text: left(body, 100).",
            )  # fmt: skip

    def result(
        self, statement: Statement, tables: Sequence[AskedTable], parameters: Mapping[str, Any],
        frames: Mapping[str, Any] | None = None,
    ) -> SqlResult:  # fmt: skip
        """The answer as DuckDB has it, as many rows as there are. `frames` are read from beside the tables, by name.

        Raises:  SqlInvalidError; LimitExceededError.
        """
        import duckdb

        values = bound(statement, parameters)

        def ask(cursor: duckdb.DuckDBPyConnection) -> SqlResult:
            for name, frame in (frames or {}).items():
                # A view of this cursor's own, gone with it.
                cursor.register(name, arrow(frame))
            try:
                relation = cursor.sql(statement.text, params=values or None)
            except duckdb.BinderException:
                cursor.execute(statement.text, values or None)  # raises the same, with the line
                raise
            types = [str(kind) for kind in relation.types]
            return SqlResult(relation.to_arrow_table(), types)

        return self._ask(tables, ask)

    def bring(self, tables: Sequence[AskedTable]) -> None:
        """Bring tables up before they are asked for."""
        self._ask(tables, lambda _: None)

    def forget(self) -> None:
        """Throw everything away: its memory is needed, or nobody knows any more whether it is right."""
        with self._lock:
            self._discard()

    def close(self) -> None:
        """Release DuckDB. What is running is interrupted."""
        self.forget()
        self._patience.close()

    def _open(self) -> _Opened:
        opened = self._opened
        if opened is None:
            with self._lock:
                opened = self._opened
                if opened is None:
                    opened = self._opened = _Opened(self._limits)
        return opened

    def _discard(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.connection.interrupt()
            opened.connection.close()

    # -- asking ------------------------------------------------------------------------------------------------------

    def _ask(self, tables: Sequence[AskedTable], ask: Callable[[duckdb.DuckDBPyConnection], _Answer]) -> _Answer:
        try:
            return self._asked(tables, ask)
        except _DamagedError:
            # Nothing of it is the truth: made anew, it is whole.
            self.forget()
            return self._asked(tables, ask)

    def _asked(self, tables: Sequence[AskedTable], ask: Callable[[duckdb.DuckDBPyConnection], _Answer]) -> _Answer:
        import duckdb

        names = [table.name for table in tables]
        try:
            with self._at(tables) as cursor, self._patience.with_(cursor):
                return interruptibly(cursor, partial(ask, cursor))
        except duckdb.OutOfMemoryException:
            # Tables and answers share the limit: those that nobody is asking for should not be in the way next time.
            self.forget()
            raise LimitExceededError(
                "sql_memory_bytes", "this SQL, with the tables it reads, needs more memory than it may have",
                maximum=self._limits.sql_memory_bytes,
                cure="Read fewer columns or rows, or open the store with limits=Limits(sql_memory_bytes=…).",
            ) from None  # fmt: skip
        except (duckdb.FatalException, duckdb.InternalException, duckdb.ConnectionException) as error:
            self.forget()
            raise SqlInvalidError(f"DuckDB failed on this SQL, and was started anew: {error}") from error
        except duckdb.InterruptException:
            raise SqlInvalidError("this SQL was interrupted.") from None
        except duckdb.Error as error:
            raise explained(str(error), tables=names) from None

    def _bring(self, opened: _Opened, cursor: duckdb.DuckDBPyConnection, tables: Sequence[AskedTable]) -> bool:
        """Begin a transaction that sees these tables as they are to be seen; whether others may see them so, too."""
        import duckdb

        try:
            cursor.begin()
            stay = _brought(cursor, opened.tables, tables)
            if stay is None:
                return False
            cursor.commit()
            if any(table.fresh >= _FRESH_MAX for table, _ in stay.values()):
                cursor.execute(f"CHECKPOINT {_CATALOG}")
                batches.release()
                allocator.give_back()
                stay = {name: (replace(table, fresh=0), ts) for name, (table, ts) in stay.items()}
            opened.tables.update(stay)
            cursor.begin()
            for table in tables:
                # A transaction of DuckDB begins to see a table when it first looks.
                cursor.execute(f"SELECT _id FROM {quoted(table.name)} LIMIT 0")
            return True
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            raise _DamagedError(str(error)) from error

    @contextmanager
    def _at(self, tables: Sequence[AskedTable]) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor in a transaction that sees these tables as they are to be seen."""
        opened = self._open()
        cursor = opened.cursor()
        self._lock.acquire()
        is_locked = True
        try:
            if self._bring(opened, cursor, tables):
                self._lock.release()
                is_locked = False
            yield cursor
        finally:
            try:
                _end(cursor)
            finally:
                if is_locked:
                    self._lock.release()


def _in_utc(text: str, types: Sequence[str]) -> str:
    """The same statement with moments as timestamps without a zone."""
    columns = [f"c{at}" for at in range(len(types))]
    wanted = [f"{name}::TIMESTAMP" if kind == _MOMENT else name for name, kind in zip(columns, types, strict=True)]
    return f"SELECT {', '.join(wanted)} FROM (\n{text.rstrip().rstrip(';')}\n) AS answer({', '.join(columns)})"


class _DamagedError(Exception):
    """The tables in DuckDB are not what they should be."""


def _brought(
    cursor: duckdb.DuckDBPyConnection, present: Mapping[str, tuple[Projected, int]], tables: Sequence[AskedTable]
) -> dict[str, tuple[Projected, int]] | None:
    """Bring the tables up in the cursor's transaction. What they are then, or None where that must not stay."""
    stay: dict[str, tuple[Projected, int]] = {}
    stays = True
    for table in tables:
        before, ts = present.get(table.name, (None, 0))
        after = brought(cursor, before, table.version, table.name)
        if before is not None and after.shape == before.shape and table.version.is_same(before.version):
            continue
        if table.ts is None or table.ts < ts:
            stays = False
        else:
            stay[table.name] = after, table.ts
    return stay if stays else None


def _end(cursor: duckdb.DuckDBPyConnection) -> None:
    import duckdb

    # Closed meanwhile, or in a state that the caller is told of by another error.
    with suppress(duckdb.Error):
        cursor.rollback()
    cursor.close()


def _distinct(names: Sequence[str]) -> list[str]:
    """The names of an answer's columns, which will be keys of a dict.

    Raises:  SqlInvalidError.
    """
    twice = next((name for at, name in enumerate(names) if name in names[:at]), None)
    if twice is not None:
        raise SqlInvalidError(
            f'two columns of the answer are called "{twice}", and a row is a dict here.',
            hint=f'SELECT … AS "{twice}_2"',
        )
    return list(names)
