"""Which functions a store has had: nbconvex.functions.remembered."""

from __future__ import annotations

from nbconvex.backend import Backend
from nbconvex.functions.definition import define
from nbconvex.functions.remembered import Remembered


def test_places_outlive_the_process_until_the_function_is_removed(tmp_path) -> None:
    path = tmp_path / "app.duckdb"
    with Backend.open(path) as backend:
        remembered = Remembered(backend.database)
        remembered.keep([define("query", lambda ctx: 1, "m:a"), define("query", lambda ctx: 1, "m:b")], "a cell", ())
        remembered.keep((), "", ["m:b", "m:none"])
    with Backend.open(path) as backend:
        assert Remembered(backend.database).places == {"m:a": "a cell"}


def test_what_was_defined_is_remembered_over_a_restart_and_what_was_removed_is_not(tmp_path) -> None:
    path = tmp_path / "app.duckdb"
    with Backend.open(path) as backend:
        backend.query(name="m:kept")(lambda ctx: None)
        backend.define_cell("query", "def gone(ctx): pass", module="m", origin="cell")
        backend.define_cell("query", "def other(ctx): pass", module="m", origin="cell")
    with Backend.open(path) as backend:
        found = Remembered(backend.database).places
        assert found == {"m:kept": "a decorator", "m:other": "a %%query m cell"}
