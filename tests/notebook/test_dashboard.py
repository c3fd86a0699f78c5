"""The dashboard as a widget: nbconvex.notebook.dashboard. Its page's side: test_dashboard_page.py."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from typing import Any

import pytest

from nbconvex.backend import Backend
from nbconvex.notebook.card import Listing
from nbconvex.notebook.dashboard import SCRIPTED, Dashboard, script, style, surroundings
from nbconvex.server.addresses import Addresses

PATIENCE_S = 60.0


class Sent(Dashboard):
    """A dashboard that keeps what it would send to the page."""

    def __init__(self, *args: Any, **named: Any) -> None:
        self.answers: queue.Queue[Any] = queue.Queue()
        super().__init__(*args, **named)

    def send(self, content: Any, buffers: Any = None) -> None:
        self.answers.put(content)


@pytest.fixture
def backend() -> Iterator[Backend]:
    with Backend.open() as backend:
        yield backend


@pytest.fixture
def made(backend) -> Iterator[Sent]:
    saved = Listing("tables", ["table", "documents"], [["messages", "3"]])
    made = Sent(backend, lambda: saved, title="app.duckdb", panel="tables", place={"table": "messages"})
    yield made
    made.close()


def ask(made: Sent, **message: Any) -> dict[str, Any]:
    made._handle_custom_msg({"id": "1", "page": "p", "panel": "tables", **message}, [])
    while "ask" in (answer := made.answers.get(timeout=PATIENCE_S)):
        pass
    return answer


def test_a_question_of_the_page_is_answered(made) -> None:
    answer = ask(made, verb="view", arguments={})
    assert (answer["id"], answer["ok"]) == ("1", True)
    assert [each["name"] for each in answer["value"]["tables"]] == ["_scheduled_functions", "_storage"]


def test_an_edit_of_the_page_is_made_and_an_error_says_where(made, backend) -> None:
    answer = ask(made, verb="act", action="insert", arguments={"table": "notes", "text": '{"a": 1}'})
    assert answer["ok"]
    assert len(backend.database.snapshot.table("notes").documents) == 1
    refused = ask(made, verb="act", action="insert", arguments={"table": "notes", "text": "[]"})
    assert refused["error"]["title"] == "CallerError"


def test_a_saved_notebook_holds_the_tables(made) -> None:
    bundle = made._repr_mimebundle_()[0]
    assert "messages" in bundle["text/html"]
    assert "messages" in bundle["text/plain"]
    assert repr(made) == bundle["text/plain"]


def test_nothing_is_sent_once_it_is_closed(made) -> None:
    made.close()
    while not made.answers.empty():
        made.answers.get()
    made._handle_custom_msg({"id": "2", "page": "p", "panel": "tables", "verb": "view"}, [])
    assert made.answers.empty()


def test_panels_are_told_of_addresses_results_and_places() -> None:
    around = surroundings(lambda: Addresses("http://api.test", "http://site.test"))
    assert (around.api(), around.site()) == ("http://api.test", "http://site.test")
    nowhere = surroundings(lambda: None)
    assert (nowhere.api(), nowhere.site()) == (None, None)
    assert around.depict([{"a": 1}])["columns"] == ("a",)
    assert around.place_of is not None


def test_a_dashboard_that_is_closed_follows_nothing(made, backend) -> None:
    backend.query(name="m:all")(lambda ctx: ctx.db.query("notes").collect())
    assert ask(made, panel="functions", verb="act", action="follow", arguments={"function": "m:all"})["ok"]
    assert len(backend.live) == 1
    made.close()
    assert len(backend.live) == 0


def test_the_script_is_one_module_with_a_function_for_each_panel() -> None:
    text = script()
    assert text.count("export default") == 1
    for name in SCRIPTED:
        assert f"function {name}Panel(host, api)" in text
    assert "innerHTML" not in text
    assert ".nbc-dash" in style()
