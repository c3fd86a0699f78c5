"""The platform's own tables: which there are, under which numbers, and what they are looked up by.

Owns:  their numbers and names; where users' numbers begin.
Must not know: what stands in them.
Invariant: a number stands in stores and in ids, so it is never given to another table.
"""

from __future__ import annotations

from collections.abc import Mapping

TABLES_TABLE = 1
SCHEMAS_TABLE = 2
REQUESTS_TABLE = 3
SCHEDULED_FUNCTIONS_TABLE = 11
STORAGE_TABLE = 12
CRONS_TABLE = 13
MIGRATIONS_TABLE = 14
ENVIRONMENT_TABLE = 15
#: Tables of the platform. User tables start at 10,001. Source: semantics 3.7.
SYSTEM_TABLES: Mapping[int, str] = {
    TABLES_TABLE: "_tables",
    SCHEMAS_TABLE: "_schemas",
    REQUESTS_TABLE: "_requests",
    SCHEDULED_FUNCTIONS_TABLE: "_scheduled_functions",
    STORAGE_TABLE: "_storage",
    CRONS_TABLE: "_crons",
    MIGRATIONS_TABLE: "_migrations",
    ENVIRONMENT_TABLE: "_environment",
}
#: The index of `_scheduled_functions` that has those of one state in the order in which they are due.
BY_DUE = "by_due"
#: What the platform's own tables are looked up by, as `ActiveSchema.indexes_of` gives it for users' tables.
SYSTEM_INDEXES: Mapping[int, Mapping[str, tuple[tuple[str, ...], bool]]] = {
    SCHEDULED_FUNCTIONS_TABLE: {BY_DUE: (("state.kind", "scheduledTime"), False)},
}
#: What `ctx.db.system` shows; the other system tables are the database's own.
VISIBLE_SYSTEM_TABLES = frozenset({"_scheduled_functions", "_storage"})
FIRST_USER_TABLE = 10_001
