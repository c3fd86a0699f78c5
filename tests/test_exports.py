"""The front door: what it offers, and that nothing else comes through it."""

from __future__ import annotations

import subprocess
import sys
import types

import pytest

import nbconvex

PUBLIC = [
    "ActionCtx",
    "Backend",
    "CORS_HEADERS",
    "Change",
    "ConvexError",
    "Id",
    "Int64",
    "Limits",
    "LiveUpdate",
    "MutationCtx",
    "NbconvexError",
    "QueryCtx",
    "Request",
    "Response",
    "TriggerCtx",
    "UNSET",
    "action",
    "api",
    "args",
    "as_user",
    "cron",
    "define_schema",
    "define_table",
    "export_data",
    "files",
    "http",
    "import_data",
    "internal",
    "live",
    "load_ipython_extension",
    "migration",
    "mutation",
    "open",
    "progress",
    "query",
    "returns",
    "schema_from_data",
    "serve",
    "sql",
    "table",
    "trigger",
    "unload_ipython_extension",
    "upload",
    "v",
]


def test_front_door_offers_exactly_these_names() -> None:
    assert sorted(nbconvex.__all__) == sorted(PUBLIC)
    assert dir(nbconvex) == sorted(PUBLIC)


@pytest.mark.parametrize("name", PUBLIC)
def test_every_name_is_there(name: str) -> None:
    value = getattr(nbconvex, name)
    assert not isinstance(value, types.ModuleType)
    # The second look finds the same.
    assert getattr(nbconvex, name) == value


def test_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(AttributeError, match=r"has no attribute 'querry'; it has .*query"):
        nbconvex.querry


def test_opening_the_front_door_imports_nothing_heavy() -> None:
    heavy = "{'duckdb', 'pyarrow', 'pandas', 'numpy', 'IPython', 'ipywidgets', 'anywidget', 'asyncio'}"
    code = f"import sys, nbconvex; print(sorted({heavy} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout == "[]\n"


def test_backend_in_memory_needs_no_duckdb() -> None:
    code = "import sys, nbconvex; nbconvex.open().close(); print('duckdb' in sys.modules, 'IPython' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout
    assert printed == "False False\n"
