"""SQL in functions and in plain code: `ctx.db.sql` and `backend.sql`.

Owns:  `Sql`, one backend's SQL; the sentences for SQL in the wrong place.
Must not know: DuckDB; how tables are brought up.
Invariants: SQL in a query or mutation is asked of its transaction and recorded in its read set, so that live queries,
the cache and conflicts follow. SQL in plain code is asked of the newest durable snapshot.
Threads: any.

For whoever makes functions of SQL (a cell whose body is one SELECT):

    names = backend.sql_parameters(text)                    # ("channel", "since"): the names behind `$`, in order
    rows = ctx.db.sql(text, channel=channel, since=since)   # inside a query's handler: plain values, reads recorded

`sql_parameters` refuses what could not run in a query, with the sentence that the cell's author should read. It does
not look at tables, which may come later; that is found out when the function runs.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from nbconvex.errors import NotAllowedError
from nbconvex.functions.run import CURRENT

if TYPE_CHECKING:
    from pathlib import Path

    from nbconvex.database.database import Database
    from nbconvex.database.transaction import Transaction
    from nbconvex.limits import Limits
    from nbconvex.storage.tables.engine import SqlEngine
    from nbconvex.storage.tables.sql_result import SqlResult


class Sql:
    """SQL over one database. Nothing is made, and DuckDB is not imported, before the first statement."""

    def __init__(self, database: Database, limits: Limits) -> None:
        self._database = database
        self._limits = limits
        self._lock = threading.Lock()
        self._engine: SqlEngine | None = None

    @property
    def engine(self) -> SqlEngine:
        """DuckDB and the tables in it."""
        with self._lock:
            if self._engine is None:
                from nbconvex.storage.tables.engine import SqlEngine

                self._engine = SqlEngine(self._limits)
            return self._engine

    def parameters(self, text: str, *, is_repeatable: bool = True) -> tuple[str, ...]:
        """The names of the parameters of a SELECT that is to run in queries, or, if not repeatable, in plain code.

        Raises:  SqlInvalidError where `text` is no such SELECT; LimitExceededError.
        """
        return self.engine.read(text, is_repeatable=is_repeatable).parameters

    def rows(self, transaction: Transaction, text: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        """The answer inside a transaction, which has then read the tables whole.

        Raises:  SqlInvalidError, LimitExceededError.
        """
        from nbconvex.database.sql_tables import asked_tables
        from nbconvex.storage.tables.frames_beside import refuse

        refuse(parameters)
        transaction.metrics.charge_query()
        # DuckDB is our own: what it does with threads and modules is not the function's doing.
        token = CURRENT.set(None)
        try:
            engine = self.engine
            statement = engine.read(text, is_repeatable=True)
            return engine.rows(statement, asked_tables(transaction, statement), parameters)
        finally:
            CURRENT.reset(token)

    def result(self, text: str, parameters: dict[str, Any]) -> SqlResult:
        """The answer at the newest durable snapshot. A parameter that is a data frame is a table of that name.

        Raises:  SqlInvalidError, LimitExceededError; NotAllowedError inside of a function; StorageError.
        """
        from nbconvex.database.sql_tables import asked_tables
        from nbconvex.storage.tables.frames_beside import split

        outer = CURRENT.get()
        if outer is not None:
            raise _inside_function(outer.path, outer.definition.kind)
        transaction = self._database.begin(writable=False, reader="SQL")
        statement = self.engine.read(text, is_repeatable=False)
        values, frames = split(statement, parameters)
        return self.engine.result(statement, asked_tables(transaction, statement, frames), values, frames)

    def write_tables(self, path: Path) -> None:
        """Bring the typed tables in the store's file, complete as of the newest snapshot, up to its documents.

        Raises:  StorageFailedError; they are then what they were.
        """
        from nbconvex.database.sql_tables import stored_tables
        from nbconvex.storage.tables.file_tables import write_tables

        snapshot = self._database.snapshot
        write_tables(path, stored_tables(snapshot), snapshot.ts)

    def close(self) -> None:
        """Release DuckDB's memory. Calling it twice is fine."""
        with self._lock:
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()


def ask(transaction: Transaction, text: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """What `ctx.db.sql` does: the answer of the backend that the running function belongs to."""
    run = CURRENT.get()
    assert run is not None, "ctx.db is there while its function runs"
    return run.runner.sql.rows(transaction, text, parameters)


def _inside_function(path: str, kind: str) -> NotAllowedError:
    if kind == "action":
        return NotAllowedError(
            f"{path} is an action, and actions run outside of any transaction: SQL in a function belongs to a query.",
            hint='ctx.run_query(internal.module.totals), with ctx.db.sql("SELECT …") in that query',
        )
    return NotAllowedError(
        f"{path} asks SQL of the backend; inside a function it is asked of the function's own transaction.",
        hint='ctx.db.sql("SELECT …")',
    )
