"""The notebook about files, from the first cell to the last, in a real kernel without a browser."""

from __future__ import annotations

import shutil

import pytest

from tests.notebook.kernel_driver import Kernel
from tests.notebook.test_browser import NOTEBOOKS, code_cells

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(120)]


@pytest.mark.case("guide/wf4_upload_flow")
def test_every_cell_of_the_notebook_about_files_runs(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("NBCONVEX_PORT", "0")
    shutil.copytree(NOTEBOOKS / "data", tmp_path / "data")
    with Kernel(tmp_path) as kernel:
        said = [kernel.run(source) for source in code_cells(NOTEBOOKS / "07-files.ipynb").values()]
    texts = " ".join(map(str, said))
    assert "It said: changed my mind" in texts
    assert "still there: True" in texts
    assert "its address now: None" in texts
    assert "'Gentoo': 124" in texts
