"""The platform's own tables: nbconvex.database.system_tables."""

from __future__ import annotations

from nbconvex.database.snapshot import Snapshot
from nbconvex.database.system_tables import (
    FIRST_USER_TABLE,
    SYSTEM_INDEXES,
    SYSTEM_TABLES,
    VISIBLE_SYSTEM_TABLES,
)


def test_numbers_of_system_tables_are_for_good() -> None:
    # They stand in stores and in ids.
    assert SYSTEM_TABLES == {
        1: "_tables", 2: "_schemas", 3: "_requests", 11: "_scheduled_functions", 12: "_storage", 13: "_crons",
        14: "_migrations", 15: "_environment",
    }  # fmt: skip
    assert FIRST_USER_TABLE == 10_001


def test_an_empty_store_has_every_system_table_with_its_indexes() -> None:
    snapshot = Snapshot.empty()
    assert dict(snapshot.numbers) == {name: number for number, name in SYSTEM_TABLES.items()}
    for number, indexes in SYSTEM_INDEXES.items():
        assert indexes.keys() <= snapshot.tables[number].indexes.keys()
    assert snapshot.numbers.keys() >= VISIBLE_SYSTEM_TABLES
