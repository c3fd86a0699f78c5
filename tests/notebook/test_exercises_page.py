"""The poll of a class in JupyterLab, its pages without the client from npm: two phones vote, and the chart follows.

With the client, and with a teacher who changes the app meanwhile: test_live_poll_lab.py.
"""

from __future__ import annotations

import re
import shutil
from typing import Any

import pytest

from tests.notebook.lab_driver import Lab, LabNotebook
from tests.notebook.test_browser import NOTEBOOKS, code_cells

NAME = "10-live-poll.ipynb"

pytestmark = [pytest.mark.browser, pytest.mark.kernel, pytest.mark.timeout(300)]


class Phone:
    """A student's browser on the page of the poll."""

    def __init__(self, browser: Any, address: str, scheme: str) -> None:
        self.context = browser.new_context(viewport={"width": 390, "height": 640}, color_scheme=scheme)
        self.page = self.context.new_page()
        self.page.goto(address)

    def vote(self, choice: str) -> None:
        self.page.get_by_role("button", name=choice).click()
        self.page.get_by_role("button", name=choice, pressed=True).wait_for()

    def wait_for(self, text: str) -> None:
        self.page.get_by_text(text, exact=True).wait_for()


def wait_for_chart(notebook: LabNotebook, words: str) -> None:
    said = f".nbc-drawing[aria-label*='{words}']"
    notebook.page.locator(said).first.wait_for(state="attached")


def test_two_phones_that_ask_once_a_second_vote_and_the_chart_in_the_notebook_follows(
    browser, tmp_path, artefacts, monkeypatch
) -> None:
    monkeypatch.setenv("NBCONVEX_CONVEX_JS", str(tmp_path / "nowhere.js"))
    with Lab(tmp_path, theme="JupyterLab Dark") as lab:
        shutil.copytree(NOTEBOOKS, lab.root, dirs_exist_ok=True)
        context = browser.new_context(viewport={"width": 1_250, "height": 1_000}, color_scheme="dark")
        notebook = lab.open(context.new_page(), NAME)
        code = code_cells(NOTEBOOKS / NAME)
        live = next(at for at, source in code.items() if source.startswith("%live"))
        served = next(at for at, source in code.items() if source.startswith("%%http"))
        close = next(at for at, source in code.items() if "teacher.close()" in source and "post(" in source)
        for at in (each for each in code if each <= live):
            notebook.run(at)
        wait_for_chart(notebook, "greatest 0")
        found = re.search(r"http://\S+/poll", notebook.output(served).text_content())
        assert found is not None
        ada, bob = (Phone(browser, found[0], "dark") for _ in range(2))
        ada.vote("The platypus")
        wait_for_chart(notebook, "greatest 1 at The platypus")
        bob.vote("The platypus")
        wait_for_chart(notebook, "greatest 2 at The platypus")
        ada.wait_for("2 votes")
        bob.vote("The bat")
        wait_for_chart(notebook, "greatest 1 at The platypus")
        ada.wait_for("2 votes")  # a mind was changed, no vote was added
        framed = notebook.page.frame_locator(".jp-OutputArea iframe")
        framed.get_by_text("2 votes", exact=True).wait_for()
        notebook.output(live).scroll_into_view_if_needed()
        (artefacts / "poll-notebook-dark.png").write_bytes(notebook.page.screenshot())
        (artefacts / "poll-phone-dark.png").write_bytes(ada.page.screenshot())

        for at in (each for each in code if live < each <= close):
            notebook.run(at)
        ada.wait_for("26 votes, and the question is closed")
        assert ada.page.get_by_role("button", name="The bat").is_disabled()
        # A cell whose text is folded away has no prompt to click at; the exercises are tried elsewhere.
        for at in (at for at, source in code.items() if at > close and "exercise" not in source):
            notebook.run(at)
        ada.wait_for("How was today's lesson?")
        bob.vote("Just right")
        wait_for_chart(notebook, "greatest 1 at Just right")
        for each in (ada, bob):
            each.context.close()
        context.close()
