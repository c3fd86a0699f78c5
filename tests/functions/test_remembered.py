"""Which functions a store has had."""

from __future__ import annotations

import nbconvex
from nbconvex.functions.remembered import Remembered


def test_what_was_defined_is_remembered_over_a_restart_and_what_was_removed_is_not(tmp_path):
    path = tmp_path / "app.duckdb"
    with nbconvex.open(path) as backend:
        backend.query(name="m:kept")(lambda ctx: None)
        backend.define_cell("query", "def gone(ctx): pass", module="m", origin="cell")
        backend.define_cell("query", "def other(ctx): pass", module="m", origin="cell")
    with nbconvex.open(path) as backend:
        found = Remembered(backend.database).by_path
        assert found == {"m:kept": "a decorator", "m:other": "a %%query m cell"}
