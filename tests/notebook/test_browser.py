"""The notebook as a person sees it: JupyterLab in a real browser."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.notebook.lab_driver import LabNotebook

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"

pytestmark = [pytest.mark.browser, pytest.mark.kernel, pytest.mark.timeout(300)]

CELLS = [
    "%load_ext nbconvex",
    """%%schema
messages = table({
    "channel": v.string(),
    "body": v.string(),
    "likes": v.number(),
}).index("by_channel", ["channel"])""",
    """%%query messages
def newest(ctx, channel: str):
    found = ctx.db.query("messages").with_index("by_channel", channel=channel)
    return found.order("desc").collect()""",
    """%%mutation messages
def send(ctx, channel: str, body: str, likes: int = 0):
    return ctx.db.insert("messages", {"channel": channel, "body": body, "likes": likes})

def like(ctx, id: Id["messages"]):
    ctx.db.patch(id, {"likes": ctx.db.get(id)["likes"] + 1})""",
    """for n in range(6):
    more = " and it goes on" * 6 * (n == 2)
    last = api.messages.send(channel="general", body=f"message number {n}{more}", likes=n * 7)""",
    "%live messages:newest channel=general",
    """import threading, time
def work():
    for n in range(30):
        time.sleep(0.25)
        api.messages.like(id=last)
threading.Thread(target=work).start()
time.sleep(10)""",
    "%convex status",
    "%convex functions",
    'api.messages.send(channel="general", body=5)',
    "%convex run messages:newest channel=general",
]


@pytest.fixture
def notebook(browser, lab) -> Iterator[LabNotebook]:
    context = browser.new_context(viewport={"width": 1250, "height": 900})
    lab.write("live.ipynb", CELLS)
    yield lab.open(context.new_page(), "live.ipynb")
    context.close()


def likes(notebook: LabNotebook) -> int:
    return int(notebook.output(5).locator("tbody tr").first.locator("td").nth(3).inner_text())


@pytest.mark.case("notebook/watch_in_output")
def test_live_table_changes_on_the_page_while_another_cell_sleeps(notebook, artefacts) -> None:
    for at in range(6):
        notebook.run(at)
    notebook.page.wait_for_selector(".nbc-live tbody tr")
    before = likes(notebook)
    notebook.start(6)
    seen = set()
    while notebook.is_running(6) and len(seen) < 5:
        seen.add(likes(notebook))
        notebook.page.wait_for_timeout(300)
    assert len(seen) == 5
    assert max(seen) > before
    assert notebook.is_running(6)
    notebook.picture(artefacts, "lab-live")
    notebook.wait(6)
    for at in range(7, len(CELLS)):
        notebook.run(at)
    notebook.cell(len(CELLS) - 1).scroll_into_view_if_needed()
    notebook.picture(artefacts, "lab-answers")
    assert "messages:newest" in notebook.output(8).inner_text()
    assert "ArgumentValidationError" in notebook.output(9).inner_text()


def code_cells(notebook: Path) -> dict[int, str]:
    """A notebook's code cells by position."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return {at: "".join(each["source"]) for at, each in enumerate(cells) if each["cell_type"] == "code"}


def taught(code: dict[int, str]) -> list[int]:
    """The positions of all cells but those of exercises: what is folded away has no prompt to click at."""
    return [at for at, source in code.items() if "exercise" not in source]


def texts(notebook: LabNotebook) -> list[str]:
    # Not inner_text: Lab does not lay out what is scrolled away.
    found: list[str] = notebook.page.locator(".nbc-live:not(.nbc-dash) tbody tr").all_text_contents()
    return found


def test_tour_runs_and_its_live_table_changes(browser, lab, artefacts) -> None:
    shutil.copytree(NOTEBOOKS, lab.root, dirs_exist_ok=True)
    context = browser.new_context(viewport={"width": 1250, "height": 900})
    notebook = lab.open(context.new_page(), "01-tour.ipynb")
    code = code_cells(NOTEBOOKS / "01-tour.ipynb")
    live = next(at for at, source in code.items() if source.startswith("%live"))
    busy = next(at for at, source in code.items() if "time.sleep" in source)
    for at in (each for each in code if each < busy):
        notebook.run(at)
    notebook.page.wait_for_selector(".nbc-live tbody tr")
    before = texts(notebook)
    notebook.start(busy)
    while texts(notebook) == before:
        assert notebook.is_running(busy)
        notebook.page.wait_for_timeout(50)
    assert notebook.is_running(busy)
    notebook.output(live).scroll_into_view_if_needed()
    notebook.picture(artefacts, "tour-live")
    for at in (each for each in taught(code) if each > busy):
        notebook.run(at)
    assert "kg" in notebook.page.locator(".nbc-live:not(.nbc-dash) thead").text_content()
    refused = next(at for at, source in code.items() if "Emperor" in source)
    assert "ArgumentsInvalidError" in notebook.output(refused).text_content() or "DocumentInvalidError" in (
        notebook.output(refused).text_content()
    )
    notebook.output(live).scroll_into_view_if_needed()
    notebook.picture(artefacts, "tour-end")
    context.close()
