"""The table of jobs and the progress bar as a person sees them: JupyterLab in a real browser."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.kernel, pytest.mark.timeout(300)]

CELLS = [
    "%load_ext nbconvex\nimport nbconvex, time",
    """%%mutation m
def note(ctx, n: float):
    ctx.db.insert("notes", {"n": n})

def plan(ctx, count: int, delay: float, step: float = 0):
    return [ctx.scheduler.run_after(delay + step * n, m.note, n=n) for n in range(count)]""",
    "ids = plan(count=3, delay=600_000)",
    "%convex jobs",
    "nbconvex.progress(plan(count=20, delay=2_000, step=150), title='notes')",
]


def test_job_is_canceled_by_a_click_and_the_bar_moves(browser, lab, artefacts) -> None:
    context = browser.new_context(viewport={"width": 1250, "height": 900})
    lab.write("jobs.ipynb", CELLS)
    notebook = lab.open(context.new_page(), "jobs.ipynb")
    for at in range(4):
        notebook.run(at)
    page = notebook.page
    page.wait_for_selector(".nbc-live .nbc-press")
    table = notebook.output(3)
    assert table.locator(".nbc-press").count() == 3
    table.locator(".nbc-press").first.click()
    page.wait_for_function("() => document.querySelectorAll('.nbc-live .nbc-press').length === 2")
    assert "canceled" in table.inner_text()
    notebook.run(4)
    page.wait_for_selector(".nbc-progress progress")
    seen: list[float] = []

    def value() -> Any:
        return page.evaluate("() => document.querySelector('.nbc-progress progress').value")

    while not seen or seen[-1] < 1:
        now = value()
        if not seen or now != seen[-1]:
            seen.append(now)
            if len(seen) == 6:
                notebook.cell(4).scroll_into_view_if_needed()
                (artefacts / "lab-jobs.png").write_bytes(page.screenshot())
        page.wait_for_timeout(50)
    assert seen == sorted(seen)
    assert len(seen) >= 7, "five values and more between the first and the last"
    context.close()
