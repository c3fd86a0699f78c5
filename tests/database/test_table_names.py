"""The names of tables by number, in a transaction."""

from __future__ import annotations

import pytest

from nbconvex.database.table_names import TablesOf
from nbconvex.testing import convex_test


def test_names_are_those_the_transaction_sees_its_own_tables_included() -> None:
    with convex_test() as t:
        t.run(lambda ctx: ctx.db.insert("old", {}))
        tx = t.backend.database.begin(writable=True)
        old = tx.snapshot.numbers["old"]
        names = TablesOf(tx)
        tx.insert("new", {})
        new = next(number for number in range(old, old + 5) if names.get(number) == "new")
        assert names[old] == "old"
        assert names.get(new + 1, "none") == "none"
        assert old in list(names)
        assert len(names) == len(tx.snapshot.layout)
        with pytest.raises(KeyError):
            names[new + 1]
