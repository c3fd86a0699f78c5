"""Questions and answers between pages and panels: nbconvex.dashboard.desk."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from nbconvex.backend import Backend
from nbconvex.dashboard import desk as desk_module
from nbconvex.dashboard.desk import Desk

PATIENCE_S = 60.0


class Counting:
    """A panel that shows how many documents there are, and can be made to wait."""

    name = "counting"
    title = "Counting"
    follows_calls = False

    def __init__(self, store: Backend) -> None:
        self._backend = store
        self.views = 0
        self.may_go_on = threading.Event()

    def view(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self.views += 1
        if request.get("fail"):
            raise ValueError("no view")
        table = self._backend.database.snapshot.table("notes")
        return {"count": 0 if table is None else len(table.documents), "asked": dict(request)}

    def act(self, action: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        if action == "wait":
            self.may_go_on.wait(PATIENCE_S)
        if action == "fail":
            raise KeyError("no act")
        return {"did": action, "with": dict(arguments)}


class Calls(Counting):
    """A panel that shows how many calls there were."""

    name = "calls"
    follows_calls = True

    def view(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        return {"calls": len(self._backend.logs)}


class Page:
    """What a page gets."""

    def __init__(self) -> None:
        self.answers: queue.Queue[dict[str, Any]] = queue.Queue()
        #: What pages say again when they are asked whether they are still here.
        self.here: list[dict[str, Any]] = []

    def next(self) -> dict[str, Any]:
        while True:
            answer = self.answers.get(timeout=PATIENCE_S)
            if "ask" not in answer:
                return answer

    def is_quiet(self) -> bool:
        try:
            self.answers.get(timeout=0.4)
        except queue.Empty:
            return True
        return False


@pytest.fixture
def page() -> Page:
    return Page()


@pytest.fixture
def panel(store) -> Counting:
    return Counting(store)


@pytest.fixture
def desk(store, page, panel) -> Iterator[Desk]:
    desk: Desk

    def send(answer: dict[str, Any]) -> None:
        page.answers.put(answer)
        if "ask" in answer:
            for again in page.here:
                desk.hear(again)

    desk = Desk(store, [panel, Calls(store)], send)
    yield desk
    panel.may_go_on.set()
    desk.close("the test is over")


def view(desk: Desk, question: str = "1", *, page: str = "p", panel: str = "counting", **arguments: Any) -> Any:
    message = {"id": question, "page": page, "panel": panel, "verb": "view", "arguments": arguments}
    desk.hear(message)
    return message


def write(store: Backend) -> None:
    with_transaction = store.database.begin(writable=True)
    with_transaction.insert("notes", {})
    store.database.commit(with_transaction)


def test_a_view_is_answered_and_answered_again_after_a_commit(store, desk, page) -> None:
    view(desk, at="x")
    assert page.next() == {"id": "1", "ok": True, "readonly": "", "value": {"count": 0, "asked": {"at": "x"}}}
    write(store)
    assert page.next()["value"]["count"] == 1


def test_what_looks_the_same_is_not_sent_again(store, desk, page, panel) -> None:
    view(desk)
    page.next()
    store.push_schema({})
    assert page.is_quiet()
    assert panel.views > 1


def test_many_commits_are_few_answers_and_the_last_is_true(store, desk, page) -> None:
    view(desk)
    page.next()
    for _ in range(50):
        write(store)
    answers = [page.next()["value"]["count"]]
    while answers[-1] < 50:
        answers.append(page.next()["value"]["count"])
    assert len(answers) < 10


def test_a_page_watches_one_view_and_several_pages_each_their_own(store, desk, page) -> None:
    view(desk, "1", page="a")
    page.next()
    page.here.append(view(desk, "2", page="a"))
    assert page.next()["id"] == "2"
    page.here.append(view(desk, "3", page="b"))
    assert {page.next()["id"], page.next()["id"]} == {"2", "3"}
    write(store)
    assert {page.next()["id"], page.next()["id"]} == {"2", "3"}


def test_a_page_that_was_left_without_a_word_is_forgotten_when_another_comes(store, desk, page) -> None:
    view(desk, "1", page="before the reload")
    page.next()
    view(desk, "2", page="after it")
    assert page.next()["id"] == "2"
    write(store)
    assert page.next()["id"] == "2"
    assert page.is_quiet()


def test_nobody_looking_costs_a_commit_nothing(store, desk, page, panel) -> None:
    before = store.database._queue._listeners
    view(desk)
    page.next()
    assert len(store.database._queue._listeners) == len(before) + 1
    desk.hear({"page": "p", "verb": "leave"})
    for thread in threading.enumerate():
        if thread.name == "nbconvex-dashboard":
            thread.join(PATIENCE_S)
    seen = panel.views
    assert store.database._queue._listeners == before
    write(store)
    assert page.is_quiet()
    assert panel.views == seen
    view(desk, "2")
    assert page.next()["value"]["count"] == 1


def test_calls_are_followed_by_panels_that_are_about_calls(store, desk, page) -> None:
    @store.query
    def nothing(ctx: Any) -> None:
        return None

    view(desk, panel="calls")
    assert page.next()["value"] == {"calls": 0}
    store.run(nothing)
    assert page.next()["value"] == {"calls": 1}


def test_an_error_of_a_view_or_an_action_is_an_answer(desk, page) -> None:
    view(desk, fail=True)
    assert page.next()["error"] == {"title": "ValueError", "message": "no view"}
    desk.hear({"id": "2", "page": "p", "panel": "counting", "verb": "act", "action": "fail"})
    assert page.next()["error"] == {"title": "KeyError", "message": "'no act'"}


def test_an_action_that_takes_its_time_keeps_nobody_waiting(desk, page, panel) -> None:
    desk.hear({"id": "1", "page": "p", "panel": "counting", "verb": "act", "action": "wait"})
    desk.hear({"id": "2", "page": "p", "panel": "counting", "verb": "act", "action": "go", "arguments": {"a": 1}})
    assert page.next() == {"id": "2", "ok": True, "readonly": "", "value": {"did": "go", "with": {"a": 1}}}
    panel.may_go_on.set()
    assert page.next()["id"] == "1"


def test_more_actions_than_can_run_are_refused(desk, page, panel, monkeypatch) -> None:
    monkeypatch.setattr(desk_module, "ACTIONS_MAX", 1)
    desk.hear({"id": "1", "page": "p", "panel": "counting", "verb": "act", "action": "wait"})
    desk.hear({"id": "2", "page": "p", "panel": "counting", "verb": "act", "action": "go"})
    assert page.next()["error"]["title"] == "OverloadedError"
    panel.may_go_on.set()
    assert page.next()["ok"]


def test_more_watchers_than_can_be_served_make_way_for_the_newest(store, desk, page, monkeypatch) -> None:
    monkeypatch.setattr(desk_module, "WATCHERS_MAX", 2)
    for name in "abc":
        page.here.append({"id": name, "page": name, "panel": "counting", "verb": "view", "arguments": {}})
        desk.hear(page.here[-1])
    while page.next()["id"] != "c":
        pass
    assert len(desk._watches) == 2


def test_a_view_that_takes_long_is_not_made_all_the_time(store, desk, page, panel, monkeypatch) -> None:
    monkeypatch.setattr(panel, "view", lambda _request: {"at": time.sleep(0.2) or time.monotonic()})
    view(desk)
    first = page.next()["value"]["at"]
    write(store)
    assert page.next()["value"]["at"] - first > 0.9


@pytest.mark.parametrize(
    "message",
    [
        {"id": "1", "page": "p", "verb": "dance"},
        {"id": "1", "page": "p", "verb": "view", "panel": "none"},
        {"id": "1", "page": "p", "verb": "act", "panel": "none", "action": "x"},
        {"id": "1", "page": "p", "verb": "act", "panel": "counting", "action": "x", "arguments": [1]},
        {"id": "1", "page": "p", "verb": "view", "panel": "counting", "arguments": "x"},
    ],
)
def test_a_strange_message_is_answered_with_an_error(desk, page, message) -> None:
    desk.hear(message)
    answer = page.next()
    assert (answer["id"], answer["ok"]) == ("1", False)


def test_what_is_no_message_does_nothing(desk, page) -> None:
    for message in (None, 5, "text", []):
        desk.hear(message)
    assert page.is_quiet()


def test_a_store_that_closes_is_said_to_and_the_last_state_stays(store, desk, page) -> None:
    view(desk)
    page.next()
    write(store)
    store.close()
    answer = page.next()
    while not answer["readonly"]:
        answer = page.next()
    assert answer["readonly"] == "The store was closed."
    assert answer["value"]["count"] == 1
    view(desk, "2")
    assert page.next()["readonly"] == "The store was closed."


def test_a_store_that_failed_is_said_to(store, desk, page, monkeypatch) -> None:
    view(desk)
    page.next()
    monkeypatch.setattr(store.database._queue, "failure", store.database._refusal())
    assert page.next()["readonly"]
