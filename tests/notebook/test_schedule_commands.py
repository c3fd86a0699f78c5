"""`%convex jobs`, `crons`, `pause`, `resume`: nbconvex.notebook.schedule_commands."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from IPython.core.error import UsageError

APP = """%%mutation m
def note(ctx, n: int = 0):
    ctx.db.insert('notes', {'n': n})

def fails(ctx):
    raise ConvexError("no such luck")

def plan(ctx, delay: float = 60_000, target: str = "m:note"):
    return ctx.scheduler.run_after(delay, target)
"""


@pytest.fixture
def app(shell):
    shell.run(APP)
    return shell


def scheduler_of(app) -> Any:
    return app.ipython.nbconvex_extension.session.backend.scheduler


def eventually(condition) -> None:
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def rows(widget: Any) -> list[dict[str, str]]:
    picture = json.loads(widget.state)["picture"]
    return [dict(zip(picture["columns"], row, strict=True)) for row in picture["rows"]]


def test_jobs_are_listed_with_what_they_wait_for_and_how_they_ended(app):
    app.run("plan()")
    app.run("plan(delay=0, target='m:fails')")
    assert scheduler_of(app).settle(10)
    [plain] = app.run("%convex jobs").plain
    assert "pending" in plain
    assert "ConvexError: no such luck" in plain
    assert "m:note" not in app.run("%convex jobs --state failed").plain[0]
    app.run("%convex pause the disk is full")
    assert "paused: the disk is full" in app.run("%convex jobs --static").plain[0]


@pytest.mark.case("tooling/jobs_list_cancel")
def test_jobs_are_canceled_by_id_or_all_at_once(app):
    job = app.value("plan()")
    assert app.run(f"%convex jobs --cancel {job}").plain == [f"✓ Canceled: {job}"]
    assert "was not canceled: it has ended (canceled)" in app.run(f"%convex jobs --cancel {job}").plain[0]
    for _ in range(3):
        app.run("plan()")
    assert app.run("%convex jobs --cancel all").plain == ["✓ Canceled: 3 that waited."]
    assert scheduler_of(app).count("canceled") == 4
    assert isinstance(app.fail("%convex jobs --cancel nonsense").error, UsageError)


def test_live_table_of_jobs_follows_and_cancels_by_a_click(app):
    app.run("%config NbConvex.live = 'widget'")
    job = app.value("plan()")
    app.run("from nbconvex.notebook.schedule_commands import _jobs as show")
    session = app.ipython.nbconvex_extension.session
    from nbconvex.notebook.command_table import COMMANDS

    command = COMMANDS["jobs"]
    widget = command.run(session, command.parser.parse_words([]))
    assert [row["state"] for row in rows(widget)] == ["spending"]
    assert rows(widget)[0][""] == "pcancel"
    widget._heard(widget, {"press": job}, [])
    eventually(lambda: [row["state"] for row in rows(widget)] == ["scanceled"])
    assert rows(widget)[0][""] == "s"
    app.run("plan(delay=0)")
    eventually(lambda: "ssuccess" in [row["state"] for row in rows(widget)])
    widget._heard(widget, {"press": "nonsense"}, [])
    widget.close()


@pytest.mark.case("tooling/cron_list_history")
def test_crons_are_listed_removed_and_remembered(app):
    assert app.run("%convex crons").plain == ["No crons. A cell that begins with %%cron NAME --every 5m makes one."]
    app.run("%%cron tidy --every 5m\nm.note(n=1)")
    assert scheduler_of(app).settle(10)
    [plain] = app.run("%convex crons").plain
    assert "every 5m" in plain
    assert "success" in plain
    assert "success" in app.run("%convex crons --history tidy").plain[0]
    assert app.run("%convex crons --history other").plain == ["No runs of a cron other."]
    assert "cron tidy" in app.run("%convex jobs").plain[0]
    assert app.run("%convex crons --remove tidy").plain == ["✓ gone: cron tidy"]
    assert "there is no cron 'tidy'" in str(app.fail("%convex crons --remove tidy").error)


@pytest.mark.case("tooling/resume_deployment")
def test_pause_holds_jobs_back_and_resume_runs_them(app):
    assert app.run("%convex resume").plain == ["It was not paused."]
    assert "Paused: by %convex pause" in app.run("%convex pause").plain[0]
    app.run("plan(delay=0)")
    assert scheduler_of(app).settle(10)
    assert app.run("%convex resume").plain == ["✓ Resumed. 1 scheduled function is waiting."]
    assert scheduler_of(app).settle(10)
    assert scheduler_of(app).count("success") == 1


@pytest.mark.case("tooling/pause_deployment")
def test_calls_from_the_network_are_refused_while_paused(app, monkeypatch):
    import httpx

    session = app.ipython.nbconvex_extension.session
    server = session.serve(port=0)
    call = {"path": "m:note", "args": {}}
    app.run("%convex pause the disk is full")
    refused = httpx.post(f"{server.url}/api/mutation", json=call)
    assert "The backend is paused: the disk is full" in refused.text
    assert app.value("m.note(n=1)") is None, "cells go on"
    app.run("%convex resume")
    assert httpx.post(f"{server.url}/api/mutation", json=call).json()["status"] == "success"
