"""The notebook about SQL and charts, from the first cell to the last, twice, in real kernels without a browser."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.notebook.kernel_driver import Kernel
from tests.notebook.test_browser import NOTEBOOKS

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(180)]

NOTEBOOK = NOTEBOOKS / "08-sql-and-charts.ipynb"


def run_all(folder) -> str:
    cells = [each for each in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"] if each["cell_type"] == "code"]
    with Kernel(folder) as kernel:
        said = [
            (kernel.fail if "raises-exception" in cell["metadata"].get("tags", ()) else kernel.run)(
                # Slow enough to watch, for people.
                "".join(cell["source"]).replace("time.sleep(0.1)", "time.sleep(0.01)")
            )
            for cell in cells
        ]
    return " ".join(map(str, said))


def test_every_cell_of_the_notebook_about_sql_runs_and_runs_again(tmp_path) -> None:
    shutil.copytree(NOTEBOOKS / "data", tmp_path / "data")
    for _ in range(2):
        texts = run_all(tmp_path)
        assert "DELETE writes: use a mutation" in texts
        assert 'Did you mean "month"?' in texts
        assert "Line chart of low, high by month: 42 points in 2 colours (low, high)" in texts
        assert "'month': '2015-12-01'" in texts
        assert "Bar chart of low, high by season: 8 points" in texts
        assert "data:image/png;base64," in texts
