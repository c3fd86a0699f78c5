"""Loading, unloading, reloading: nbconvex.notebook.extension."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

NAMES = ("api", "internal", "v", "table", "live", "files", "Id", "Int64", "UNSET", "ConvexError")
PUT = """%%mutation
def put(ctx, n: int):
    ctx.db.insert('things', {'n': n})
    return ctx.db.query('things').count()
"""
MAGICS = ("schema", "query", "mutation", "action", "live", "convex")

LOAD = """
import sys, time
from IPython.testing.globalipapp import start_ipython
ip = start_ipython()
before = set(sys.modules)
began = time.process_time()
ip.run_line_magic("load_ext", "nbconvex")
print((time.process_time() - began) * 1e3)
print(sorted({name.partition(".")[0] for name in set(sys.modules) - before} & set(sys.argv[1:])))
"""
HEAVY = (
    "duckdb",
    "pyarrow",
    "numpy",
    "pandas",
    "ipywidgets",
    "anywidget",
    "jwt",
    "uvicorn",
    "starlette",
    "nest_asyncio2",
)


def test_loading_is_quick_and_imports_nothing_heavy(tmp_path) -> None:
    """The budget is 100 ms of processor time, with compiled modules as an installed package has them."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(tmp_path)}
    runs = []
    for _ in range(5):
        command = [sys.executable, "-c", LOAD, *HEAVY]
        ran = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        *_, took, heavy = ran.stdout.strip().splitlines()
        assert heavy == "[]"
        runs.append(float(took))
        if runs[-1] < 100:
            break
    assert runs[-1] < 100


def test_loading_shows_one_card_and_opens_no_file(bare_shell, tmp_path) -> None:
    ran = bare_shell.run("%load_ext nbconvex")
    assert len(ran.html) == len(ran.plain) == 1
    assert "nbconvex.duckdb (opens with the first cell that needs it)" in ran.plain[0]
    assert "%convex help" in ran.plain[0]
    assert list(tmp_path.iterdir()) == []


def test_loading_binds_names_that_are_free(bare_shell) -> None:
    bare_shell.run("v = 5")
    ran = bare_shell.run("%load_ext nbconvex")
    assert bare_shell.value("v") == 5
    assert "v: left as they are" in ran.plain[0]
    for name in set(NAMES) - {"v"}:
        assert bare_shell.value(name) is not None
    bare_shell.run("%unload_ext nbconvex")
    assert bare_shell.value("v") == 5
    assert not set(NAMES) - {"v"} & set(bare_shell.ipython.user_ns)


def test_unloading_takes_everything_out(bare_shell) -> None:
    shell = bare_shell.ipython
    before = set(shell.user_ns), len(shell.configurables), len(shell.Completer.custom_matchers)
    stdout, tracebacks = sys.stdout, shell.InteractiveTB.structured_traceback
    bare_shell.run("%load_ext nbconvex")
    bare_shell.run("%%mutation\ndef put(ctx):\n    print('hello')\n    return ctx.db.insert('things', {})")
    bare_shell.run("api.main.put()")
    bare_shell.run("%unload_ext nbconvex")
    bare_shell.run("%unload_ext nbconvex")
    hidden = {"_i", "_ii", "_iii", "_", "__", "___"}
    left = {name for name in set(shell.user_ns) - before[0] - hidden if not name.startswith("_")}
    assert left == set()
    assert (len(shell.configurables), len(shell.Completer.custom_matchers)) == before[1:]
    assert (sys.stdout, shell.InteractiveTB.structured_traceback) == (stdout, tracebacks)
    assert not any(name in shell.magics_manager.magics[kind] for kind in ("line", "cell") for name in MAGICS)
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("nbconvex")]


def test_loading_twice_changes_nothing(shell) -> None:
    api = shell.value("api")
    shell.run("%load_ext nbconvex")
    assert shell.value("api") is api


def test_reloading_keeps_data_and_definitions(shell) -> None:
    shell.run(PUT)
    assert shell.value("api.main.put(n=1)") == 1
    shell.run("%reload_ext nbconvex")
    assert shell.value("api.main.put(n=2)") == 2
    shell.run("%reload_ext nbconvex")
    assert "put" in shell.run("%convex functions").plain[0]


def test_unloading_and_loading_again_keeps_the_data(stored_shell) -> None:
    stored_shell.run(PUT)
    stored_shell.run("api.main.put(n=1)")
    stored_shell.run("%unload_ext nbconvex")
    stored_shell.run("%load_ext nbconvex")
    assert "FunctionNotFound" in type(stored_shell.fail("api.main.put(n=2)").error).__name__
    stored_shell.run(PUT)
    assert stored_shell.value("api.main.put(n=2)") == 2
