"""Table names by number, as a transaction sees them."""

from __future__ import annotations

import pytest

from nbconvex.database.table_names import TablesOf
from tests.database.stores import insert_all, open_database


def test_the_tables_that_a_transaction_created_have_names_in_it() -> None:
    database = open_database()
    insert_all(database, "old", [{}])
    transaction = database.begin(writable=True)
    names = TablesOf(transaction)
    transaction.insert("new", {})
    assert (names[10_001], names.get(10_002), names.get(10_003), names.get(10_003, "?")) == ("old", "new", None, "?")
    assert set(names) == set(transaction.snapshot.tables)
    assert len(names) == len(transaction.snapshot.tables)
    with pytest.raises(KeyError):
        names[10_003]
