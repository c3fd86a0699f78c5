"""The panel Jobs: nbconvex.dashboard.jobs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from nbconvex.dashboard.jobs import JobsPanel
from nbconvex.errors import CallerError
from nbconvex.services.scheduler.cron_forms import cron
from nbconvex.testing import TestBackend, convex_test


@pytest.fixture
def t() -> Iterator[TestBackend]:
    with convex_test() as made:
        made.backend.mutation(name="m:note")(lambda ctx, n=0: ctx.db.insert("notes", {"n": n}))

        @made.backend.mutation(name="m:fails")
        def fails(ctx):
            raise ValueError("no such luck")

        yield made


@pytest.fixture
def panel(t) -> JobsPanel:
    return JobsPanel(t.backend)


def viewed(panel: JobsPanel, **request: Any) -> dict[str, Any]:
    return json.loads(json.dumps(panel.view(request)))


def states(panel: JobsPanel, **request: Any) -> list[tuple[str, str]]:
    return [(each["function"], each["state"]) for each in viewed(panel, **request)["jobs"]]


@pytest.fixture
def three(t) -> list[str]:
    ids = [
        t.backend.scheduler.run_after(60_000, "m:note", {"n": 5}),
        t.backend.scheduler.run_after(1, "m:fails"),
        t.backend.scheduler.run_after(2, "m:note"),
    ]
    t.advance(1)
    t.finish_in_progress()
    return ids


def test_jobs_are_listed_by_state_with_arguments_and_failures(panel, three) -> None:
    view = viewed(panel)
    assert states(panel) == [("m:note", "pending"), ("m:fails", "failed"), ("m:note", "success")]
    assert view["counts"] == {"inProgress": 0, "pending": 1, "failed": 1, "success": 1, "canceled": 0}
    pending, failed, done = view["jobs"]
    assert (pending["id"], pending["arguments"], pending["open"]) == (three[0], "n=5", True)
    assert "no such luck" in failed["note"]
    assert (failed["open"], done["ended"] >= done["due"]) == (False, True)
    assert view["next"] == pending["due"]


def test_jobs_are_filtered_by_state_and_function(panel, three) -> None:
    assert states(panel, state="failed") == [("m:fails", "failed")]
    assert states(panel, find="NOTE") == [("m:note", "pending"), ("m:note", "success")]
    view = viewed(panel, limit=1)
    assert (len(view["jobs"]), view["more"]) == (1, True)
    assert not viewed(panel, limit=3)["more"]


def test_a_job_is_canceled(panel, three) -> None:
    assert panel.act("cancel", {"id": three[0]}) == {"said": "Canceled."}
    assert states(panel, state="canceled") == [("m:note", "canceled")]
    assert "has ended (canceled)" in panel.act("cancel", {"id": three[0]})["said"]


def test_all_that_wait_are_canceled(panel, t, three) -> None:
    t.backend.scheduler.run_after(60_000, "m:note")
    assert panel.act("cancelAll", {}) == {"said": "Canceled: 2 that waited."}
    assert viewed(panel)["counts"]["pending"] == 0


def test_the_schedule_is_paused_and_resumed(panel, three) -> None:
    panel.act("pause", {"reason": "lunch"})
    view = viewed(panel)
    assert view["paused"] == "lunch"
    assert view["jobs"][0]["note"] == "paused: lunch"
    panel.act("resume", {})
    assert viewed(panel)["paused"] == ""


def test_crons_are_listed_with_their_runs_and_removed(panel, t) -> None:
    t.backend.scheduler.declare_crons("a cell", [cron.interval("tidy", "m:note", {"n": 1}, minutes=5)])
    [row] = viewed(panel)["crons"]
    assert (row["name"], row["function"], row["recurs"], row["runs"]) == ("tidy", "m:note", "every 5m", 0)
    assert row["arguments"] == "n=1"
    t.advance(1)
    t.finish_in_progress()
    [row] = viewed(panel)["crons"]
    assert (row["runs"], [each["state"] for each in row["history"]]) == (1, ["success"])
    assert panel.act("removeCron", {"name": "tidy"})["said"].startswith("The cron tidy is gone")
    assert viewed(panel)["crons"] == []


@pytest.mark.parametrize(
    ("action", "arguments", "told"),
    [
        ("cancel", {}, "id is missing: which job"),
        ("cancel", {"id": "nonsense"}, "expected an Id<_scheduled_functions>"),
        ("cancel", {"id": 5}, "id must be a text"),
        ("removeCron", {"name": "gone"}, "there is no cron 'gone'"),
        ("explode", {}, "no action 'explode'; it knows cancel, cancelAll, pause, resume, removeCron"),
    ],
)
def test_bad_input_from_the_page_has_a_clear_error(panel, action, arguments, told) -> None:
    with pytest.raises(CallerError, match=told):
        panel.act(action, arguments)


def test_states_that_there_are_not_are_refused(panel) -> None:
    with pytest.raises(CallerError, match="state is one of inProgress, pending"):
        panel.view({"state": "lost"})
