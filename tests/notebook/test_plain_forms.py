"""Front ends without widgets (Colab and VS Code as they come, saved notebooks, mails): all has a plain form."""

from __future__ import annotations

import pytest

from tests.notebook.kernel_driver import CellRun, Kernel

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(120)]

#: As if neither were installed. DuckDB, too, looks for ipywidgets in a kernel.
HIDE = """import importlib.util as util, sys
HIDDEN, find = ("anywidget", "ipywidgets"), util.find_spec
util.find_spec = lambda name, package=None: None if name in HIDDEN else find(name, package)
sys.modules.update(dict.fromkeys(HIDDEN))"""
WIDGET = "application/vnd.jupyter.widget-view+json"
APP = [
    "%load_ext nbconvex",
    """%%mutation shop
def add(ctx, n: float):
    ctx.db.insert("sales", {"n": n, "day": "<b>Monday</b>"})
def later(ctx):
    return [ctx.scheduler.run_after(0, internal.shop.add, n=n) for n in range(3)]""",
    "%%query shop\ndef sales(ctx):\n    return ctx.db.query('sales').collect()",
    "for n in range(3): api.shop.add(n=n)",
]
#: What shows something that moves, and what its plain form says.
SHOWN = {
    "%live shop:sales": "shop:sales",
    "%live shop:sales --chart bar --y n": "Bar chart of n by position: 3 points",
    "%convex jobs": "scheduled functions",
    "import nbconvex; nbconvex.upload()": "upload",
    "nbconvex.progress(api.shop.later(), title='three')": "three",
    # What is over before it could be read has no bar.
    "%convex export sales.jsonl --table sales": "sales.jsonl",
    "%%migration grow --table sales\ndef migrate_one(ctx, sale):\n    return {'year': 2026}": "grow",
}


def shown(run: CellRun) -> list[dict[str, str]]:
    return [*run.displays, *([run.result] if run.result else [])]


@pytest.mark.parametrize("has_widgets", [True, False])
def test_everything_that_moves_says_the_same_in_plain_forms(tmp_path, has_widgets) -> None:
    with Kernel(tmp_path) as kernel:
        for cell in [*([] if has_widgets else [HIDE]), *APP]:
            kernel.run(cell)
        widgets = []
        for cell, words in SHOWN.items():
            first = shown(kernel.run(cell))[0]
            assert words in first["text/plain"], cell
            html = first["text/html"]
            assert words in html, cell
            assert "<script" not in html
            assert "<b>Monday" not in html
            widgets.append(WIDGET in first)
        assert widgets[:5] == [has_widgets] * 5
        # What DuckDB does for us needs no widgets either, nor does the file when it is closed.
        kernel.run("%%convex_sql\nSELECT count(*) FROM sales")
        kernel.run("%convex close")
        assert "Monday" in kernel.run("%convex data sales").text
