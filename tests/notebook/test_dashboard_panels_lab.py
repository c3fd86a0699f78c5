"""The panels of the dashboard in JupyterLab, light and dark: a form is run, a query followed, a job canceled, while
pictures are taken to be looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.notebook.lab_driver import LabFolder, LabNotebook

pytestmark = [pytest.mark.browser, pytest.mark.kernel, pytest.mark.timeout(300)]

CELLS = [
    "%load_ext nbconvex",
    """%%schema
channels = table({"name": v.string()})
messages = table({
    "channel": v.id("channels"), "author": v.string(), "body": v.string(), "score": v.optional(v.number()),
}).index("by_channel", ["channel"])""",
    """%%mutation messages
from typing import Literal
def open_channel(ctx, name: str):
    return ctx.db.insert("channels", {"name": name})

def send(ctx, channel: Id["channels"], body: str, author: str = "ada", score: float | None = None):
    \"\"\"Sends a message to a channel.\"\"\"
    print("sending", body)
    return ctx.db.insert("messages", {
        "channel": channel, "author": author, "body": body, **({} if score is None else {"score": score}),
    })

def grade(ctx, body: str, level: Literal["low", "high"], points: int, is_final: bool, tags: list[str] = [],
          note: str | None = None, more: dict = {}):
    \"\"\"Has an argument of every kind.\"\"\"
    return {"body": body, "level": level, "points": points, "final": is_final, "tags": tags}

def tidy(ctx, days: float = 30):
    print("nothing is older than", days, "days")

def broken(ctx, channel: str):
    raise ConvexError({"code": "no_such_channel", "channel": channel})""",
    """%%query messages
def newest(ctx, limit: int = 8):
    \"\"\"The newest messages of all channels.\"\"\"
    return ctx.db.query("messages").order("desc").take(limit)

def _pick(rows, at):
    return rows[at]

def lost(ctx):
    return _pick(ctx.db.query("messages").collect(), 999)""",
    """%%action mail --internal
def digest(ctx):
    print("collecting")
    rows = ctx.run_query("messages:newest", limit=3)
    ctx.run_mutation("messages:send", channel=rows[0]["channel"], body="the digest", author="bot")
    return len(rows)

def deliver(ctx):
    raise ValueError("the mail server did not answer")""",
    """%%http GET /hello
def handler(ctx, request):
    return {"hello": "world"}""",
    """%%cron "tidy up" --every 5m
internal.messages.tidy(days=14)""",
    """general = api.messages.open_channel(name="general")
for number in range(12):
    api.messages.send(channel=general, body=f"message number {number}", author=["ada", "bob", "eve"][number % 3],
                      score=number * 1.5)
for _ in range(3):
    api.messages.newest(limit=5)
backend = get_ipython().nbconvex_extension.session.backend
for name in ("messages:broken", "messages:lost", "mail:digest", "mail:deliver"):
    backend.run_outcome(name, {"channel": "random"} if name == "messages:broken" else {})
backend.scheduler.run_after(3_600_000, "messages:send", {"channel": general, "body": "in an hour"})
backend.scheduler.run_after(7_200_000, "messages:tidy", {"days": 7.0})
backend.scheduler.run_after(0, "mail:deliver")
backend.scheduler.run_after(0, "mail:deliver", retry={"attempts": 3, "pause_ms": 600_000})
backend.scheduler.settle(10)
photo = files.store(b"x" * 234_567, "image/png")
files.store(b"a,b", "text/csv")
backend.mutation(name="photos:save")(lambda ctx, photo: ctx.db.insert("photos", {"photo": photo}))
backend.run("photos:save", {"photo": photo})""",
    "%convex dashboard functions",
]


@pytest.fixture(scope="module")
def notebook(browser, shared_lab) -> Iterator[LabNotebook]:
    lab = LabFolder(shared_lab, "panels")
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    lab.write("dashboard.ipynb", CELLS)
    notebook = lab.open(context.new_page(), "dashboard.ipynb")
    for at in range(len(CELLS)):
        notebook.run(at)
    notebook.page.wait_for_selector(".nbc-dash .nbc-function-all td")
    yield notebook
    context.close()
    shared_lab.end_kernels()


class Pictures:
    """Takes a picture of the dashboard in both themes."""

    def __init__(self, notebook: LabNotebook, artefacts: Path) -> None:
        self._notebook = notebook
        self.dash = notebook.page.locator(".nbc-dash")
        self._artefacts = artefacts

    def take(self, name: str) -> None:
        self._notebook.picture(self._artefacts, f"dashboard-{name}", part=self.dash)

    def tab(self, name: str) -> None:
        self.dash.get_by_role("tab", name=name).click()

    def choose(self, path: str) -> None:
        self.dash.locator(f'[data-path="{path}"]').click()
        self.dash.locator(".nbc-head .nbc-name", has_text=path).wait_for()


@pytest.fixture
def pictures(notebook, artefacts) -> Pictures:
    return Pictures(notebook, artefacts)


def test_functions_are_run_and_followed(pictures) -> None:
    dash = pictures.dash
    pictures.take("functions")
    pictures.choose("messages:newest")
    dash.get_by_role("button", name="Follow").click()
    dash.locator(".nbc-result td", has_text="the digest").wait_for()
    pictures.take("function-followed")
    pictures.choose("messages:grade")
    dash.get_by_label("points", exact=True).fill("many")
    dash.get_by_role("button", name="Run mutation").click()
    dash.locator(".nbc-argument .nbc-error", has_text="'many' is no number.").wait_for()
    pictures.take("function-form")
    pictures.choose("mail:digest")
    dash.get_by_role("button", name="Run action").click()
    dash.locator(".nbc-result .nbc-calls", has_text="messages:send").wait_for()
    pictures.take("function-action")
    pictures.choose("messages:lost")
    dash.get_by_role("button", name="Run query").click()
    dash.locator(".nbc-result .nbc-frames", has_text="rows[at]").wait_for()
    # A cell has a name that people know.
    assert "Cell In[" in dash.locator(".nbc-result .nbc-frames").inner_text()
    pictures.take("function-error")


def test_logs_jobs_files_and_routes_are_shown(pictures, notebook) -> None:
    dash = pictures.dash
    pictures.tab("Logs")
    dash.get_by_role("button", name="Details of messages:lost").last.click()
    dash.locator(".nbc-request .nbc-frames").wait_for()
    pictures.take("logs")
    pictures.tab("Jobs")
    dash.get_by_role("button", name="Cancel messages:tidy").click()
    dash.locator(".nbc-choices", has_text="canceled 1").wait_for()
    dash.get_by_role("button", name="Cancel all that wait").click()
    pictures.take("jobs")
    dash.get_by_role("button", name="Keep").click()
    pictures.tab("Files")
    dash.locator("tr", has_text="image/png").get_by_role("button", name="Delete").click()
    dash.locator(".nbc-asked", has_text="It stands in photos").wait_for()
    pictures.take("files")
    pictures.tab("Routes")
    dash.locator(".nbc-panel-routes td", has_text="/hello").wait_for()
    # The %%http cell has started the server, so there are addresses to open.
    assert dash.locator(".nbc-panel-routes a", has_text="/hello").get_attribute("href").endswith("/hello")
    pictures.take("routes")
