"""The notebook about endpoints, cell by cell: notebooks/03-http-endpoints.ipynb."""

from __future__ import annotations

import json

from tests.architecture.house import ROOT

PAGE = ROOT / "notebooks" / "03-http-endpoints.ipynb"


def code_cells() -> list[str]:
    cells = json.loads(PAGE.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def test_notebook_runs_and_runs_again(bare_shell, monkeypatch) -> None:
    monkeypatch.setenv("NBCONVEX_PORT", "0")
    monkeypatch.setenv("NBCONVEX_LIVE", "html")
    for _ in range(2):
        said = "\n".join(text for code in code_cells() for text in _said(bare_shell.run(code)))
    for words in (
        '200 {"hello":"Ada"}', '400 {"error":"Missing text"}', '"code":"ArgumentsInvalid"',
        "the slash at the end counts",
        "404 ", "access-control-allow-headers: content-type, authorization", "POST /machines, which has --no-cors",
        "✗ preflight: expected a status from 200 to 299", "MissingBearer", '{"success": true',
    ):  # fmt: skip
        assert words in said


def _said(ran) -> list[str]:
    # A table in plain text is cut to fit; the page has all of it.
    return [ran.stdout, *ran.plain, *ran.html]
