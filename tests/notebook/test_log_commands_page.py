"""Calls and results that follow as a person sees them: JupyterLab in a real browser, light and dark."""

from __future__ import annotations

import pytest

from tests.notebook.messages_app import APP

pytestmark = [pytest.mark.browser, pytest.mark.kernel, pytest.mark.timeout(300)]

CELLS = [
    "%load_ext nbconvex",
    *APP,
    "messages.send(channel='a', body='hello')",
    "%convex run messages:newest channel=a --watch",
    "%convex logs -f",
    "messages.send(channel='a', body='world')",
    "messages.fail()",
]


@pytest.mark.case("tooling/run_watch", "tooling/logs_follow")
def test_result_and_calls_are_updated_in_place(browser, lab, artefacts) -> None:
    context = browser.new_context(viewport={"width": 1250, "height": 1000})
    lab.write("logs.ipynb", CELLS)
    notebook = lab.open(context.new_page(), "logs.ipynb")
    page = notebook.page
    for at in range(7):
        notebook.run(at)
    page.wait_for_selector(".nbc-live tbody tr")
    result, calls = notebook.output(5), notebook.output(6)
    assert result.locator("tbody tr").count() == 1
    before = calls.locator("tbody tr").count()
    page.evaluate("() => { window.row = [...document.querySelectorAll('.nbc-live')].at(-1).querySelector('tr') }")
    notebook.run(7)
    notebook.run(8)
    page.wait_for_function("() => document.querySelector('.nbc-live td[data-kind=\"x\"]') !== null")
    # Those two, and the query that ran again for its view.
    page.wait_for_function(
        "(rows) => [...document.querySelectorAll('.nbc-live')].at(-1).querySelectorAll('tbody tr').length === rows",
        arg=before + 3,
    )
    assert "world" in result.inner_text()
    text = calls.inner_text()
    for words in ("messages:send", "mutation", "sending world", "ConvexError: no", "messages:newest (live)"):
        assert words in text
    assert page.evaluate("() => window.row.isConnected"), "patched, not drawn anew"
    notebook.cell(5).scroll_into_view_if_needed()
    notebook.picture(artefacts, "lab-logs")
    context.close()
