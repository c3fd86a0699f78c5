"""The panel Functions: nbconvex.dashboard.functions."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from nbconvex.dashboard import functions
from nbconvex.dashboard.functions import FUNCTIONS_MAX, FunctionsPanel
from nbconvex.errors import CallerError, FunctionNotFoundError
from tests.dashboard.conftest import define


def depict(value: Any) -> dict[str, Any]:
    return {"shape": "value", "text": repr(value)}


@pytest.fixture
def panel(backend):
    made = FunctionsPanel(backend, depict=depict)
    yield made
    made.close()


def run(panel: FunctionsPanel, path: str, who: str = "", **texts: str) -> dict[str, Any]:
    answers = {name: {"text": text} for name, text in texts.items()}
    told = panel.act("run", {"function": path, "answers": answers, "as": who})
    return json.loads(json.dumps(told))


def test_functions_are_listed_by_module_with_what_the_log_says(panel, backend) -> None:
    backend.run("notes:add", {"text": "a"})
    backend.run_outcome("notes:fails")
    backend.run("notes:all")
    backend.run("notes:all")
    view = json.loads(json.dumps(panel.view({})))
    [module] = view["modules"]
    assert (module["name"], view["total"], view["found"], view["logged"]) == ("notes", 5, 5, 4)
    rows = {each["name"]: each for each in module["functions"]}
    assert list(rows) == ["add", "all", "fails", "twice", "who"]
    assert (rows["all"]["calls"], rows["all"]["hits"], rows["all"]["errors"]) == (2, 1, 0)
    assert (rows["fails"]["errors"], rows["who"]["calls"]) == (1, 0)
    assert (rows["twice"]["kind"], rows["twice"]["visibility"]) == ("action", "internal")
    assert rows["all"]["p95"] >= rows["all"]["p50"] > 0


def test_looking_runs_nothing_and_writes_nothing(panel, backend) -> None:
    before = backend.logs.count, backend.database.snapshot.ts
    panel.view({"function": "notes:add"})
    assert (backend.logs.count, backend.database.snapshot.ts) == before


def test_a_search_finds_functions_by_a_part_of_their_path(panel) -> None:
    view = panel.view({"find": "AL"})
    assert [each["name"] for each in view["modules"][0]["functions"]] == ["all"]
    assert panel.view({"find": "nothing"})["modules"] == []


def test_one_function_has_its_form_docs_and_newest_error(panel, backend) -> None:
    backend.run_outcome("notes:fails")
    one = panel.view({"function": "notes:add"})["function"]
    assert (one["full"], one["docs"], one["returns"]) == ("notes:add", "Adds a note.", "anything")
    assert [(each["name"], each["control"]["kind"], each["optional"]) for each in one["form"]["fields"]] == [
        ("text", "text", False), ("n", "whole", True),
    ]  # fmt: skip
    assert panel.view({"function": "notes:fails"})["function"]["newestError"]["text"] == "no such luck"
    assert panel.view({"function": "notes:gone"})["gone"]


def test_places_are_named_by_whoever_knows_cells(backend) -> None:
    panel = FunctionsPanel(backend, depict=depict, place_of=lambda filename: "Cell 7")
    assert panel.view({"function": "notes:add"})["function"]["place"] == "Cell 7, line 2"


def test_a_long_list_is_cut_and_says_so(panel, backend) -> None:
    define(backend, "query", "\n".join(f"def f{at}(ctx): return {at}" for at in range(FUNCTIONS_MAX + 1)), module="a")
    view = panel.view({})
    assert (view["shown"], view["found"]) == (FUNCTIONS_MAX, FUNCTIONS_MAX + 6)


def test_a_form_that_was_filled_in_runs_the_function(panel, backend) -> None:
    outcome = run(panel, "notes:add", text="hello", n="3")["outcome"]
    assert (outcome["ok"], outcome["lines"], outcome["problem"]) == (True, ["adding hello"], None)
    [note] = backend.run("notes:all")
    assert (note["text"], note["n"], outcome["value"]["text"]) == ("hello", 3, repr(note["_id"]))
    assert backend.logs.find(outcome["request"]).path == "notes:add"


def test_a_form_that_cannot_be_read_runs_nothing(panel, backend) -> None:
    told = run(panel, "notes:add", n="many")
    assert told == {"problems": {"text": "String is wanted.", "n": "'many' is no number."}}
    assert backend.logs.count == 0


def test_what_the_validator_refuses_stands_at_its_field(panel, backend) -> None:
    define(backend, "query", "from typing import Annotated\ndef f(ctx, tags: list[int]):\n    return tags", module="m")
    problems = run(panel, "m:f", tags="[1, 'x']")["problems"]
    assert "Path: .tags[1]" in problems["tags"]


def test_an_error_comes_with_its_logs_and_no_value(panel) -> None:
    outcome = run(panel, "notes:fails")["outcome"]
    assert (outcome["ok"], outcome["value"], outcome["lines"]) == (False, None, ["about to fail"])
    assert (outcome["problem"]["name"], outcome["problem"]["text"]) == ("ConvexError", "no such luck")


def test_values_of_the_environment_are_masked_in_errors(panel, backend) -> None:
    backend.env.set("KEY", "a-long-secret-value")
    define(backend, "action", "def leak(ctx):\n    raise ValueError('with ' + ctx.env['KEY'])", module="m")
    outcome = run(panel, "m:leak")["outcome"]
    assert "a-long-secret-value" not in json.dumps(outcome)


def test_an_action_shows_the_calls_that_it_made(panel) -> None:
    outcome = run(panel, "notes:twice", text="a")["outcome"]
    assert [each["function"] for each in outcome["calls"]] == ["notes:add", "notes:add", "notes:all"]


def test_a_function_is_run_as_whoever_is_named(panel, backend) -> None:
    assert run(panel, "notes:who")["outcome"]["value"]["text"] == "None"
    assert "'subject': 'ada'" in run(panel, "notes:who", "ada")["outcome"]["value"]["text"]
    claims = run(panel, "notes:who", '{"subject": "bob", "role": "admin"}')["outcome"]["value"]["text"]
    assert "'subject': 'bob'" in claims
    assert "'role': 'admin'" in claims
    backend.acting = nobody_but("eve")
    assert "'subject': 'eve'" in run(panel, "notes:who")["outcome"]["value"]["text"]
    assert panel.view({})["acting"] == "eve"
    assert "subject is needed" in run(panel, "notes:who", '{"name": "x"}')["problems"]["$as"]
    assert "cannot be read" in run(panel, "notes:who", "{x")["problems"]["$as"]


def nobody_but(subject: str) -> Any:
    from nbconvex.functions.acting import identity_named

    return identity_named({"subject": subject})


def eventually(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.005)


def test_a_query_that_nobody_looks_at_rests_and_goes_on_when_somebody_does(panel, backend, monkeypatch) -> None:
    panel.act("follow", {"function": "notes:all"})
    monkeypatch.setattr(functions, "UNSEEN_S", 0.0)
    run(panel, "notes:add", text="unseen")
    eventually(lambda: len(backend.live) == 0)
    monkeypatch.undo()
    assert "unseen" in panel.view({})["followed"]["value"]["text"]
    assert len(backend.live) == 1
    panel.close()
    assert len(backend.live) == 0


def test_a_query_is_followed_until_it_is_not(backend) -> None:
    panel = FunctionsPanel(backend, depict=depict)
    answer = panel.act("follow", {"function": "notes:all", "answers": {}})
    assert answer["outcome"]["value"]["text"] == "[]"
    run(panel, "notes:add", text="hello")
    eventually(lambda: "hello" in panel.view({})["followed"]["value"]["text"])
    assert panel.view({})["followed"]["path"] == "notes:all"
    assert len(backend.live) == 1
    panel.act("follow", {"function": "notes:who"})
    assert (len(backend.live), panel.view({})["followed"]["path"]) == (1, "notes:who")
    panel.act("unfollow", {})
    assert (len(backend.live), panel.view({})["followed"]) == (0, None)


def test_a_followed_query_that_fails_says_why(panel, backend) -> None:
    define(backend, "query", "def bad(ctx):\n    raise ConvexError('no')", module="m")
    outcome = panel.act("follow", {"function": "m:bad"})["outcome"]
    assert (outcome["ok"], outcome["problem"]["text"]) == (False, "no")


@pytest.mark.parametrize(
    ("action", "arguments", "told"),
    [
        ("run", {}, "function is missing"),
        ("run", {"function": 5}, "function must be a text"),
        ("run", {"function": "notes:all", "answers": []}, "answers must be an object"),
        ("run", {"function": "notes:all", "answers": {"x": {"text": "1"}}}, "takes no 'x'"),
        ("run", {"function": "notes:all", "as": {}}, "as must be a text"),
        ("follow", {"function": "notes:fails"}, "only queries can be followed"),
        ("burn", {}, "no action 'burn'"),
    ],
)
def test_bad_input_from_the_page_has_a_clear_error(panel, action, arguments, told) -> None:
    with pytest.raises(CallerError, match=told):
        panel.act(action, arguments)


def test_a_function_that_is_gone_is_named(panel) -> None:
    with pytest.raises(FunctionNotFoundError, match="notes:al"):
        panel.act("run", {"function": "notes:al"})
