"""The page's side of the dashboard, in a real browser: nbconvex/notebook/dashboard*.js. In JupyterLab:
test_dashboard_lab.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from nbconvex.backend import Backend
from nbconvex.dashboard.table_edits import TableEdits
from nbconvex.values.schema import table
from nbconvex.values.validators import v
from tests.notebook.bare_page import CONTRAST
from tests.notebook.dashboard_page import DashboardPage

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

HOSTILE = "<img src=x onerror=window.hacked=1><script>window.hacked=1</script>\u202eevil\nsecond line"
GRID = ".nbc-main > .nbc-scroll"
FOCUSED = "document.activeElement.textContent"


@pytest.fixture
def backend() -> Iterator[Backend]:
    with Backend.open() as backend:
        backend.push_schema({
            "messages": table({
                "channel": v.string(), "body": v.string(), "likes": v.int64(), "tags": v.optional(v.array(v.string())),
            }).index("by_channel", ["channel"]),
            "users": table({"name": v.string()}).index("by_name", ["name"], unique=True),
        })  # fmt: skip
        yield backend


@pytest.fixture
def edits(backend) -> TableEdits:
    return TableEdits(backend)


@pytest.fixture
def filled(edits) -> list[str]:
    return [
        edits.insert("messages", f'{{"channel": "c{at % 2}", "body": "text {at}", "likes": {at}}}') for at in range(60)
    ]


@pytest.fixture
def context(browser) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1100, "height": 800})
    yield context
    context.close()


@pytest.fixture
def dash(context, backend, filled) -> Iterator[DashboardPage]:
    dash = DashboardPage(context, backend, panel="tables", place={"table": "messages"})
    dash.wait_text("td", "text 59")
    yield dash
    dash.close()
    assert not dash.problems


def cell(dash: DashboardPage, row: int, column: int) -> Any:
    return dash.page.locator(f"{GRID} tbody tr:nth-child({row}) td:nth-child({column})")


def edit(dash: DashboardPage, row: int, column: int) -> None:
    cell(dash, row, column).focus()
    dash.page.keyboard.press("Enter")
    dash.wait("document.querySelector('.nbc-edit textarea') !== null")


@pytest.mark.case("tooling/edit_cell_in_grid")
def test_a_cell_is_edited_with_the_keyboard_alone(dash, backend, filled) -> None:
    edit(dash, 1, 3)
    assert dash.page.evaluate("document.activeElement.value") == "text 59"
    dash.page.keyboard.type("changed by hand")
    dash.page.keyboard.press("Enter")
    dash.wait_text("td", "changed by hand")
    assert dash.page.evaluate(FOCUSED) == "changed by hand"
    document = backend.database.begin(writable=False).get(filled[-1])
    assert document["body"] == "changed by hand"
    assert [each.path for each in backend.logs][-1] == "dashboard:set_field"
    dash.page.keyboard.press("ArrowDown")
    assert dash.page.evaluate(FOCUSED) == "text 58"


def test_an_error_stands_in_the_cell_and_what_was_typed_stays(dash, edits, filled) -> None:
    edit(dash, 1, 4)
    dash.page.keyboard.type("many")
    dash.page.keyboard.press("Enter")
    dash.wait_text(".nbc-edit .nbc-error", "does not match the schema")
    # Whatever happens to the data meanwhile, even to the document itself.
    edits.set_field("messages", filled[-2], "body", "somebody else", None)
    edits.delete("messages", [filled[-1]])
    dash.wait_text("td", "somebody else")
    assert dash.page.evaluate("document.activeElement.value") == "many"
    dash.page.keyboard.press("Escape")
    dash.settle()
    assert dash.page.locator(".nbc-edit").count() == 0
    assert dash.column(2)[0] == "somebody else"


def test_what_somebody_else_changed_is_said_before_it_is_overwritten(dash, backend, edits, filled) -> None:
    edit(dash, 1, 3)
    edits.set_field("messages", filled[-1], "body", "theirs", None)
    dash.page.keyboard.type("mine")
    dash.page.keyboard.press("Enter")
    dash.wait_text(".nbc-edit .nbc-error", "changed meanwhile, to: theirs")
    dash.page.keyboard.press("Enter")
    dash.wait_text("td", "mine")


def test_a_field_that_is_absent_is_given_a_value_and_taken_away_again(dash, backend, filled) -> None:
    edit(dash, 1, 5)
    dash.page.keyboard.type('["news"]')
    dash.page.keyboard.press("Enter")
    dash.wait_text("td", '["news"]')
    edit(dash, 1, 5)
    dash.page.get_by_role("button", name="Remove field").click()
    dash.settle()
    assert "tags" not in backend.database.begin(writable=False).get(filled[-1])


def test_filters_and_pages_are_the_tables_own(dash) -> None:
    assert "1–50 of 60" in dash.page.locator(".nbc-table-foot").inner_text()
    dash.page.get_by_label("Next page").click()
    dash.wait_text("td", "text 9")
    assert "51–60 of 60" in dash.page.locator(".nbc-table-foot").inner_text()
    dash.page.get_by_role("button", name="Add filter").click()
    dash.page.get_by_label("Field").fill("channel")
    dash.page.get_by_label("Value").fill("c1")
    dash.page.keyboard.press("Enter")
    dash.wait_text(".nbc-table-foot", "1–30 of 30 · through by_channel")
    dash.page.get_by_role("button", name="Add filter").click()
    dash.page.get_by_label("Field").nth(1).fill("likes")
    dash.page.get_by_label("Comparison").nth(1).select_option("gte")
    dash.page.get_by_label("Value").nth(1).fill("58")
    dash.page.keyboard.press("Enter")
    dash.wait_text(".nbc-table-foot", "1–1 · through by_channel")
    assert dash.column(2) == ["text 59"]
    dash.page.get_by_label("Comparison").nth(1).select_option("starts_with")
    dash.page.keyboard.press("Enter")
    dash.page.get_by_role("button", name="Apply").click()
    dash.wait_text(".nbc-filter .nbc-error", "for texts")
    dash.page.get_by_role("button", name="Clear").click()
    dash.wait_text(".nbc-table-foot", "1–50 of 60")
    dash.page.get_by_role("button", name="Order: newest first").click()
    dash.wait_text("tbody tr:first-child td", "text 0")


def test_a_document_is_written_added_and_deleted(dash, backend) -> None:
    cell(dash, 1, 1).click()
    dash.wait_text(".nbc-form-head", "Document")
    area = dash.page.locator(".nbc-form textarea")
    area.fill('{"channel": "c9", "body": ')
    dash.page.keyboard.press("Control+Enter")
    dash.wait_text(".nbc-form .nbc-error", "cannot be read")
    assert area.input_value() == '{"channel": "c9", "body": '
    area.fill('{"channel": "c9", "body": "whole", "likes": 1}')
    dash.page.keyboard.press("Control+Enter")
    dash.wait_text("td", "whole")
    dash.page.get_by_role("button", name="Add document").click()
    dash.wait_text(".nbc-form-head", "New document in messages")
    area.fill('{"channel": "new", "body": "added", "likes": 2}')
    dash.page.get_by_role("button", name="Add", exact=True).click()
    dash.wait_text("tbody tr:first-child td", "added")
    cell(dash, 1, 2).focus()
    dash.page.keyboard.press("Delete")
    dash.wait_text(".nbc-asked", "Delete document")
    assert dash.page.evaluate(FOCUSED) == "Keep"
    dash.page.keyboard.press("Enter")
    assert dash.page.evaluate(FOCUSED) == "new"
    assert len(backend.database.snapshot.table("messages").documents) == 61
    cell(dash, 1, 1).click()
    dash.wait_text(".nbc-form-head", "Document")
    dash.page.get_by_role("button", name="Delete…").click()
    dash.page.get_by_role("button", name="Delete", exact=True).click()
    dash.wait_text(".nbc-dash > .nbc-foot", "Deleted document")
    assert len(backend.database.snapshot.table("messages").documents) == 60


def test_several_documents_are_ticked_and_deleted_together(dash, backend) -> None:
    cell(dash, 1, 2).focus()
    for key in (" ", "ArrowDown", " "):
        dash.page.keyboard.press(key)
    cell(dash, 3, 1).locator("input").click()
    assert dash.page.locator("tr[aria-selected=true]").count() == 3
    dash.page.get_by_role("button", name="Delete 3…").click()
    dash.page.get_by_role("button", name="Delete", exact=True).click()
    dash.wait_text(".nbc-dash > .nbc-foot", "Deleted 3 documents")
    assert len(backend.database.snapshot.table("messages").documents) == 57
    dash.wait_text("tbody tr:first-child td", "text 56")
    assert not dash.page.get_by_role("button", name="Delete 3…").is_visible()


def test_data_never_becomes_markup(context, backend, edits) -> None:
    edits.insert("messages", json.dumps({"channel": HOSTILE, "body": HOSTILE, "likes": 1}))
    edits.insert("notes", json.dumps({"inside": {"deep": [HOSTILE]}}))
    dash = DashboardPage(context, backend)
    dash.wait_text("td", "<script>")
    edit(dash, 1, 2)
    assert dash.page.evaluate("document.activeElement.value") == HOSTILE
    dash.page.keyboard.press("Escape")
    cell(dash, 1, 1).click()
    dash.wait_text(".nbc-form-head", "Document")
    dash.page.keyboard.press("Escape")
    dash.page.locator('[data-table="notes"]').click()
    dash.wait_text("th", "inside")
    assert dash.page.evaluate("window.hacked") is None
    assert dash.page.locator("main img, main script").count() == 0
    dash.close()
    assert not dash.problems


def test_tables_are_chosen_and_their_schema_is_shown(dash, edits) -> None:
    edits.insert("users", '{"name": "Ada"}')
    dash.wait_text('[data-table="users"] .nbc-count', "1")
    dash.page.locator('[data-table="users"]').click()
    dash.wait_text("td", "Ada")
    assert dash.page.locator('[data-table="users"]').get_attribute("aria-current") == "true"
    dash.page.get_by_role("button", name="Schema and indexes").click()
    assert "v.string()" in dash.page.locator(".nbc-facts").inner_text()
    assert "unique" in dash.page.locator(".nbc-facts").inner_text()


def test_a_table_that_goes_away_leaves_the_others_to_choose_from(dash, backend, edits) -> None:
    edits.insert("notes", '{"a": 1}')
    dash.wait_text('[data-table="notes"] .nbc-count', "1")
    dash.page.locator('[data-table="notes"]').click()
    dash.wait_text("th", "a")
    backend.database.drop_table("notes")
    dash.wait_text(".nbc-names", "There is no table notes any more")
    dash.page.locator('[data-table="messages"]').click()
    dash.wait_text("td", "text 59")
    assert "any more" not in dash.page.locator(".nbc-names").inner_text()


def test_tabs_are_one_stop_and_turned_with_the_arrows(dash) -> None:
    tabs = dash.page.get_by_role("tab")
    assert tabs.evaluate_all("each => each.filter(tab => tab.tabIndex === 0).length") == 1
    tabs.first.focus()
    dash.page.keyboard.press("ArrowLeft")
    assert tabs.last.get_attribute("aria-selected") == "true"
    assert dash.page.evaluate(FOCUSED) == tabs.last.inner_text()
    dash.page.keyboard.press("Home")
    assert tabs.first.get_attribute("aria-selected") == "true"
    panel = dash.page.get_by_role("tabpanel")
    assert panel.count() == 1
    assert panel.get_attribute("aria-labelledby") == tabs.first.get_attribute("id")
    assert "px" in dash.page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
    dash.wait_text("td", "text 59")


def test_a_store_that_is_closed_is_seen_and_lets_nothing_be_changed(dash, backend) -> None:
    backend.close()
    dash.wait_text(".nbc-notice", "The store was closed")
    assert dash.page.get_by_role("button", name="Add document").is_disabled()
    assert dash.column(2)[0] == "text 59"
    edit(dash, 1, 3)
    assert dash.page.locator(".nbc-edit textarea").get_attribute("readonly") is not None
    assert dash.page.locator(".nbc-edit").get_by_role("button").all_inner_texts() == ["Close"]


def test_a_hundred_thousand_documents_of_fifty_fields_are_a_page_at_a_time(context) -> None:
    with Backend.open() as backend:
        rows = [{f"f{at:02}": at for at in range(50)}] * 100_000
        backend.import_data(rows, "wide")
        dash = DashboardPage(context, backend)
        dash.wait_text(".nbc-table-foot", "1–50 of 100,000")
        assert dash.page.locator(f"{GRID} tbody tr").count() == 50
        dash.page.get_by_role("button", name="Add filter").click()
        dash.page.get_by_label("Field").fill("f07")
        dash.page.get_by_label("Value").fill("8")
        dash.page.keyboard.press("Enter")
        dash.wait_text(".nbc-table-foot", "looked at 20,000 of 100,000 documents: › looks further")
        page = dash.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert page[0] == page[1]
        dash.close()
        assert not dash.problems


def test_a_kernel_that_is_silent_is_said_to_be(dash) -> None:
    dash.page.get_by_label("Next page").click()
    dash.page.wait_for_function("document.querySelector('.nbc-state').textContent === 'waiting for the kernel'")
    dash.wait_text("td", "text 9")
    assert dash.page.locator(".nbc-bar .nbc-state").inner_text() == "live"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_both_themes(browser, backend, filled, artefacts, scheme) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": 1100, "height": 700})
    dash = DashboardPage(context, backend)
    dash.wait_text("td", "text 59")
    (artefacts / f"dashboard-{scheme}.png").write_bytes(dash.page.screenshot())
    assert dash.page.evaluate(CONTRAST, f"{GRID} tbody td") > 7
    assert dash.page.evaluate(CONTRAST, ".nbc-choice") > 7
    assert dash.page.evaluate(CONTRAST, ".nbc-type") > 4.5
    dash.close()
    context.close()
