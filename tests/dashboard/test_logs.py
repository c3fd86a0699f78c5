"""The panel Logs: nbconvex.dashboard.logs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nbconvex.dashboard.logs import LogsPanel
from nbconvex.errors import CallerError
from nbconvex.testing import convex_test


@pytest.fixture
def panel(backend):
    backend.run("notes:add", {"text": "first"})
    backend.run_outcome("notes:fails")
    backend.run("notes:twice", {"text": "b"})
    return LogsPanel(backend)


def shown(panel: LogsPanel, **request: Any) -> list[str]:
    view = json.loads(json.dumps(panel.view(request)))
    return [each["function"].partition(":")[2] for each in view["calls"]]


def test_the_newest_call_comes_first(panel) -> None:
    times = [each["at"] for each in panel.view({})["calls"]]
    assert times == sorted(times, reverse=True)
    assert shown(panel, outermost=True) == ["twice", "fails", "add"]


def test_calls_are_filtered_by_function_kind_level_and_text(panel) -> None:
    assert shown(panel, function="notes:fails") == shown(panel, errors=True) == shown(panel, level="error") == ["fails"]
    assert len(shown(panel, function="notes")) == 6
    assert set(shown(panel, kind="mutation")) == {"add", "fails"}
    assert shown(panel, kind="query") == ["all"]
    assert shown(panel, text="NO SUCH LUCK") == ["fails"]
    assert shown(panel, text="adding first") == ["add"]
    assert shown(panel, level="printed") == ["twice", "fails", "add"]
    assert shown(panel, kind="endpoint") == shown(panel, text="nowhere") == []


def test_warnings_are_a_level_of_their_own(panel, backend) -> None:
    backend.runner.log_hint("GET /a", "[WARN] take care")
    assert [each["function"] for each in panel.view({"level": "warning"})["calls"]] == ["GET /a", "notes:fails"]
    assert [each["function"] for each in panel.view({"kind": "endpoint"})["calls"]] == ["GET /a"]


def test_a_list_is_bounded_and_says_how_many_there_are(panel) -> None:
    view = panel.view({"limit": 2})
    assert (len(view["calls"]), view["found"], view["logged"]) == (2, 6, 6)


def test_a_request_is_shown_with_the_calls_below_it(panel) -> None:
    newest = panel.view({"outermost": True})["calls"][0]
    assert newest["inner"] == 3
    whole = panel.view({"request": newest["request"]})["request"]
    assert [whole["function"], *(each["function"] for each in whole["calls"])] == [
        "notes:twice", "notes:add", "notes:add", "notes:all",
    ]  # fmt: skip
    gone = panel.view({"request": "ffff"})
    assert (gone["request"], gone["gone"]) == (None, True)


def test_an_endpoint_is_shown_with_the_calls_that_it_made() -> None:
    with convex_test() as t:
        t.backend.query(name="m:ask")(lambda ctx: 5)
        t.backend.http.get("/hello")(lambda ctx, request: {"n": ctx.run_query("m:ask")})
        t.fetch("/hello")
        panel = LogsPanel(t.backend)
        [row] = panel.view({"outermost": True})["calls"]
        assert (row["function"], row["kind"], row["inner"]) == ("GET /hello", "endpoint", 1)
        assert [each["function"] for each in panel.view({"request": row["request"]})["request"]["calls"]] == ["m:ask"]


def test_functions_that_were_called_can_be_chosen_from(panel) -> None:
    assert panel.view({})["functions"] == ["notes:add", "notes:all", "notes:fails", "notes:twice"]


def test_values_of_the_environment_are_not_found_by_searching(panel, backend) -> None:
    backend.env.set("KEY", "a-long-secret-value")
    backend.action(name="m:leak")(lambda ctx: 1 / len(ctx.env["KEY"][:0]))
    backend.action(name="m:tell")(lambda ctx: [][ctx.env["KEY"]])
    backend.run_outcome("m:tell")
    assert panel.view({"text": "secret-value"})["calls"] == []


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        ({"kind": "cron"}, "kind is one of query, mutation, action, endpoint, not 'cron'"),
        ({"level": "x"}, "level is one of"),
        ({"text": 5}, "text must be a text"),
        ({"errors": "yes"}, "errors must be true or false"),
        ({"limit": -1}, "limit must be a number"),
    ],
)
def test_bad_input_from_the_page_has_a_clear_error(panel, request_, told) -> None:
    with pytest.raises(CallerError, match=told):
        panel.view(request_)


def test_nothing_can_be_done_to_a_log(panel) -> None:
    with pytest.raises(CallerError, match="it only shows"):
        panel.act("clear", {})
