"""Which functions a store has had: nbconvex.functions.remembered."""

from __future__ import annotations

import nbconvex
from nbconvex.functions.remembered import Remembered
from nbconvex.testing import convex_test


def test_what_was_defined_and_removed_is_remembered_by_the_store(tmp_path) -> None:
    with nbconvex.open(tmp_path / "app.duckdb") as backend:
        backend.query(name="m:list")(lambda ctx: [])
        backend.define_cell("query", "def gone(ctx): pass\ndef stays(ctx): pass", module="cell", origin="one")
        backend.define_cell("query", "def stays(ctx): pass", module="cell", origin="one")
        seen = dict(Remembered(backend.database).places)
    assert seen == {"m:list": "a decorator", "cell:stays": "a %%query cell cell"}
    with nbconvex.open(tmp_path / "app.duckdb") as backend:
        assert Remembered(backend.database).places == seen


def test_nothing_is_written_where_nothing_changed() -> None:
    with convex_test() as t:
        remembered = Remembered(t.backend.database)
        remembered.add([], "a cell", ["m:never"])
        assert t.backend.database.get_global("functions") is None
