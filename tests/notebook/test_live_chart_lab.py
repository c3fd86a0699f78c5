"""A live chart and a live table of SQL in JupyterLab, followed through many commits by a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.notebook.lab_driver import LabNotebook
from tests.notebook.test_live_chart_page import PAINTED, WATCH

pytestmark = [pytest.mark.browser, pytest.mark.kernel, pytest.mark.timeout(300)]

MUTATIONS = 100
CELLS = [
    "%load_ext nbconvex",
    """%%mutation weather
def note(ctx, hour: float, low: float, high: float):
    ctx.db.insert("weather", {"hour": hour, "low": low, "high": high})""",
    """%%query weather
def hours(ctx):
    return ctx.db.query("weather").order("desc").take(60)""",
    """from math import sin
def hour(n):
    weather.note(hour=1.79e12 + n * 3.6e6, low=8 + 4 * sin(n / 4), high=15 + 5 * sin(n / 4) + n % 3)
for n in range(60):
    hour(n)""",
    """%%query weather:warmest --sql --live "count=8" --args "count: float"
SELECT hour::BIGINT AS hour, round(high, 1) AS high FROM weather
ORDER BY weather.high DESC LIMIT $count""",
    "%live weather:hours --chart line --x hour --y low,high",
    f"""import time
from nbconvex.notebook.live_chart import LiveChart
sent = []
send = LiveChart._send
LiveChart._send = lambda self, *args, **more: (sent.append(1), send(self, *args, **more))
for n in range(60, 60 + {MUTATIONS}):
    hour(n)
    time.sleep(0.02)
time.sleep(0.5)
print(len(sent), "messages")""",
]


@pytest.fixture
def notebook(browser, lab) -> Iterator[LabNotebook]:
    context = browser.new_context(viewport={"width": 1250, "height": 900})
    lab.write("chart.ipynb", CELLS)
    yield lab.open(context.new_page(), "chart.ipynb")
    context.close()


def test_chart_and_table_follow_a_hundred_mutations_in_place(notebook, artefacts) -> None:
    page = notebook.page
    for at in range(6):
        notebook.run(at)
    page.wait_for_selector(".nbc-chart canvas")
    page.wait_for_timeout(300)
    page.evaluate(WATCH)
    page.evaluate("window.table = document.querySelector('.nbc-table')")
    rows = page.locator(".nbc-table tbody tr")
    assert rows.count() == 8
    top = rows.first.text_content()
    nodes = "[...document.querySelectorAll('.nbc-live')].map((view) => view.querySelectorAll('*').length)"
    before, first = page.evaluate(nodes), page.evaluate("document.querySelector('.nbc-state').textContent")
    notebook.run(6)
    assert page.evaluate("[window.changes, window.blank]") == [0, 0]
    assert page.evaluate("window.canvas === document.querySelector('.nbc-chart canvas')")
    assert page.evaluate("window.table === document.querySelector('.nbc-table')")
    assert page.evaluate(nodes) == before
    assert (rows.count(), rows.first.text_content() == top) == (8, False)
    assert page.evaluate("document.querySelector('.nbc-state').textContent") != first
    assert page.evaluate(PAINTED) > 3_000
    # Ten pictures a second at most, however many commits there are.
    messages = int(notebook.output(6).inner_text().partition(" ")[0])
    assert 5 <= messages <= MUTATIONS
    notebook.output(5).scroll_into_view_if_needed()
    notebook.picture(artefacts, "lab-chart")
