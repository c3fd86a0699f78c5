"""The notebook about endpoints, run from top to bottom in a real kernel, twice: notebooks/03-http-endpoints.ipynb."""

from __future__ import annotations

import json

import pytest

from tests.architecture.house import ROOT
from tests.notebook.kernel_driver import CellRun, Kernel

PAGE = ROOT / "notebooks" / "03-http-endpoints.ipynb"


pytestmark = [pytest.mark.kernel, pytest.mark.timeout(120)]


def code_cells() -> list[str]:
    cells = json.loads(PAGE.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def test_notebook_runs_and_runs_again(tmp_path) -> None:
    with Kernel(tmp_path, NBCONVEX_PORT="0", NBCONVEX_LIVE="html") as kernel:
        for _ in range(2):
            said = "\n".join(text for code in code_cells() for text in _said(kernel.run(code)))
    for words in (
        '200 {"hello":"Ada"}', '400 {"error":"Missing text"}', '"code":"ArgumentsInvalid"',
        "the slash at the end counts",
        "404 ", "access-control-allow-headers: content-type, authorization", "POST /machines, which has --no-cors",
        "✗ preflight: expected a status from 200 to 299", "MissingBearer", '{"success": true',
    ):  # fmt: skip
        assert words in said


def _said(run: CellRun) -> list[str]:
    # A table in plain text is cut to fit; the page has all of it.
    shown = [*run.displays, *([run.result] if run.result else [])]
    return [run.stdout, *(each[form] for each in shown for form in ("text/plain", "text/html") if form in each)]
