"""The panel of tables: nbconvex.dashboard.tables."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nbconvex.backend import Backend
from nbconvex.dashboard import tables
from nbconvex.dashboard.tables import TablesPanel, table_counts
from nbconvex.errors import CallerError, CursorInvalidError, DocumentNotFoundError

TEXT = '{"channel": "a", "body": "hi", "likes": 5}'


@pytest.fixture
def panel(store) -> TablesPanel:
    return TablesPanel(store)


def page(panel: TablesPanel, **request: Any) -> dict[str, Any]:
    shown = panel.view({"table": "messages", **request})["table"]
    json.dumps(shown, allow_nan=False)
    return shown


def insert(panel: TablesPanel, text: str = TEXT, table: str = "messages") -> str:
    return panel.act("insert", {"table": table, "text": text})["id"]


def test_tables_are_listed_by_name_and_those_of_the_platform_behind(panel) -> None:
    insert(panel)
    listed = panel.view({})["tables"]
    assert listed == [
        {"name": "messages", "count": 1, "system": False},
        {"name": "users", "count": 0, "system": False},
        {"name": "_scheduled_functions", "count": 0, "system": True},
        {"name": "_storage", "count": 0, "system": True},
    ]


def test_counts_leave_out_the_tables_of_the_platform(store) -> None:
    assert table_counts(store) == [("messages", 0), ("users", 0)]


def test_the_first_table_is_shown_unless_another_is_asked_for(panel) -> None:
    assert panel.view({})["table"]["name"] == "messages"
    assert panel.view({"table": "users"})["table"]["name"] == "users"
    assert panel.view({"table": "_storage"})["table"]["system"]


def test_where_the_app_has_no_table_none_is_shown() -> None:
    with Backend.open() as backend:
        view = TablesPanel(backend).view({})
    assert (view["table"], view["missing"]) == (None, "")


def test_a_table_that_is_gone_is_said_to_be_missing(panel) -> None:
    view = panel.view({"table": "gone"})
    assert (view["table"], view["missing"]) == (None, "gone")
    assert panel.view({"table": "_environment"})["table"] is None


def test_a_page_has_cells_as_live_tables_have_them(panel) -> None:
    document_id = insert(panel, '{"channel": "<b>", "body": "a\\nb", "likes": 5, "score": 1.5, "when": "2026-01-31"}')
    picture = page(panel)["picture"]
    assert picture["columns"] == ["_id", "channel", "body", "likes", "score", "when", "author", "_creationTime"]
    assert picture["keys"] == [document_id]
    assert picture["rows"][0][1:7] == ["s<b>", "sa\nb", "n5", "n1.5", "t1769817600000.0", "u"]
    assert picture["numeric"][3:5] == [True, True]


def test_documents_without_a_schema_have_the_columns_that_they_have(store, panel) -> None:
    insert(panel, '{"b": b"\\x01", "a": [{"c": 1}]}', "notes")
    shown = page(panel, table="notes")
    assert shown["picture"]["columns"] == ["_id", "b", "a", "_creationTime"]
    assert shown["picture"]["rows"][0][1:3] == ["y1 bytes: 01", 'j[{"c": 1}]']
    assert shown["schema"] == []


def test_values_are_cut_and_wide_documents_too(panel) -> None:
    fields = ", ".join(f'"f{at}": 1' for at in range(80))
    insert(panel, f'{{"long": "{"x" * 5_000}", {fields}}}', "notes")
    shown = page(panel, table="notes")
    assert len(shown["picture"]["columns"]) == 60
    assert shown["dropped"] == 23
    assert len(shown["fields"]) == 83
    assert shown["picture"]["rows"][0][1].endswith("… (5,000 characters)")
    assert len(shown["picture"]["rows"][0][1]) < 300


def test_pages_follow_each_other_by_their_cursors(panel) -> None:
    for at in range(5):
        insert(panel, f'{{"n": {at}}}', "notes")
    seen, cursor = [], ""
    while cursor is not None:
        shown = page(panel, table="notes", rows=2, ascending=True, cursor=cursor)
        seen += [row[1] for row in shown["picture"]["rows"]]
        cursor = shown["next"]
    assert seen == ["n0", "n1", "n2", "n3", "n4"]
    assert page(panel, table="notes")["picture"]["rows"][0][1] == "n4"


def test_a_page_says_how_it_was_found(panel) -> None:
    insert(panel)
    shown = page(panel, where=[{"field": "channel", "comparison": "eq", "value": "a"}])
    assert (shown["through"], shown["ranged"], shown["found"], shown["count"]) == ("by_channel", ["channel"], 1, 1)
    shown = page(panel, where=[{"field": "body", "comparison": "eq", "value": "hi"}])
    assert (shown["through"], shown["ranged"], shown["found"], shown["lookedAt"]) == ("by_creation_time", [], None, 1)


def test_a_commit_to_another_table_costs_no_second_search(panel, monkeypatch) -> None:
    insert(panel)
    first = page(panel)
    insert(panel, '{"name": "Ada"}', "users")
    looked = []
    monkeypatch.setattr(tables, "page_of", lambda *_, **__: looked.append(1))
    assert page(panel) is first
    assert not looked


def test_what_was_pushed_is_seen_at_once(store, panel) -> None:
    insert(panel)
    assert page(panel)["schema"]
    store.push_schema({})
    assert page(panel)["schema"] == []


def test_a_field_and_a_document_are_read_as_texts(panel) -> None:
    document_id = insert(panel)
    about = {"table": "messages", "id": document_id}
    assert panel.act("read", {**about, "field": "likes"}) == {"text": "Int64(5)"}
    assert panel.act("read", {**about, "field": "score"}) == {"text": "UNSET"}
    document = panel.act("document", about)
    assert document["text"] == '{\n  "channel": "a",\n  "body": "hi",\n  "likes": Int64(5)\n}'
    assert document["created"] > 1.7e12


def test_actions_change_documents(panel) -> None:
    document_id = insert(panel)
    about = {"table": "messages", "id": document_id}
    assert panel.act("set", {**about, "field": "body", "text": "new", "was": "hi"}) == {}
    assert panel.act("set", {**about, "field": "score", "text": "1", "was": "UNSET"}) == {}
    assert panel.act("unset", {**about, "field": "score"}) == {}
    assert panel.act("read", {**about, "field": "body"}) == {"text": "new"}
    text = panel.act("document", about)["text"]
    assert panel.act("replace", {**about, "text": text.replace("new", "newer"), "was": text}) == {}
    assert panel.act("delete", {"table": "messages", "ids": [document_id]}) == {"deleted": 1}
    with pytest.raises(DocumentNotFoundError):
        panel.act("document", about)
    assert '"channel": ""' in panel.act("template", {"table": "messages"})["text"]


@pytest.mark.parametrize(
    "request_",
    [
        {"table": 5},
        {"where": "all"},
        {"where": [{"field": "a"}]},
        {"rows": -1},
        {"ascending": 1},
        {"order": "no_such"},
        {"order": ["x"]},
    ],
)
def test_a_strange_request_is_refused_in_words(panel, request_) -> None:
    with pytest.raises(CallerError):
        panel.view({"table": "messages", **request_})


def test_a_strange_cursor_is_refused_as_such(panel) -> None:
    with pytest.raises(CursorInvalidError):
        page(panel, cursor="nonsense")


@pytest.mark.parametrize(
    ("action", "arguments"),
    [
        ("fly", {"table": "messages"}),
        ("set", {}),
        ("set", {"table": "messages", "id": 5}),
        ("set", {"table": "messages", "id": "x", "field": "a", "text": "1", "was": 5}),
        ("delete", {"table": "messages", "ids": "all"}),
        ("read", {"table": "messages", "id": "nonsense", "field": "a"}),
    ],
)
def test_a_strange_action_is_refused_in_words(panel, action, arguments) -> None:
    with pytest.raises(CallerError):
        panel.act(action, arguments)


def test_a_store_that_is_closed_is_still_seen(store, panel) -> None:
    insert(panel)
    store.close()
    assert page(panel)["picture"]["rows"]


def test_the_apps_own_limits_do_not_keep_a_table_from_being_seen() -> None:
    from nbconvex.limits import Limits

    with Backend.open(limits=Limits(documents_read=2)) as store:
        panel = TablesPanel(store)
        for at in range(5):
            insert(panel, f'{{"n": {at}}}', "notes")
        assert len(page(panel, table="notes")["picture"]["rows"]) == 5
