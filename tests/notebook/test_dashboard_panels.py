"""The panels Functions, Logs, Jobs, Files and Routes on a bare page, in a real browser, mouse and keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import nbconvex
from nbconvex.backend import Backend
from nbconvex.services.scheduler.cron_forms import cron
from tests.notebook.dashboard_page import DashboardPage

pytestmark = pytest.mark.browser

MUTATIONS = '''
from typing import Literal
def send(
    ctx, body: str, times: int = 1, level: Literal["low", "high"] = "low", tags: list[str] = [], by: str | None = "x"
):
    """Sends a message."""
    print("sending", body)
    for _ in range(times):
        ctx.db.insert("messages", {"body": body, "level": level, "tags": tags, "by": by})
    return times

def fails(ctx):
    raise ConvexError("no such luck")

def tidy(ctx, days: float = 30):
    print("[WARN] nothing older than", days)
'''
QUERIES = """
def newest(ctx, limit: int = 10):
    return ctx.db.query("messages").order("desc").take(limit)

def who(ctx):
    user = ctx.auth.get_user_identity()
    return user and user["subject"]
"""
ACTIONS = """
def twice(ctx, body: str):
    ctx.run_mutation("messages:send", body=body)
    ctx.run_mutation("messages:send", body=body)
"""
# What a page may never make markup of.
HOSTILE = "<img src=x onerror=\"document.title='pwned'\">"


@pytest.fixture
def backend() -> Iterator[Backend]:
    with nbconvex.open(":memory:") as made:
        names = {"v": nbconvex.v, "ConvexError": nbconvex.ConvexError}
        for kind, text in (("mutation", MUTATIONS), ("query", QUERIES), ("action", ACTIONS)):
            made.define_cell(kind, text, module="messages", namespace=names)
        yield made


@pytest.fixture(scope="module")
def context(browser) -> Iterator[Any]:
    made = browser.new_context(viewport={"width": 1180, "height": 800})
    yield made
    made.close()


@pytest.fixture
def opened(context, backend) -> Iterator[Any]:
    pages = []

    def open_at(panel: str, place: Any = None) -> DashboardPage:
        pages.append(DashboardPage(context, backend, panel=panel, place=place))
        pages[-1].settle()
        return pages[-1]

    yield open_at
    for each in pages:
        assert each.problems == []
        assert each.page.title() != "pwned"
        each.close()
        each.page.close()


def test_a_form_is_filled_in_with_the_keyboard_and_the_result_is_shown(opened, backend) -> None:
    shown = opened("functions")
    page = shown.page
    page.get_by_role("button", name="send").first.focus()
    page.keyboard.press("Enter")
    shown.wait_text(".nbc-docs", "Sends a message.")
    page.get_by_label("body", exact=True).focus()
    page.keyboard.type(HOSTILE)
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    # Whoever types a value wants it passed; Enter in a line runs.
    page.keyboard.type("2")
    assert page.get_by_label("Pass times").is_checked()
    page.keyboard.press("Enter")
    shown.wait_text(".nbc-result .nbc-value", "2")
    assert "sending <img" in page.locator(".nbc-result .nbc-lines").inner_text()
    rows = backend.run("messages:newest")
    assert [(each["body"], each["level"], each["by"]) for each in rows] == [(HOSTILE, "low", "x")] * 2


def test_each_control_answers_with_a_value_of_its_type(opened, backend) -> None:
    shown = opened("functions", {"function": "messages:send"})
    page = shown.page
    page.get_by_label("body", exact=True).fill("5")
    page.get_by_label("level", exact=True).select_option(label="high")
    page.get_by_label("tags", exact=True).fill("['a', 'b']")
    page.get_by_label("by: null").check()
    page.get_by_role("button", name="Run mutation").click()
    shown.wait_text(".nbc-result-head", "succeeded")
    [row] = backend.run("messages:newest")
    assert (row["body"], row["level"], row["tags"], row["by"]) == ("5", "high", ["a", "b"], None)


def test_what_is_wrong_stands_at_its_field_and_what_was_typed_stays(opened, backend) -> None:
    shown = opened("functions", {"function": "messages:send"})
    page = shown.page
    page.get_by_label("times", exact=True).fill("many")
    page.get_by_label("tags", exact=True).fill("[1]")
    page.get_by_role("button", name="Run mutation").click()
    shown.wait_text(".nbc-argument .nbc-error", "'many' is no number.")
    field = page.get_by_label("times", exact=True)
    assert field.get_attribute("aria-invalid") == "true"
    assert field.evaluate("node => node.getRootNode().activeElement === node")
    field.fill("1")
    page.get_by_role("button", name="Run mutation").click()
    shown.wait_text(".nbc-argument .nbc-error", "Path: .tags[0]")
    assert page.get_by_label("tags", exact=True).input_value() == "[1]"
    assert page.locator(".nbc-result").is_hidden()
    assert backend.run("messages:newest") == []


def test_an_error_is_shown_and_leads_to_the_log(opened) -> None:
    shown = opened("functions", {"function": "messages:fails"})
    page = shown.page
    page.get_by_role("button", name="Run mutation").click()
    shown.wait_text(".nbc-call-error", "ConvexError: no such luck")
    shown.wait_text(".nbc-newest-error", "no such luck")
    page.get_by_role("button", name="Show in the log").click()
    shown.wait_text(".nbc-request .nbc-call-error", "no such luck")
    assert page.get_by_role("tab", name="Logs").get_attribute("aria-selected") == "true"
    assert page.locator(".nbc-panel-logs tbody tr[data-key]").count() == 1
    page.get_by_role("button", name="Open function").click()
    shown.wait_text(".nbc-panel-functions .nbc-head", "messages:fails")


def test_a_query_is_followed_and_run_as_somebody(opened, backend) -> None:
    shown = opened("functions", {"function": "messages:newest"})
    page = shown.page
    page.get_by_role("button", name="Follow").click()
    shown.wait_text(".nbc-result-head", "following")
    backend.run("messages:send", {"body": "from elsewhere"})
    shown.wait_text(".nbc-result td", "from elsewhere")
    page.get_by_role("button", name="Stop following").click()
    shown.settle()
    assert len(backend.live) == 0
    page.locator('[data-path="messages:who"]').click()
    shown.wait_text(".nbc-head .nbc-name", "messages:who")
    page.get_by_label("Run as").fill("ada")
    page.get_by_label("Run as").press("Enter")
    page.get_by_role("button", name="Run query").click()
    shown.wait_text(".nbc-result .nbc-value", "ada")


def test_a_saved_page_runs_nothing(opened, backend) -> None:
    shown = opened("functions", {"function": "messages:send"})
    shown.desk.close("The store was closed.")
    shown.wait_text(".nbc-notice", "Nothing can be changed here.")
    assert shown.page.get_by_role("button", name="Run mutation").is_disabled()


def test_logs_are_filtered_and_unfolded_with_the_keyboard(opened, backend) -> None:
    backend.run("messages:twice", {"body": HOSTILE})
    backend.run_outcome("messages:fails")
    backend.run("messages:tidy")
    shown = opened("logs")
    page = shown.page
    names = page.locator(".nbc-panel-logs .nbc-log-function > span:nth-child(2)")
    assert names.all_inner_texts() == ["messages:tidy", "messages:fails", "messages:twice"]
    page.get_by_role("button", name="warnings").click()
    shown.wait("() => document.querySelectorAll('.nbc-panel-logs tr[data-key]').length === 2")
    page.get_by_role("button", name="all", exact=True).click()
    page.get_by_label("Find in paths, lines and errors").fill("onerror")
    shown.wait("() => document.querySelectorAll('.nbc-panel-logs tr[data-key]').length === 1")
    page.get_by_role("button", name="Details of messages:twice").focus()
    page.keyboard.press("Enter")
    shown.wait_text(".nbc-request .nbc-calls", "messages:send")
    unfolder = page.locator(".nbc-unfold")
    assert unfolder.get_attribute("aria-expanded") == "true"
    # A call that comes meanwhile takes neither the focus nor what is unfolded away.
    backend.run("messages:send", {"body": "onerror again"})
    shown.wait("() => document.querySelectorAll('.nbc-panel-logs tr[data-key]').length === 2")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Details of messages:twice"
    page.keyboard.press("Enter")
    shown.settle()
    assert page.locator(".nbc-request").count() == 0


def test_a_job_is_canceled_with_the_keyboard(opened, backend) -> None:
    jobs = [backend.scheduler.run_after(60_000 * n, "messages:tidy", {"days": n}) for n in (1, 2, 3)]
    backend.scheduler.declare_crons("cell", [cron.daily("digest", "messages:tidy", hour=9, minute=0)])
    shown = opened("jobs")
    page = shown.page
    assert page.get_by_role("button", name="waiting 3").is_visible()
    page.get_by_role("button", name="Cancel messages:tidy").first.focus()
    page.keyboard.press("Enter")
    shown.wait_text(".nbc-choices", "canceled 1")
    assert backend.scheduler.get(jobs[0])["state"]["kind"] == "canceled"
    # The next row has the focus now.
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Cancel messages:tidy"
    page.get_by_role("button", name="Details of messages:tidy, canceled").press("Enter")
    shown.wait_text(".nbc-request", jobs[0])
    page.get_by_role("button", name="Cancel all that wait").click()
    page.keyboard.press("Escape")
    assert backend.scheduler.count() == 2
    page.get_by_role("button", name="Cancel all that wait").click()
    page.get_by_role("button", name="Cancel them").click()
    shown.wait_text(".nbc-choices", "canceled 3")
    page.get_by_role("button", name="Remove the cron digest").click()
    page.get_by_role("button", name="Remove", exact=True).click()
    shown.wait("() => document.querySelector('.nbc-list-head').hidden")
    page.get_by_role("button", name="Pause").click()
    shown.wait_text(".nbc-notice", "Paused: in the dashboard.")
    page.get_by_role("button", name="Resume").click()
    shown.wait("() => !document.querySelector('.nbc-panel-jobs .nbc-notice:not([hidden])')")


def test_a_file_is_deleted_after_asking_back(opened, backend) -> None:
    kept, gone = backend.storage.store(b"a", "text/plain"), backend.storage.store(b"b", HOSTILE)
    backend.mutation(name="m:save")(lambda ctx, photo: ctx.db.insert("photos", {"photo": photo}))
    backend.run("m:save", {"photo": gone})
    shown = opened("files")
    page = shown.page
    page.get_by_role("button", name=f"Delete the file {gone}").click()
    shown.wait_text(".nbc-asked", "It stands in photos")
    # The harmless answer has the focus.
    page.keyboard.press("Enter")
    assert len(backend.storage.list()) == 2
    page.get_by_role("button", name=f"Delete the file {gone}").click()
    shown.wait_text(".nbc-asked", "It stands in photos")
    page.get_by_role("button", name="Delete", exact=True).click()
    shown.wait("() => document.querySelectorAll('.nbc-panel-files tr[data-key]').length === 1")
    assert [each["storageId"] for each in backend.storage.list()] == [kept]


def test_routes_and_empty_panels_say_what_to_do(opened, backend) -> None:
    shown = opened("routes")
    shown.wait_text(".nbc-panel-routes .nbc-empty", "%%http GET /hello")
    backend.http.get("/hello")(lambda ctx, request: "hi")
    shown.wait_text(".nbc-panel-routes td", "/hello")
    page = shown.page
    page.get_by_role("tab", name="Routes").focus()
    page.keyboard.press("ArrowLeft")
    shown.wait_text(".nbc-panel-files .nbc-empty", "No files yet.")
    page.keyboard.press("ArrowLeft")
    shown.wait_text(".nbc-panel-jobs .nbc-empty", "No jobs.")
    page.keyboard.press("ArrowLeft")
    shown.wait_text(".nbc-panel-logs .nbc-empty", "No calls yet.")


def test_a_narrow_page_has_everything_below_each_other(opened, context, backend) -> None:
    shown = opened("functions", {"function": "messages:send"})
    shown.page.set_viewport_size({"width": 420, "height": 800})
    shown.settle()
    body = shown.page.get_by_label("body", exact=True).bounding_box()
    assert body["x"] >= 0
    assert body["x"] + body["width"] <= 420
