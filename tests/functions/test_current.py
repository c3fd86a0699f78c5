"""`nbconvex.api`, which no backend made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import nbconvex
from nbconvex import api, internal
from nbconvex.errors import CallerError
from nbconvex.testing import convex_test


def test_unbound_reference_names_a_function_inside_functions() -> None:
    with convex_test() as t:
        t.backend.query(name="m:f")(lambda ctx: "it")
        with convex_test():
            assert t.query(lambda ctx: ctx.run_query(api.m.f)) == "it"


def test_unbound_reference_runs_on_the_only_open_backend() -> None:
    with convex_test() as t:
        t.backend.query(name="m:f", internal=True)(lambda ctx: "it")
        assert internal.m.f() == "it"
        with convex_test(), pytest.raises(CallerError, match="2 backends are open"):
            internal.m.f()
    with pytest.raises(CallerError, match="no backend is open"):
        api.m.f()


def test_unbound_reference_shows_its_name_without_a_backend() -> None:
    assert repr(api.m.f) == "<reference api.m.f>"
    assert dir(api) == []


def test_a_program_that_ends_without_closing_leaves_one_file_with_everything(tmp_path: Path) -> None:
    path = tmp_path / "app.duckdb"
    program = Path(__file__).with_name("exiting_program.py")
    run = subprocess.run([sys.executable, program, path], capture_output=True, text=True, timeout=60, check=True)
    assert list(tmp_path.iterdir()) == [path]
    assert "not up to date" not in run.stderr
    import duckdb

    with duckdb.connect(str(path), read_only=True) as closed:
        assert closed.sql("SELECT count(*) FROM main.things").fetchall() == [(1,)]
    with nbconvex.open(path) as backend:
        ids = backend.run(
            backend.query(lambda ctx: [each["_id"] for each in ctx.db.query("things").collect()], name="main:ids")
        )
    assert ids == [run.stdout.strip()]
