"""The notebook with a web page, in JupyterLab in a real browser: clicks reach the kernel, and cells reach the page."""

from __future__ import annotations

import shutil

import pytest

from tests.notebook.lab_driver import Lab
from tests.notebook.test_browser import NOTEBOOKS, code_cells, taught

NAME = "05-web-client.ipynb"

pytestmark = [pytest.mark.browser, pytest.mark.kernel, pytest.mark.node, pytest.mark.timeout(300)]


def test_the_page_in_the_notebook_follows_cells_and_its_clicks_are_mutations(
    web, browser, tmp_path, artefacts, monkeypatch
) -> None:
    monkeypatch.setenv("NBCONVEX_CONVEX_JS", str(web / "node_modules/convex/dist/browser.bundle.js"))
    with Lab(tmp_path, theme="JupyterLab Dark") as lab:
        shutil.copytree(NOTEBOOKS, lab.root, dirs_exist_ok=True)
        context = browser.new_context(viewport={"width": 1_250, "height": 900})
        notebook = lab.open(context.new_page(), NAME)
        code = code_cells(NOTEBOOKS / NAME)
        jury = next(at for at, source in code.items() if "time.sleep" in source)
        for at in (each for each in code if each < jury):
            notebook.run(at)
        page = notebook.page.frame_locator("iframe[title='The page']")
        page.get_by_role("button", name="Vote for Gentoo").click()
        page.get_by_role("listitem").filter(has_text="Gentoo").get_by_text("1", exact=True).wait_for()
        page.get_by_label("New candidate").fill("Gentoo")
        page.get_by_role("button", name="Nominate").click()
        page.get_by_text("Gentoo is a candidate already").wait_for()
        (artefacts / "lab-web-page-dark.png").write_bytes(notebook.page.screenshot())

        notebook.start(jury)
        page.get_by_role("listitem").filter(has_text="Gentoo").get_by_text("1", exact=True).wait_for(state="detached")
        assert notebook.is_running(jury), "the page follows while the kernel is busy"
        notebook.wait(jury)
        assert sum(map(int, page.locator("li span").all_inner_texts())) == 13
        page.get_by_label("New candidate").fill("Rockhopper")
        page.get_by_role("button", name="Nominate").click()
        page.get_by_text("Rockhopper").wait_for()
        for at in (each for each in taught(code) if each > jury):
            notebook.run(at)
        page.get_by_text("Rockhopper").wait_for(state="detached")
        context.close()
