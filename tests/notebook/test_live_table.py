"""Live views in a shell of this process: nbconvex.notebook.live_table."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

APP = (
    "%%mutation messages\ndef send(ctx, body: str):\n    return ctx.db.insert('messages', {'body': body})",
    """%%query messages
def newest(ctx, limit: int = 10):
    return ctx.db.query('messages').order('desc').take(limit)""",
)


@pytest.fixture
def app(shell):
    shell.run("%config NbConvex.live = 'widget'")
    for cell in APP:
        shell.run(cell)
    shell.run("send(body='one')")
    return shell


def bodies(widget: Any) -> list[str]:
    picture = json.loads(widget.state)["picture"]
    at = picture["columns"].index("body") if picture["rows"] else 0
    return [row[at][1:] for row in picture["rows"]]


def eventually(condition) -> None:
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def session(app) -> Any:
    return app.ipython.nbconvex_extension.session


def test_widget_follows_commits(app) -> None:
    view = app.value("live(api.messages.newest, limit=5)")
    assert bodies(view) == ["one"]
    version = view.version
    app.run("send(body='two')")
    eventually(lambda: bodies(view) == ["two", "one"])
    assert view.version == version + 1


def test_edited_query_refreshes_the_widget(app) -> None:
    view = app.value("live(api.messages.newest)")
    ran = app.run(APP[1].replace("order('desc').take(limit)", "take(0)"))
    assert ran.plain == ["✓ changed messages:newest · 1 live query follows"]
    eventually(lambda: bodies(view) == [])


def test_failing_query_keeps_the_rows_and_says_where(app) -> None:
    view = app.value("live(api.messages.newest)")
    app.run(APP[1] + "[0] / 0")
    eventually(lambda: json.loads(view.state)["error"] is not None)
    state = json.loads(view.state)
    assert state["error"]["title"] == "TypeError"
    assert "line 3, in newest" in state["error"]["message"]
    assert bodies(view) == ["one"]
    app.run(APP[1])
    eventually(lambda: json.loads(view.state)["error"] is None)


def test_closing_the_widget_ends_the_subscription(app) -> None:
    view = app.value("live(api.messages.newest)")
    assert "1 following" in app.run("%convex status").plain[0]
    view.close()
    assert "0 following" in app.run("%convex status").plain[0]
    assert len(session(app).backend.live) == 0


@pytest.mark.case("notebook/widget_removed_stops_watch")
def test_view_rests_while_no_page_shows_it(app) -> None:
    view = app.value("live(api.messages.newest)")
    view._heard(view, {"views": 1}, [])
    view._heard(view, {"views": 0}, [])
    eventually(lambda: not view.view.is_following)
    app.run("send(body='two')")
    view._heard(view, {"views": 1}, [])
    eventually(lambda: view.view.is_following)
    eventually(lambda: bodies(view) == ["two", "one"])
    view._heard(view, {"nonsense": "x"}, [])
    view._heard(view, "nonsense", [])


@pytest.mark.case("notebook/cell_rerun_idempotent")
def test_cell_run_again_ends_the_views_it_had_made(app, monkeypatch) -> None:
    parent = {"content": {}, "metadata": {"cellId": "cell-1"}}
    monkeypatch.setattr(app.ipython, "get_parent", lambda: parent, raising=False)
    first = app.value("live(api.messages.newest)")
    second = app.value("live(api.messages.newest)")
    assert (first.view.is_following, second.view.is_following) == (False, True)
    eventually(lambda: "run again" in json.loads(first.state)["ended"])
    assert len(session(app).backend.live) == 1


def test_unloading_ends_every_view_and_says_so(app) -> None:
    view = app.value("live(api.messages.newest)")
    app.run("%unload_ext nbconvex")
    assert json.loads(view.state)["ended"] == "The extension was unloaded."
    assert bodies(view) == ["one"]


def test_reloading_keeps_views_alive(app) -> None:
    view = app.value("live(api.messages.newest)")
    app.run("%reload_ext nbconvex")
    app.run("send(body='two')")
    eventually(lambda: bodies(view) == ["two", "one"])


def test_saved_form_is_beside_the_widget(app) -> None:
    view = app.value("live(api.messages.newest, limit=3)")
    bundle = view._repr_mimebundle_()[0]
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "messages:newest limit=3" in bundle["text/html"]
    assert "<script" not in bundle["text/html"]
    assert "one" in bundle["text/plain"]


def test_query_cell_shows_its_first_query_live(app) -> None:
    ran = app.run("%%query messages --live 'limit=1'\n" + APP[1].partition("\n")[2])
    assert any("messages:newest limit=1" in each for each in ran.html)
    assert len(session(app).views) == 1


def test_at_most_the_stated_rows_are_sent(app) -> None:
    app.run("%config NbConvex.live_rows = 2")
    for n in range(4):
        app.run(f"send(body='{n}')")
    picture = json.loads(app.value("live(api.messages.newest)").state)["picture"]
    assert (len(picture["rows"]), picture["total"]) == (2, 5)


def test_json_and_scalar_results_are_shown(app) -> None:
    app.run("%%query messages\ndef count(ctx):\n    return ctx.db.query('messages').count()")
    view = app.value("live('messages:count')")
    assert json.loads(view.state)["picture"]["text"] == "1"
    app.run("send(body='two')")
    eventually(lambda: json.loads(view.state)["picture"]["text"] == "2")
