"""What an error of DuckDB means to whoever wrote the SQL.

Owns:  `explained`.
Must not know: how SQL is run. DuckDB has no codes for these errors: its texts decide.
Threads: pure functions.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from nbconvex.errors import SqlInvalidError

_KIND = re.compile(r"^(?:[A-Z][A-Za-z-]*(?: [A-Z][A-Za-z]*)* Error|INTERRUPT Error): ")
_NO_COLUMN = re.compile(r'Referenced column "([^"]*)" not found|does not have a column named "([^"]*)"')
#: So many names are named in full.
_NAMES_SHOWN = 20


def explained(text: str, *, tables: Sequence[str]) -> SqlInvalidError:
    """DuckDB's sentence, with the place that it points at, and with what it takes for a misspelling."""
    message = _KIND.sub("", text.strip())
    column = _NO_COLUMN.search(message)
    hint = ""
    if column is not None and tables:
        hint = (
            f"\nThe columns of a table are the fields of its documents: SELECT * FROM {tables[0]} LIMIT 1 shows them."
        )
    return SqlInvalidError(f"this SQL cannot be run: {message}{hint}")


def no_table(name: str, known: Sequence[str]) -> SqlInvalidError:
    """For a name in FROM that is no table."""
    if re.search(r"[./\\]|://", name):
        return SqlInvalidError(
            f"{name!r} is no table: SQL here reads the tables of this backend, and no files or addresses. Read the "
            "file in a cell, and insert its rows."
        )
    if name.startswith("_"):
        return SqlInvalidError(f"system tables such as {name} are not available in SQL.", hint="ctx.db.system.query(…)")
    close = difflib.get_close_matches(name, known, 1)
    guess = f" Did you mean {close[0]}?" if close else ""
    if not known:
        return SqlInvalidError(f"there is no table {name}, nor any other: insert something first, or define a schema.")
    shown = ", ".join(known[:_NAMES_SHOWN]) + (
        f" and {len(known) - _NAMES_SHOWN} more" if len(known) > _NAMES_SHOWN else ""
    )
    return SqlInvalidError(f"there is no table {name}.{guess} There are {shown}.")
