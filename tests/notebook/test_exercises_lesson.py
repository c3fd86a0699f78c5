"""The notebooks with exercises, from top to bottom in real kernels; their folded answers are right."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.notebook.kernel_driver import CellRun, Kernel
from tests.notebook.test_browser import NOTEBOOKS

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(180)]

_ANSWER = re.compile(r"<details>.*?</details>", re.DOTALL)
_SLOW = re.compile(r"\btime\.sleep\(")
_BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


class Lesson:
    """A notebook's cells, and what a kernel says to them."""

    def __init__(self, name: str) -> None:
        self.cells: list[dict[str, Any]] = json.loads((NOTEBOOKS / name).read_text(encoding="utf-8"))["cells"]

    def run_all(self, kernel: Kernel) -> list[CellRun]:
        """Run every cell; those that show an error must fail, and the others must not."""
        return [
            (kernel.fail if "raises-exception" in cell["metadata"].get("tags", ()) else kernel.run)(
                "".join(cell["source"])
            )
            for cell in self.cells
            if cell["cell_type"] == "code"
        ]

    def hurry(self) -> None:
        """Leave out what is slow for people to watch."""
        for cell in self.cells:
            cell["source"] = _SLOW.sub("(lambda _: None)(", "".join(cell["source"]))

    @property
    def answers(self) -> list[list[str]]:
        """The cells of each folded answer, in their order."""
        prose = "\n".join("".join(cell["source"]) for cell in self.cells if cell["cell_type"] == "markdown")
        return [_BLOCK.findall(answer) for answer in _ANSWER.findall(prose)]

    @property
    def checks(self) -> list[str]:
        """The lines that try solutions."""
        lines = ["".join(cell["source"]) for cell in self.cells]
        return [line for line in lines if line.startswith("%convex check")]


def assert_answers_are_right(lesson: Lesson, kernel: Kernel) -> None:
    assert len(lesson.checks) == len(lesson.answers) > 0
    for check, cells in zip(lesson.checks, lesson.answers, strict=True):
        assert "not yet" in kernel.run(check).text, "a check that an unsolved exercise passes checks nothing"
        for cell in cells:
            kernel.run(cell)
        assert "right" in kernel.run(check).text, kernel.run(check).text


def told(runs: list[CellRun]) -> str:
    return " ".join(map(str, runs))


def test_the_notebook_about_schemas_runs_twice_and_its_answers_are_right(tmp_path: Path) -> None:
    lesson = Lesson("02-schema-and-indexes.ipynb")
    for is_last in (False, True):
        with Kernel(tmp_path) as kernel:
            texts = told(lesson.run_all(kernel))
            if is_last:
                assert_answers_are_right(lesson, kernel)
    assert 'Did you mean "kind" where it has "knid"?' in texts
    assert "%%migration fit_bikes --table bikes" in texts
    assert "price_list is done: 4 documents of bikes visited, 4 changed" in texts
    assert "4 documents were checked, all of them fit" in texts


#: What the errors of the notebook about mistakes say, in the order of its cells.
TAUGHT = [
    "is a query, and queries only read", "actions have no ctx.db", "ctx.scheduler.run_after(0, internal.mail.send",
    "a network request", "a query that was not consumed", "ctx.runQuery is spelled ctx.run_query",
    "Write instead:  .with_index(...)", "Write instead:  await ctx.run_query(pets:of_kind, ...)", "Remove the await",
    "ctx.run_query(api.pets.of_kind, name=value)", 'Did you mean "pets:of_kind"?',
    'Did you mean "name" where it has "nmae"?', 'Value: "eighty"', 'Did you mean "price" where it has "prize"?',
    '.index("by_name", ["field"])   in the %%schema cell', "fields must be used in the order of the index",
    "sorted(x), or list(x)", "SyntaxError", "Could not find public function for 'mistakes16:good'",
    "this cell defines no query", "can't be used while functions are being defined", "Value: None",
]  # fmt: skip


def test_the_notebook_about_mistakes_runs_twice_teaches_each_and_its_answers_are_right(tmp_path: Path) -> None:
    lesson = Lesson("11-functions-that-teach.ipynb")
    for is_last in (False, True):
        with Kernel(tmp_path) as kernel:
            failed = [run for run in lesson.run_all(kernel) if run.error]
            for run, words in zip(failed, TAUGHT, strict=True):
                assert words in run.traceback + run.stderr, run
            if is_last:
                assert_answers_are_right(lesson, kernel)


def test_the_notebook_with_the_poll_runs_twice_and_its_answers_are_right(tmp_path: Path) -> None:
    lesson = Lesson("10-live-poll.ipynb")
    for is_last in (False, True):
        with Kernel(tmp_path) as kernel:
            texts = told(lesson.run_all(kernel))
            if is_last:
                assert_answers_are_right(lesson, kernel)
    assert "This question is closed." in texts
    assert "Bar chart of votes by choice: 4 points" in texts
    assert "'text/plain': '24'" in texts, "24 phones voted, and each counts once"


def test_the_notebook_about_services_runs_twice_and_its_answers_are_right(tmp_path: Path) -> None:
    lesson = Lesson("12-from-notebook-to-service.ipynb")
    for is_last in (False, True):
        with Kernel(tmp_path) as kernel:
            texts = told(lesson.run_all(kernel))
            if is_last:
                assert_answers_are_right(lesson, kernel)
    assert "passed: test_a_task_without_words_is_refused_and_nothing_is_stored" in texts
    assert "open_ones: FunctionReference" in texts
    assert "200 ok" in texts
    assert "it ended with status 0" in texts
    assert "tasks/documents.jsonl" in texts


#: Notebooks that are run twice elsewhere, and whether they wait for something that has to happen.
OTHERS = {
    "01-tour": False,
    "03-http-endpoints": False,
    "04-auth": False,
    "05-web-client": False,
    "06-scheduling": True,
    "07-files": False,
    "08-sql-and-charts": False,
    "09-search": False,
}


@pytest.mark.parametrize(("name", "waits"), OTHERS.items())
def test_the_answers_of_every_other_notebook_are_right(name: str, waits: bool, tmp_path: Path) -> None:
    shutil.copytree(NOTEBOOKS / "data", tmp_path / "data")
    lesson = Lesson(f"{name}.ipynb")
    if not waits:
        lesson.hurry()
    with Kernel(tmp_path) as kernel:
        lesson.run_all(kernel)
        assert_answers_are_right(lesson, kernel)
