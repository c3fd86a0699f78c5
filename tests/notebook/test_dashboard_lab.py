"""The dashboard in JupyterLab: nbconvex.notebook.dashboard."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.notebook.lab_driver import PATIENCE_S, READY, LabNotebook

pytestmark = [pytest.mark.browser, pytest.mark.kernel, pytest.mark.timeout(600)]

CELLS = [
    "%load_ext nbconvex",
    """%%schema
users = table({"name": v.string()}).index("by_name", ["name"], unique=True)
messages = table({
    "channel": v.string(), "body": v.string(), "likes": v.int64(), "score": v.number(),
    "author": v.optional(v.id("users")), "when": v.optional(v.datetime()), "tags": v.array(v.string()),
}).index("by_channel", ["channel"]).index("by_score", ["score"])""",
    """%%mutation messages
from datetime import datetime, UTC
def fill(ctx, count: int):
    ada = ctx.db.insert("users", {"name": "Ada"})
    for n in range(count):
        ctx.db.insert("messages", {
            "channel": ["general", "random"][n % 2],
            "body": f"message number {n}" + " and it goes on" * (n % 5 == 0) * 6,
            "likes": Int64(n), "score": n / 3, "author": ada, "when": datetime(2026, 1, 1 + n % 28, tzinfo=UTC),
            "tags": ["news", "sport"][: n % 3],
        })""",
    "api.messages.fill(count=300)",
    "%convex dashboard messages",
    "import time\ntime.sleep(200)",
    "%convex close",
]
DASHBOARD, BUSY, CLOSE = 4, 5, 6
GRID = ".nbc-panel-tables .nbc-main > .nbc-scroll"


@pytest.fixture
def notebook(browser, lab) -> Iterator[LabNotebook]:
    context = browser.new_context(viewport={"width": 1250, "height": 900})
    lab.write("dashboard.ipynb", CELLS)
    notebook = lab.open(context.new_page(), "dashboard.ipynb")
    for at in range(DASHBOARD + 1):
        notebook.run(at)
    notebook.page.wait_for_selector(f"{GRID} tbody tr")
    notebook.output(DASHBOARD).scroll_into_view_if_needed()
    yield notebook
    context.close()


def cell(page: Any, row: int, column: int) -> Any:
    return page.locator(f"{GRID} tbody tr:nth-child({row}) td:nth-child({column})")


@pytest.mark.case("tooling/edit_cell_in_grid")
def test_tables_are_edited_in_a_notebook_while_a_cell_runs(notebook, artefacts) -> None:
    page = notebook.page
    notebook.start(BUSY)
    cell(page, 3, 3).dblclick()
    page.wait_for_selector(".nbc-edit textarea")
    page.keyboard.type("edited while a cell runs")
    page.keyboard.press("Enter")
    page.wait_for_function(
        "selector => document.querySelector(selector)?.textContent === 'edited while a cell runs'",
        arg=f"{GRID} tbody tr:nth-child(3) td:nth-child(3)",
    )
    assert notebook.is_running(BUSY)
    # In a notebook two d delete a cell, x cuts one, and m makes prose of it.
    before = page.locator(".jp-Notebook .jp-Cell").count()
    for key in "ddxm":
        page.keyboard.press(key)
    assert page.locator(".jp-Notebook .jp-Cell").count() == before
    page.get_by_role("button", name="Add filter").click()
    page.get_by_label("Field").fill("score")
    page.get_by_label("Comparison").select_option("gt")
    page.get_by_label("Value").fill("90")
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('.nbc-table-foot').textContent.includes('through by_score')")
    cell(page, 2, 1).click()
    page.wait_for_selector(".nbc-form textarea")
    notebook.output(DASHBOARD).scroll_into_view_if_needed()
    notebook.picture(artefacts, "lab-dashboard")
    page.keyboard.press("Escape")
    # What the kernel says when it closes the store reaches the page, and what is there stays to be seen.
    page.get_by_title("Interrupt the kernel").first.click()
    # What is run before the interrupted cell has ended is aborted with it.
    notebook.wait(BUSY)
    page.wait_for_function(READY, timeout=PATIENCE_S * 1e3)
    notebook.run(CLOSE)
    page.wait_for_selector(".nbc-notice:not([hidden])", timeout=PATIENCE_S * 1e3)
    assert "The store was closed" in page.locator(".nbc-notice").inner_text()
    assert page.locator(f"{GRID} tbody tr").count() == 29
