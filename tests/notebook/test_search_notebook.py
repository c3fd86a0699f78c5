"""The notebook about search, run from top to bottom in a real kernel, twice: notebooks/09-search.ipynb."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.notebook.kernel_driver import Kernel
from tests.notebook.test_browser import NOTEBOOKS

#: What cells answer that begin so.
ANSWERS = {
    'search(text="captain with a parrot")': "['Treasure Island (Robert Louis Stevenson)'",
    'search(text="WOLVES': "['The Jungle Book (Rudyard Kipling)', 'The Call of the Wild (Jack London)']",
    "for typed in": "submarine ['Twenty Thousand Leagues Under the Seas (Jules Verne)']",
    'search(text="?!")': "[]",
    "search_on(text": "(['The Island of Doctor Moreau (1896)'],",
    "before(text": "['Robinson Crusoe', \"Gulliver's Travels\"]",
    'search(text="thinking computer")': "[]",
    "import re": "[2.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]",
    "about_the_same(": "['0.95 R.U.R.', '0.89 The Time Machine',",
    "more_like(": "'Moby-Dick'",
    "best(": "['1.67 R.U.R.', '1.14 Kidnapped',",
}


@pytest.mark.kernel
@pytest.mark.timeout(180)
def test_notebook_finds_what_it_says_and_can_be_run_again(tmp_path) -> None:
    shutil.copytree(NOTEBOOKS / "data", tmp_path / "data")
    cells = json.loads((NOTEBOOKS / "09-search.ipynb").read_text(encoding="utf-8"))["cells"]
    with Kernel(tmp_path, NBCONVEX_PORT="0") as kernel:
        for _ in range(2):
            said = {}
            for cell in cells:
                if cell["cell_type"] == "code":
                    code = "".join(cell["source"])
                    is_lesson = "raises-exception" in cell["metadata"].get("tags", ())
                    said[code] = (kernel.fail if is_lesson else kernel.run)(code)
            for beginning, answer in ANSWERS.items():
                [shown] = [f"{ran.stdout}{ran.text}" for code, ran in said.items() if code.startswith(beginning)]
                assert answer in " ".join(shown.split()), beginning
            [counted] = [ran.stdout for code, ran in said.items() if code.startswith("def shelve")]
            assert counted.splitlines() == ["dragons: 1 - runs: 1", "dragons: 1 - runs: 1", "dragons: 2 - runs: 2"]
            [lesson] = [ran for code, ran in said.items() if code.startswith("newest(")]
            assert "search results always come by relevance" in lesson.traceback
            assert "The Iron Sailors" in kernel.run('best(text="a ship with robots")[0]').text
