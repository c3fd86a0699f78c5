"""The notebook about callers, run from top to bottom in a real kernel, twice: notebooks/04-auth.ipynb."""

from __future__ import annotations

import json

import pytest

from tests.architecture.house import ROOT
from tests.notebook.kernel_driver import Kernel

NOTEBOOK = ROOT / "notebooks" / "04-auth.ipynb"
#: What the answers to the cells that send something begin with, in their order.
ANSWERS = [
    "(200,", "(200,", "(401,", "(401,", "(401,", "(401,", "(401,", "(200,",
]  # fmt: skip


@pytest.mark.kernel
@pytest.mark.timeout(180)
def test_notebook_teaches_what_it_says_and_can_be_run_again(tmp_path) -> None:
    cells = [each for each in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"] if each["cell_type"] == "code"]
    with Kernel(tmp_path, NBCONVEX_PORT="0") as kernel:
        for _ in range(2):
            shown = []
            for cell in cells:
                code = "".join(cell["source"])
                is_lesson = "raises-exception" in cell["metadata"].get("tags", ())
                ran = (kernel.fail if is_lesson else kernel.run)(code)
                if "ask(" in code:
                    shown.append(ran.text)
                if "doctor" in code:
                    assert ran.text.endswith("✓ All good.")
                if "explain" in code:
                    assert ran.text.endswith("✗ Not good: expiry (exp).")
            sent = [text for text in shown if text.startswith("(")]
            assert [text[:5] for text in sent] == ANSWERS
            assert "without 'Bearer '" in sent[2]
            assert "It expired 1 hour ago" in sent[3]
            assert "was changed since" in sent[4]
            assert "It is signed with 'none'" in sent[5]
            assert "'convex' is expected" in sent[6]
