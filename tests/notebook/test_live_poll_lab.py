"""The class app: the teacher's notebook in JupyterLab, the students' pages in browsers of their own, one kernel."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import HAS_NODE, WEB
from tests.notebook.lab_driver import Lab, LabNotebook
from tests.notebook.test_browser import NOTEBOOKS, code_cells

NAME = "10-live-poll.ipynb"

pytestmark = [pytest.mark.browser, pytest.mark.kernel, pytest.mark.timeout(300)]

SHOW_LAB_IN = "(theme) => jupyterapp.commands.execute('apputils:change-theme', {theme})"
#: What JupyterLab shows beside the notebook takes half of the screen.
HIDE_FILES = "() => jupyterapp.commands.execute('application:toggle-left-area')"


class Student:
    """The page of the poll on somebody's phone."""

    def __init__(self, context: Any, address: str) -> None:
        self.page = context.new_page()
        self.page.goto(address)
        self.page.locator("button").first.wait_for()

    def vote(self, choice: str) -> None:
        self.page.get_by_role("button", name=choice).click()
        self.page.locator("button[aria-pressed=true]", has_text=choice).wait_for()

    def sees(self, *texts: str) -> None:
        """Wait until the page says so: the question, then its choices with their counts."""
        wanted = " ".join(texts)
        self.page.wait_for_function(
            "(wanted) => document.body.innerText.replace(/\\s+/g, ' ').includes(wanted)", arg=wanted
        )


class Teacher:
    """The notebook, run as far as the wall, and the room let in as its text says."""

    def __init__(self, notebook: LabNotebook, code: dict[int, str]) -> None:
        self.notebook, self.code, self.page = notebook, code, notebook.page
        for at in (each for each in code if each <= self.at("%live")):
            notebook.run(at)
        self.page.get_by_text("Points as a table").click()

    def at(self, text: str) -> int:
        """The first code cell with a text in it."""
        return next(at for at, source in self.code.items() if text in source)

    def rewrite(self, at: int, change: Callable[[str], str]) -> None:
        """Select everything in a cell, write something else, and run it."""
        self.code[at] = change(self.code[at])
        self.notebook.cell(at).locator(".cm-content").click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(self.code[at])
        self.page.keyboard.press("Control+Enter")
        self.notebook.wait(at)

    def wall_shows(self, **votes: int) -> None:
        """Wait until the chart has these points, which its table lists."""
        self.page.wait_for_function(
            """(wanted) => {
              const cells = [...document.querySelectorAll(".nbc-points td")].map((cell) => cell.textContent);
              return JSON.stringify(cells) === wanted;
            }""",
            arg="[" + ",".join(f'"{choice.replace("_", " ")}","{count}"' for choice, count in votes.items()) + "]",
        )

    def address(self) -> str:
        """The line that the last step of the notebook prints for the class."""
        printed = self.notebook.output(self.at("address_in_the_room")).inner_text()
        found = re.fullmatch(r"http://\S+/poll", printed.strip())
        assert found, "the notebook prints the address, without a word behind it when the room is let in"
        return found[0]


@contextmanager
def class_room(browser: Any, folder: Path) -> Iterator[tuple[Teacher, Callable[..., Student]]]:
    with Lab(folder) as lab:
        shutil.copytree(NOTEBOOKS, lab.root, dirs_exist_ok=True)
        if HAS_NODE:
            # As `npm install convex` leaves it: pages follow instead of asking once a second.
            (lab.root / "node_modules").symlink_to(WEB / "node_modules", target_is_directory=True)
        code = code_cells(NOTEBOOKS / NAME)
        context = browser.new_context(viewport={"width": 1_250, "height": 1_000})
        notebook = lab.open(context.new_page(), NAME)
        notebook.page.evaluate(HIDE_FILES)
        teacher = Teacher(notebook, code)
        # The first step of "open the class room" is a line that the teacher writes.
        teacher.rewrite(teacher.at("# Your solution"), lambda _: "%convex serve --host 0.0.0.0")
        notebook.run(teacher.at("address_in_the_room"))

        def join(scheme: str = "light") -> Student:
            phone = {"width": 400, "height": 640}
            return Student(browser.new_context(viewport=phone, color_scheme=scheme), teacher.address())

        yield teacher, join
        for each in browser.contexts:
            each.close()


def test_a_class_votes_on_its_phones_and_the_wall_follows(browser, tmp_path, artefacts) -> None:
    with class_room(browser, tmp_path) as (teacher, join):
        ada, ben = join(), join("dark")
        ada.sees("Which one lays eggs?", "0 The whale")
        teacher.wall_shows(The_whale=0, The_platypus=0, The_bat=0, The_seal=0)
        ada.vote("The platypus")
        ben.vote("The bat")
        ada.sees("0 The whale 1 ✓ The platypus 1 The bat 0 The seal 2 votes")
        ben.sees("1 The platypus 1 ✓ The bat")
        teacher.wall_shows(The_whale=0, The_platypus=1, The_bat=1, The_seal=0)
        ben.vote("The platypus")
        teacher.wall_shows(The_whale=0, The_platypus=2, The_bat=0, The_seal=0)
        if HAS_NODE:
            assert ada.page.evaluate("'convex' in window"), "the page follows with the official client"

        late = join()
        late.sees("Which one lays eggs?", "0 The whale 2 The platypus")
        late.vote("The seal")
        ada.sees("2 ✓ The platypus 0 The bat 1 The seal 3 votes")
        teacher.wall_shows(The_whale=0, The_platypus=2, The_bat=0, The_seal=1)
        teacher.notebook.output(teacher.at("%live")).scroll_into_view_if_needed()
        for theme in ("JupyterLab Dark", "JupyterLab Light"):
            teacher.page.evaluate(SHOW_LAB_IN, theme)
            teacher.page.wait_for_timeout(300)
            (artefacts / f"lab-poll-{theme[11:].lower()}.png").write_bytes(teacher.page.screenshot())
        for name, student in (("ada", ada), ("ben", ben)):
            (artefacts / f"poll-{name}.png").write_bytes(student.page.screenshot())

        # The teacher's own question, and then other code: no page is loaded again.
        question = teacher.at("How was today's lesson?")
        teacher.rewrite(question, lambda cell: cell.replace("How was today's lesson?", "Shall we stop?"))
        for student in (ada, ben, late):
            student.sees("Shall we stop?", "0 Too fast 0 Just right 0 Too slow 0 votes")
        teacher.wall_shows(Too_fast=0, Just_right=0, Too_slow=0)
        late.vote("Just right")
        teacher.wall_shows(Too_fast=0, Just_right=1, Too_slow=0)
        teacher.rewrite(
            teacher.at("%%query poll"), lambda cell: cell.replace('question["text"],', 'question["text"].upper(),')
        )
        ada.sees("SHALL WE STOP?", "0 Too fast 1 Just right")
        late.sees("SHALL WE STOP?", "0 Too fast 1 ✓ Just right")

        teacher.rewrite(teacher.at("internal.teacher.close()"), lambda _: "internal.teacher.close()")
        late.sees("1 vote, and the question is closed")
        assert late.page.locator("button:disabled").count() == 3
