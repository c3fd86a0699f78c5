"""The page's side of a live view, on a bare page in a real browser: nbconvex/notebook/live_table.js."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from nbconvex.notebook.picture import picture_of
from tests.notebook.bare_page import BarePage

pytestmark = pytest.mark.browser


def documents(count: int, **changes: Any) -> list[dict[str, Any]]:
    return [
        {"_id": f"id{at}", "body": f"text {at}", "n": at, "_creationTime": 1.7e12 + at, **changes}
        for at in range(count)
    ]


def state(value: Any = None, **fields: Any) -> dict[str, Any]:
    picture = None if value is None else picture_of(value).to_wire()
    return {
        "title": "main:list",
        "args": "",
        "picture": picture,
        "error": None,
        "ended": "",
        "at": time.time() * 1e3,
        **fields,
    }


@pytest.fixture
def context(browser) -> Iterator[Any]:
    context = browser.new_context()
    yield context
    context.close()


def test_rows_stand_in_the_order_of_the_query(context) -> None:
    bare = BarePage(context, state(documents(3)))
    assert bare.column(1) == ["text 0", "text 1", "text 2"]
    bare.update(state(documents(3)[::-1]))
    assert bare.column(1) == ["text 2", "text 1", "text 0"]
    assert not bare.problems


def test_data_never_becomes_markup(context) -> None:
    hostile = "<img src=x onerror=window.hacked=1><script>window.hacked=1</script>"
    bare = BarePage(context, state([{"_id": hostile, hostile: hostile}], title=hostile, args=hostile))
    bare.update(state([{"_id": hostile, hostile: {"a": hostile}}], error={"title": hostile, "message": hostile}))
    bare.update(state(hostile))
    bare.page.wait_for_timeout(50)
    assert bare.page.evaluate("window.hacked") is None
    assert bare.page.locator("main img, main script").count() == 0


def test_only_what_changed_is_marked_and_elements_stay(context) -> None:
    bare = BarePage(context, state(documents(3)))
    bare.page.evaluate("() => { window.first = document.querySelector('tbody tr') }")
    changed = documents(3)
    changed[0]["n"] = 99
    bare.update(state([*changed, {"_id": "new", "body": "new", "n": 0, "_creationTime": 0.0}]))
    marked = bare.page.locator("td.nbc-a, td.nbc-b").all_inner_texts()
    assert marked[0] == "99"
    assert marked[1:3] == ["new", "new"]
    assert len(marked) == 5
    assert bare.page.evaluate("() => window.first === document.querySelector('tbody tr')")
    assert "1 new, 1 changed" in bare.page.locator(".nbc-foot").inner_text()


def test_focus_survives_an_update_and_a_reordering(context) -> None:
    bare = BarePage(context, state(documents(5)))
    bare.page.locator("tbody tr:nth-child(2) td:nth-child(2)").focus()
    bare.update(state([*documents(5)[::-1], {"_id": "z", "body": "z"}]))
    assert bare.page.evaluate("document.activeElement.textContent") == "text 1"


def test_keyboard_walks_the_cells_and_turns_pages(context) -> None:
    bare = BarePage(context, state(documents(120)))
    focused = "document.activeElement.textContent"
    bare.page.keyboard.press("Tab")
    assert bare.page.evaluate(focused) == "id0"
    for key in ("ArrowRight", "ArrowDown"):
        bare.page.keyboard.press(key)
    assert bare.page.evaluate(focused) == "text 1"
    bare.page.keyboard.press("PageDown")
    assert bare.page.evaluate(focused) == "text 50"
    bare.page.keyboard.press("ArrowUp")
    assert bare.page.evaluate(focused) == "text 49"
    bare.page.keyboard.press("Control+End")
    assert bare.page.evaluate("document.activeElement.dataset.kind") == "t"
    assert bare.page.locator("tbody td[tabindex='0']").count() == 1


def test_thousands_of_rows_keep_the_page_small(context) -> None:
    bare = BarePage(context, state(documents(5_432)))
    assert bare.page.locator("tbody tr").count() == 50
    assert "showing 1,000 of 5,432 rows" in bare.page.locator(".nbc-foot").inner_text()
    bare.page.get_by_label("Next page").click()
    assert bare.column(1)[0] == "text 50"
    took_ms = bare.page.evaluate(
        """async (states) => {
          const began = performance.now();
          for (const state of states) { model.set(state); await new Promise(requestAnimationFrame); }
          return (performance.now() - began) / states.length;
        }""",
        [json.dumps(state(documents(1_000, n=at))) for at in range(20)],
    )
    assert took_ms < 100


def test_error_keeps_the_last_good_rows(context) -> None:
    bare = BarePage(context, state(documents(2)))
    bare.update(state(documents(2), error={"title": "KeyError", "message": "'x'"}))
    assert bare.column(1) == ["text 0", "text 1"]
    assert bare.page.locator(".nbc-problem").inner_text().startswith("KeyError: 'x'")
    assert "last good result" in bare.page.locator(".nbc-problem").inner_text()
    assert bare.page.locator(".nbc-state").inner_text() == "stale"
    bare.update(state(documents(3)))
    assert not bare.page.locator(".nbc-problem").is_visible()


def test_null_and_absent_are_told_apart(context) -> None:
    bare = BarePage(context, state([{"a": None}, {"b": 1}]))
    assert bare.column(0) == ["null", "–"]
    assert bare.page.locator("tbody tr:nth-child(2) td").first.get_attribute("aria-label") == "absent"


def test_value_and_empty_table_are_shown(context) -> None:
    bare = BarePage(context, state(42))
    assert bare.page.locator(".nbc-value").inner_text() == "42"
    bare.update(state([]))
    assert "No rows" in bare.page.locator(".nbc-empty").inner_text()
    assert not bare.page.locator(".nbc-value").is_visible()
    bare.update(state(documents(1)))
    assert bare.column(1) == ["text 0"]


def test_screen_reader_hears_at_most_every_two_seconds(context) -> None:
    bare = BarePage(context, state(documents(1)))
    bare.page.wait_for_function("document.querySelector('.nbc-said').textContent !== ''")
    bare.page.evaluate(
        """() => { window.said = 0; new MutationObserver(() => { window.said += 1 })
          .observe(document.querySelector('.nbc-said'), { childList: true }) }"""
    )
    for at in range(2, 12):
        bare.update(state(documents(at)))
    assert bare.page.evaluate("window.said") == 0
    bare.page.wait_for_function("window.said === 1")
    assert bare.page.locator(".nbc-said").inner_text() == "main:list: 11 rows, 1 new"


def test_views_are_counted_for_the_kernel(context) -> None:
    bare = BarePage(context, state(documents(1)))
    bare.page.evaluate("model.receive({ask: 'views'})")
    bare.page.evaluate("window.stop()")
    bare.page.evaluate("model.receive({ask: 'views'})")
    assert bare.page.evaluate("model.sent") == [{"views": 1}, {"views": 1}, {"views": 0}]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_both_themes(browser, artefacts, scheme) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": 900, "height": 420})
    try:
        bare = BarePage(context, state(documents(8, mood=None)))
        changed = documents(9, mood=None)
        changed[2]["n"] = 1_000
        bare.update(state(changed))
        # Playwright would write the file in a thread of its own, which then stays.
        (artefacts / f"live-table-{scheme}.png").write_bytes(bare.page.screenshot())
        assert bare.contrast("tbody td") > 7
        assert bare.contrast("thead th") > 4.5
    finally:
        context.close()


LEFT = """(selector) => {
  const node = document.querySelector(selector);
  return node.getBoundingClientRect().left + parseFloat(getComputedStyle(node).paddingLeft);
}"""
WIDTHS = """(selector) => {
  const node = document.querySelector(selector);
  return [node.clientWidth, node.scrollWidth];
}"""
#: What JupyterLab says of every pre in an output.
NOTEBOOK_CSS = ".jp-OutputArea-output pre { padding: 0; margin: 0; border: none }"


def test_text_keeps_its_distance_where_the_notebook_takes_all_padding(context) -> None:
    bare = BarePage(context, state(344))
    bare.page.add_style_tag(content=NOTEBOOK_CSS)
    bare.page.evaluate("() => document.getElementById('here').classList.add('jp-OutputArea-output')")
    padding = bare.page.evaluate("() => getComputedStyle(document.querySelector('.nbc-value')).padding")
    assert padding == "8px 12px"


def test_wide_table_scrolls_inside_its_card(context) -> None:
    bare = BarePage(context, state([{f"column_{at}": at for at in range(40)}]))
    page, card, scroll = (bare.page.evaluate(WIDTHS, each) for each in ("html", ".nbc-live", ".nbc-scroll"))
    assert (page[0], card[0]) == (page[1], card[1])
    assert scroll[1] > scroll[0]
    right = bare.page.evaluate("() => document.querySelector('.nbc-live').getBoundingClientRect().right")
    assert right < bare.page.evaluate("() => document.getElementById('here').getBoundingClientRect().right")


def test_title_and_headings_stand_above_the_text_of_cells(context) -> None:
    bare = BarePage(context, state([{"name": "Ada"}]))
    places = {bare.page.evaluate(LEFT, each) for each in (".nbc-bar", ".nbc-table th", ".nbc-table td", ".nbc-foot")}
    assert len(places) == 1
