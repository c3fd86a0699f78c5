"""The page's side of a live chart, on a bare page in a real browser: nbconvex/notebook/live_chart.js."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from nbconvex.notebook.chart import Chart, ChartOptions
from nbconvex.notebook.chart_drawing import compiled, library_source
from tests.notebook.bare_page import BarePage

pytestmark = pytest.mark.browser

#: How many points of the canvas are painted; and its colours, the most frequent first.
PAINTED = """() => {
  const canvas = document.querySelector("canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let painted = 0;
  for (let at = 3; at < data.length; at += 4) painted += data[at] > 0;
  return painted;
}"""
DARKEST = """() => {
  const canvas = document.querySelector("canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let [low, high] = [255, 0];
  for (let at = 0; at < data.length; at += 4) {
    if (data[at + 3] < 255) continue;
    low = Math.min(low, data[at]);
    high = Math.max(high, data[at]);
  }
  return [low, high];
}"""
#: Watch the drawing from here on: canvases that come or go, and frames on which nothing is painted.
WATCH = f"""() => {{
  window.canvas = document.querySelector("canvas");
  window.changes = 0;
  window.blank = 0;
  new MutationObserver((all) => {{ window.changes += all.length }})
    .observe(document.querySelector(".nbc-drawing"), {{ childList: true, subtree: true }});
  const look = () => {{
    if (({PAINTED})() < 500) window.blank += 1;
    requestAnimationFrame(look);
  }};
  requestAnimationFrame(look);
}}"""


class ChartPage(BarePage):
    """A chart of its own options on an empty page."""

    def __init__(self, context: Any, value: Any, kind: str = "line", **fields: Any) -> None:
        self.chart = Chart(ChartOptions.of(kind, **fields), compiled)
        super().__init__(context, self.state(value), library=library_source())

    def state(self, value: Any, **fields: Any) -> dict[str, Any]:
        picture = self.chart(value).to_wire()
        return {"title": "weather:hours", "args": "city='Oslo'", "picture": picture, "error": None, "ended": "",
                "at": time.time() * 1e3, **fields}  # fmt: skip

    def draw(self, value: Any, **fields: Any) -> None:
        self.update(self.state(value, **fields))

    def painted(self) -> int:
        self.page.wait_for_selector("canvas")
        count: int = self.page.evaluate(PAINTED)
        return count


def hours(count: int, top: float = 10.0) -> list[dict[str, Any]]:
    return [{"at": 1.79e12 + at * 3.6e6, "low": at % 7, "high": top + at % 5} for at in range(count)]


@pytest.fixture
def context(browser) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 800, "height": 460})
    yield context
    context.close()


@pytest.fixture
def lines(context) -> ChartPage:
    return ChartPage(context, hours(40), x="at", y="low,high")


def test_chart_is_drawn_without_a_network(context) -> None:
    asked = []
    context.on("request", lambda request: asked.append(request.url))
    bare = ChartPage(context, hours(40), x="at", y="low,high")
    assert bare.painted() > 3_000
    assert not bare.problems
    assert [url for url in asked if not url.startswith(("about:", "blob:"))] == []


def test_new_results_change_the_chart_that_is_there(lines) -> None:
    lines.painted()
    lines.page.evaluate(WATCH)
    for at in range(60):
        lines.draw(hours(20 + at, top=10.0 + at))
    lines.page.wait_for_timeout(100)
    assert lines.page.evaluate("[window.changes, window.blank]") == [0, 0]
    assert lines.page.evaluate("window.canvas === document.querySelector('canvas')")
    assert "79 rows" in lines.page.locator(".nbc-foot").inner_text()
    assert not lines.problems


def test_canvas_shows_the_newest_result(context) -> None:
    bare = ChartPage(context, [{"x": "a", "y": 10}, {"x": "b", "y": 10}], "bar", x="x", y="y")
    full = bare.painted()
    bare.draw([{"x": "a", "y": 10}, {"x": "b", "y": 0}])
    bare.page.wait_for_timeout(50)
    assert bare.painted() < full * 0.7


def test_empty_result_is_said_and_the_first_row_makes_a_chart(context) -> None:
    bare = ChartPage(context, [], x="at", y="low")
    assert "No rows" in bare.page.locator(".nbc-empty").inner_text()
    assert not bare.page.locator(".nbc-chart").is_visible()
    bare.draw(hours(1))
    assert bare.painted() > 300
    assert not bare.page.locator(".nbc-empty").is_visible()
    bare.draw([])
    assert "No rows" in bare.page.locator(".nbc-empty").inner_text()
    bare.draw(hours(9))
    assert bare.painted() > 1_000
    assert bare.page.locator("canvas").count() == 1


def test_chart_is_made_anew_where_the_kinds_of_values_change(context) -> None:
    bare = ChartPage(context, [{"x": 1, "y": 1}, {"x": 2, "y": 2}], "bar", x="x", y="y")
    bare.painted()
    bare.draw([{"x": "one", "y": 1}])
    bare.page.wait_for_timeout(100)
    assert bare.page.locator("canvas").count() == 1
    assert bare.painted() > 1_000
    assert not bare.problems


def test_data_and_names_never_become_markup_or_code(context) -> None:
    hostile = "<img src=x onerror=window.hacked=1>'+(window.hacked=1)+'"
    rows = [{hostile: hostile, "y": 1, "c": hostile}, {hostile: "</script>", "y": 2, "c": "datum"}]
    bare = ChartPage(context, rows, "bar", x=hostile, y="y", color="c")
    bare.painted()
    box = bare.page.locator("canvas").bounding_box()
    bare.page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.75)
    bare.page.wait_for_selector(".nbc-tip:not([hidden])")
    assert "onerror" in bare.page.locator(".nbc-tip").inner_text()
    bare.page.get_by_text("Points as a table").click()
    bare.page.wait_for_selector(".nbc-points td")
    assert "onerror" in bare.page.locator(".nbc-points").inner_text()
    bare.page.wait_for_timeout(50)
    assert bare.page.evaluate("window.hacked") is None
    assert bare.page.locator("main img, main script").count() == 0


def test_point_under_the_pointer_is_told(lines) -> None:
    lines.painted()
    box = lines.page.locator("canvas").bounding_box()
    tip = lines.page.locator(".nbc-tip")
    places = ((x, y) for x in range(20, 80, 4) for y in range(20, 250, 4))
    while not tip.is_visible():
        x, y = next(places)
        lines.page.mouse.move(box["x"] + x, box["y"] + y)
    assert re.fullmatch(r"at 2026-09-2\d \d\d:\d\d:\d\d\n(low|high) \d+", tip.inner_text())
    lines.page.mouse.move(box["x"] - 5, box["y"] - 5)
    assert not lines.page.locator(".nbc-tip").is_visible()


def test_chart_says_in_words_what_it_shows(lines) -> None:
    lines.painted()
    drawing = lines.page.locator(".nbc-drawing")
    assert drawing.get_attribute("role") == "img"
    assert drawing.get_attribute("aria-label").startswith("Line chart of low, high by at: 80 points in 2 colours")
    lines.draw(hours(3))
    assert "6 points" in drawing.get_attribute("aria-label")
    # What changes is said shortly, for it is said again and again.
    said = "weather:hours: 6 points, the last 12"
    lines.page.wait_for_function("(text) => document.querySelector('.nbc-said').textContent === text", arg=said)


def test_points_stand_in_a_table_for_whoever_opens_it(lines) -> None:
    lines.painted()
    assert lines.page.locator(".nbc-points td").count() == 0
    lines.page.get_by_text("Points as a table").click()
    lines.page.wait_for_selector(".nbc-points td")
    assert lines.page.locator(".nbc-points th").all_inner_texts() == ["at", "field", "value"]
    assert lines.column(1)[:3] == ["low", "high", "low"]
    lines.draw(hours(2))
    assert lines.column(2) == ["0", "10", "1", "11"]
    assert lines.page.locator(".nbc-points caption").text_content() == "Points"
    lines.draw(hours(150))
    assert lines.page.locator(".nbc-points tbody tr").count() == 200
    assert lines.page.locator(".nbc-points caption").text_content() == "The first 200 of 300 points"


def test_error_keeps_the_last_good_chart(lines) -> None:
    before = lines.painted()
    lines.draw(hours(40), error={"title": "KeyError", "message": "'x'"})
    assert "last good result" in lines.page.locator(".nbc-problem").inner_text()
    assert lines.painted() == pytest.approx(before, rel=0.05)


def test_chart_takes_the_width_that_there_is(lines) -> None:
    lines.painted()
    wide = lines.page.locator("canvas").bounding_box()["width"]
    lines.page.set_viewport_size({"width": 420, "height": 460})
    lines.page.wait_for_function(f"document.querySelector('canvas').getBoundingClientRect().width < {wide} - 200")
    assert lines.page.evaluate("document.documentElement.scrollWidth <= 420")


def test_colours_follow_the_theme(lines) -> None:
    lines.painted()
    light = lines.page.evaluate(DARKEST)
    lines.page.emulate_media(color_scheme="dark")
    lines.page.wait_for_timeout(150)
    dark = lines.page.evaluate(DARKEST)
    assert light[0] < 30
    assert dark[1] > 225


def test_ten_thousand_points_are_drawn_in_time(context) -> None:
    rows = [{"x": at % 997, "y": at * 7 % 1009} for at in range(10_000)]
    bare = ChartPage(context, rows, "scatter", x="x", y="y")
    assert bare.painted() > 20_000
    took_ms = bare.page.evaluate(
        """async (states) => {
          const began = performance.now();
          for (const state of states) { model.set(state); await new Promise(requestAnimationFrame); }
          return (performance.now() - began) / states.length;
        }""",
        [json.dumps(bare.state([{**row, "y": row["y"] + at} for row in rows])) for at in range(3)],
    )
    assert took_ms < 1_000


def test_view_that_is_closed_leaves_nothing_behind(lines) -> None:
    lines.painted()
    lines.page.evaluate("window.stop()")
    lines.draw(hours(5))
    lines.page.emulate_media(color_scheme="dark")
    lines.page.wait_for_timeout(50)
    assert lines.page.evaluate("model.sent") == [{"views": 1}, {"views": 0}]
    assert not lines.problems


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_charts_look_right_in_both_themes(browser, artefacts, scheme) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": 800, "height": 640})
    try:
        bare = ChartPage(context, hours(60), x="at", y="low,high")
        bare.painted()
        bare.page.get_by_text("Points as a table").click()
        bare.page.wait_for_timeout(100)
        (artefacts / f"live-chart-{scheme}.png").write_bytes(bare.page.screenshot())
        assert bare.contrast(".nbc-name") > 7
    finally:
        context.close()
