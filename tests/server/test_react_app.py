"""A React app over the official client, in two windows of a real browser, and a notebook in a real kernel behind it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.notebook.kernel_driver import Kernel
from tests.server.pages import built_app, copied_app, served_folder
from tests.server.served import quiet_port

pytestmark = [pytest.mark.browser, pytest.mark.kernel, pytest.mark.node, pytest.mark.timeout(180)]

SCHEMA = """%%schema
messages = table({"channel": v.string(), "author": v.string(), "body": v.string()}).index("by_channel", ["channel"])
"""
QUERY = """%%query messages
from nbconvex.values.page_validators import pagination_result_validator

def newest(ctx, channel: str) -> v.array(messages.document_type("messages")):
    found = ctx.db.query("messages").with_index("by_channel", channel=channel).order("desc").take(8)
    return [{**each, "body": each["body"]SHOUT} for each in found]

def history(
    ctx, channel: str, paginationOpts: dict
) -> pagination_result_validator(messages.document_type("messages")):
    return ctx.db.query("messages").with_index("by_channel", channel=channel).paginate(paginationOpts)
"""
MUTATION = """%%mutation messages
def send(ctx, channel: str, author: str, body: str) -> Id["messages"]:
    if body == "forbidden":
        raise ConvexError("That word is not said here.")
    return ctx.db.insert("messages", {"channel": channel, "author": author, "body": body})
"""
FILL = """for n in range(12):
    api.messages.send(channel="general", author="notebook", body=f"message {n}")
"""
URL = "%convex url --into address\nprint(address)"


@pytest.fixture
def notebook(tmp_path) -> Iterator[Kernel]:
    """A kernel whose backend the app was made for."""
    with Kernel(tmp_path, NBCONVEX_PORT=str(quiet_port())) as kernel:
        for cell in ("%load_ext nbconvex", SCHEMA, QUERY.replace("SHOUT", ""), MUTATION, FILL):
            kernel.run(cell)
        yield kernel


@pytest.fixture
def app(web, notebook) -> Iterator[str]:
    """The address of the app, built with the types that the notebook has written for it."""
    folder = copied_app(web)
    notebook.run(f"%convex codegen {folder}/convex")
    with served_folder(built_app(web, folder)) as address:
        yield address


class Window:
    """The app in a window of its own."""

    def __init__(self, browser: Any, address: str, scheme: str) -> None:
        self.problems: list[str] = []
        self.page = browser.new_context(color_scheme=scheme, viewport={"width": 1_100, "height": 700}).new_page()
        self.page.on("pageerror", lambda problem: self.problems.append(str(problem)))
        self.page.on("console", lambda message: self.problems.append(message.text) if message.type == "error" else None)
        self.page.goto(address)

    def wait_for(self, list_name: str, text: str) -> None:
        """Wait until a line with this text is in one of the lists."""
        self.page.get_by_role("list", name=list_name).get_by_text(text, exact=True).wait_for()

    def lines(self, list_name: str) -> list[str]:
        """The messages of a list, without their authors."""
        texts: list[str] = self.page.get_by_role("list", name=list_name).locator("li span").all_inner_texts()
        return texts

    def wait_for_state(self, text: str) -> None:
        """Wait for what the app says of its connection."""
        self.page.get_by_role("status", name="Connection").get_by_text(text).wait_for()

    def say(self, text: str) -> None:
        """Write a message and send it."""
        self.page.get_by_role("textbox", name="Message").fill(text)
        self.page.get_by_role("button", name="Send").click()


def test_two_windows_follow_cells_each_other_and_an_edit_of_the_query(app, notebook, browser, artefacts) -> None:
    url = re.findall(r"http://\S+", notebook.run(URL).stdout)[-1]
    windows = [Window(browser, f"{app}/?url={url}&author={name}", scheme)
               for name, scheme in (("ann", "light"), ("bob", "dark"))]  # fmt: skip
    ann, bob = windows
    for window in windows:
        window.wait_for_state("connected")
        window.wait_for("Newest messages", "message 11")
        assert window.lines("Newest messages") == [f"message {n}" for n in range(11, 3, -1)]
        assert window.lines("History") == [f"message {n}" for n in range(5)]

    notebook.run('api.messages.send(channel="general", author="notebook", body="from a cell")')
    for window in windows:
        window.wait_for("Newest messages", "from a cell")
    ann.say("from a window")
    for window in windows:
        window.wait_for("Newest messages", "from a window")
    assert "from a window" in notebook.run('print(api.messages.newest(channel="general")[0])').stdout

    notebook.run(QUERY.replace("SHOUT", ".upper()"))
    for window in windows:
        window.wait_for("Newest messages", "FROM A CELL")
    assert notebook.fail(QUERY.replace("SHOUT", ".nonsense(")).error, "an edit with an error changes nothing"
    notebook.run('api.messages.send(channel="general", author="notebook", body="after the error")')
    for window in windows:
        window.wait_for("Newest messages", "AFTER THE ERROR")
    _check_pages_and_refusals(ann)
    for window, name in zip(windows, ("light", "dark"), strict=True):
        (artefacts / f"react-app-{name}.png").write_bytes(window.page.screenshot())
    _check_that_it_outlives_the_server(notebook, ann, bob)
    assert bob.problems == []
    for window in windows:
        window.page.context.close()


def _check_pages_and_refusals(window: Window) -> None:
    more = window.page.get_by_role("button", name="Load more")
    for shown in (10, 15):
        more.click()
        window.page.get_by_text(f"{shown} shown").wait_for()
    assert window.lines("History")[-3:] == ["from a cell", "from a window", "after the error"]
    window.say("forbidden")
    window.page.get_by_role("alert").get_by_text("That word is not said here.").wait_for()
    assert "FORBIDDEN" not in window.lines("Newest messages")


def _check_that_it_outlives_the_server(notebook: Kernel, ann: Window, bob: Window) -> None:
    port = re.findall(r":(\d+)", notebook.run(URL).stdout)[-1]
    notebook.run("%convex serve --stop")
    ann.wait_for_state("reconnecting")
    ann.say("said meanwhile")
    ann.wait_for("Newest messages", "said meanwhile")
    notebook.run(f"%convex serve --port {port}")
    for window in (ann, bob):
        window.wait_for("Newest messages", "SAID MEANWHILE")
        window.wait_for_state("connected")
