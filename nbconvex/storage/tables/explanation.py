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
_SYNTAX = re.compile(r'syntax error at or near "([^"]*)"\s+LINE \d+: (.*)\n( *)\^')
_LAST_WORD = re.compile(r"([a-z]+)\W*$")
#: Words of SQL that stand for themselves, of those that one might call a field.
_RESERVED = frozenset({
    "all", "any", "array", "at", "both", "by", "case", "cast", "check", "column", "constraint", "default", "desc", "do",
    "end", "fetch", "for", "from", "grant", "group", "in", "into", "leading", "limit", "not", "null", "offset", "on",
    "only", "order", "primary", "references", "select", "show", "some", "table", "then", "to", "union", "unique",
    "using", "when", "where", "window", "with",
})  # fmt: skip
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
    word = _reserved(message)
    if word:
        hint = f'\n"{word}" is a word of SQL. If it is a field or a table here, write it in double quotes: "{word}".'
    return SqlInvalidError(f"this SQL cannot be run: {message}{hint}")


def _reserved(message: str) -> str:
    """The word at which DuckDB stumbled, or the one before, if SQL has it and it is written as a name is; else ""."""
    found = _SYNTAX.search(message)
    if found is None:
        return ""
    near, line, indent = found.groups()
    before = _LAST_WORD.search(line[: max(0, len(indent) - _prefix(found))])
    return next((word for word in (near, before[1] if before else "") if word in _RESERVED), "")


def _prefix(found: re.Match[str]) -> int:
    """How many characters "LINE 1: " takes, which the mark under the line stands behind."""
    return found.start(2) - found.string.rindex("LINE", 0, found.start(2))


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
