"""`import nbconvex` is cheap, and a plain program needs no Jupyter."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.architecture.house import ROOT

HEAVY = ("IPython", "anywidget", "duckdb", "ipykernel", "ipywidgets", "jwt", "numpy", "pandas", "pyarrow", "traitlets")
JUPYTER = ("IPython", "anywidget", "comm", "ipykernel", "ipywidgets", "traitlets")


def run_fresh(program: str) -> str:
    """What `program` prints in an interpreter of its own."""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_import_leaves_heavy_packages_alone() -> None:
    loaded = run_fresh(f"import sys, nbconvex; print(*[name for name in {HEAVY} if name in sys.modules])")
    assert loaded == ""


@pytest.mark.parametrize(
    "name", ["query", "mutation", "action", "v", "define_schema", "define_table", "ConvexError", "Int64"]
)
def test_words_of_the_front_door_load_nothing_heavy(name: str) -> None:
    loaded = run_fresh(
        f"import sys, nbconvex; nbconvex.{name}; print(*[name for name in {HEAVY} if name in sys.modules])"
    )
    assert loaded == ""


def test_plain_program_runs_where_jupyter_is_not_installed() -> None:
    program = f"""
import sys
sys.modules.update(dict.fromkeys({JUPYTER}))  # None in sys.modules: importing it fails

import nbconvex

with nbconvex.open(":memory:") as backend:
    @backend.mutation
    def add(ctx, body: str):
        return ctx.db.insert("notes", {{"body": body}})

    @backend.query
    def bodies(ctx):
        return [note["body"] for note in ctx.db.query("notes").collect()]

    backend.api.main.add(body="hello")
    print(backend.api.main.bodies())
"""
    assert run_fresh(program) == "['hello']"
