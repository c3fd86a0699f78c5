"""From the durable log to the snapshot at its head.

Owns:  `load_snapshot`; the newest time in it.
Must not know: commits, transactions.
Invariant: the law of the room: what this builds equals the snapshot that was live when the log was written.
Threads: called once, before the database is shared.
"""

from __future__ import annotations

from nbconvex.database.active_schema import ActiveSchema
from nbconvex.database.schema_push import stored_schema
from nbconvex.database.snapshot import Snapshot, Table, listed_table
from nbconvex.database.system_tables import FIRST_USER_TABLE, SYSTEM_INDEXES, SYSTEM_TABLES, TABLES_TABLE
from nbconvex.errors import StorageCorruptError, StorageVersionError
from nbconvex.storage import allocator
from nbconvex.storage.persistence import Persistence

#: From here on, what loading leaves behind is worth giving back.
_LARGE_BYTES = 4 * 1024 * 1024


def load_snapshot(persistence: Persistence) -> Snapshot:
    """Everything that is durable in `persistence`, as one snapshot.

    Raises:  StorageError; StorageCorruptError if documents stand in a table that nobody created, StorageVersionError if
    it is a system table that only a newer nbconvex has.
    """
    loaded = persistence.load()
    rows = dict(loaded.tables)
    snapshot = Snapshot.empty()
    tables = dict(snapshot.tables)
    numbers = dict(snapshot.numbers)
    last_number = snapshot.last_number
    for number, name in SYSTEM_TABLES.items():
        tables[number] = Table.loaded(number, name, rows.pop(number, ()), SYSTEM_INDEXES.get(number, {}))
    for _, payload in tables[TABLES_TABLE].documents.entries():
        table_name, number = listed_table(payload)
        last_number = max(last_number, number)
        if table_name is not None:
            numbers[table_name] = number
            tables[number] = Table.empty(number, table_name)
    stored = stored_schema(snapshot.with_tables(tables, None))
    schema = None if stored is None else ActiveSchema(stored)
    for number, table in tables.items():
        if number in SYSTEM_TABLES:
            continue
        wanted = {} if schema is None else schema.indexes_of(table.name)
        tables[number] = Table.loaded(number, table.name, rows.pop(number, ()), wanted)
        if schema is not None:
            tables[number] = tables[number].with_content(schema.content_of(table.name))
    # A store may name a table of which nothing is left.
    strays = [number for number, documents in rows.items() if any(True for _ in documents)]
    if strays:
        stray = ", ".join(map(str, strays))
        if all(number < FIRST_USER_TABLE for number in strays):
            raise StorageVersionError(
                f"{persistence.name} was written by a newer nbconvex, which keeps things of its own in it (system "
                f"tables {stray}). Update nbconvex."
            )
        raise StorageCorruptError(f"{persistence.name}: documents in tables that do not exist (numbers {stray}).")
    snapshot = Snapshot(loaded.head, tables, numbers, schema, last_number=last_number)
    if snapshot.memory_bytes >= _LARGE_BYTES:
        allocator.give_back()
    return snapshot


def newest_creation_ms(snapshot: Snapshot) -> float:
    """The newest creation time of any document, so that later ones come behind it even if the clock went back."""
    return max((table.newest_creation_ms for table in snapshot.tables.values()), default=0.0)
