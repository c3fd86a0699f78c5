"""A panel for uploads: nbconvex.notebook.upload_panel. Its page's side: test_upload_panel_page.py."""

from __future__ import annotations

from typing import Any

from nbconvex.notebook.upload_panel import Uploaded, UploadPanel

TOLD = {"storageId": "kg1", "name": "a.png", "size": 5, "type": "image/png"}
A_PNG = Uploaded("kg1", "a.png", 5, "image/png")


class Sent(UploadPanel):
    """A panel that keeps what it would send to the page."""

    def send(self, content: Any, buffers: Any = None) -> None:
        self.messages = [*getattr(self, "messages", []), content]


def panel(then=None) -> Sent:
    urls = iter(("first", "second"))
    return Sent(lambda: next(urls), then, accept="", multiple=True)


def hear(made: UploadPanel, message: Any) -> None:
    made._handle_custom_msg(message, [])


def test_files_that_arrived_are_kept_and_told() -> None:
    seen = []
    made = panel(seen.append)
    hear(made, {"uploaded": TOLD})
    assert made.files == seen == [A_PNG]


def test_a_callback_that_fails_is_told_to_the_page() -> None:
    made = panel(lambda file: 1 / 0)
    hear(made, {"uploaded": TOLD})
    hear(made, {"uploaded": {**TOLD, "storageId": "kg2"}})
    assert made.messages == [
        {"said": "ZeroDivisionError: division by zero", "about": "kg1"},
        {"said": "ZeroDivisionError: division by zero", "about": "kg2"},
    ]
    assert len(made.files) == 2


def test_an_address_that_holds_no_more_is_replaced() -> None:
    made = panel()
    assert made.url == "first"
    hear(made, {"ask": "url"})
    assert made.url == "second"


def test_whatever_else_the_page_says_does_nothing() -> None:
    made = panel()
    for message in (None, "text", [], {}, {"uploaded": 5}, {"ask": "money"}):
        hear(made, message)
    assert made.files == []
    hear(made, {"uploaded": {"storageId": "x" * 5_000, "name": None, "size": "large"}})
    assert made.files == [Uploaded("x" * 1_000, "None", 0, "")]


def test_a_saved_notebook_holds_a_list_without_scripts() -> None:
    made = panel()
    assert "run this cell in an open notebook" in made._repr_mimebundle_()[0]["text/plain"]
    hear(made, {"uploaded": {**TOLD, "name": "<script>alert(1)</script>"}})
    data = made._repr_mimebundle_()[0]
    assert "application/vnd.jupyter.widget-view+json" in data
    assert "&lt;script&gt;" in data["text/html"]
    assert "<script" not in data["text/html"]
    assert "kg1" in repr(made)
