"""Notes, each once for a function and kind."""

from __future__ import annotations

import pytest

import nbconvex
from nbconvex.checks.notes import Notes


@pytest.fixture
def notes(app):
    return Notes(app.backend)


def told(notes) -> list[tuple[str, str]]:
    return [(each.key, each.finding.owner) for each in notes.fresh()]


@pytest.mark.case("tooling/lint_missing_validator")
def test_a_public_function_without_validators_is_noted_once(app, notes) -> None:
    app.define("query", "def f(ctx, a):\n    return a")
    assert told(notes) == [("validators", "posts:f")]
    assert told(notes) == []
    app.define("query", "def f(ctx, a, b):\n    return a")
    assert told(notes) == []


@pytest.mark.case("tooling/lint_unbounded_collect")
def test_a_long_list_is_noted_once_when_it_ran(app, notes) -> None:
    app.fill(1_001)
    app.define("query", 'def f(ctx):\n    return len(ctx.db.query("posts").collect())')
    assert told(notes) == []
    app.backend.run("posts:f")
    (note,) = notes.fresh()
    assert (note.key, note.finding.problem) == ("collect", "collects 1,001 documents of posts at once.")
    app.backend.run("posts:f")
    assert told(notes) == []


@pytest.mark.case("tooling/lint_await_in_loop_of_runs")
def test_an_action_that_calls_a_mutation_in_a_loop_is_noted_once_and_one_mutation_proposed(app, notes) -> None:
    app.define("mutation", "def add(ctx, n: int):\n    return n", internal=True)
    app.define("action", "async def f(ctx):\n    for n in range(3):\n"
               "        await ctx.run_mutation(internal.posts.add, n=n)",
               module="acts")  # fmt: skip
    app.backend.run("acts:f")
    (note,) = notes.fresh()
    assert note.key == "loop"
    assert "with one mutation that loops over what is here (n=n)" in note.finding.cure
    app.backend.run("acts:f")
    assert told(notes) == []


def test_a_costly_scan_is_noted_when_it_ran_and_not_before(app, notes) -> None:
    app.fill(200)
    app.define("query", 'def f(ctx, n: int):\n    return ctx.db.query("posts").filter(lambda d: d["n"] == n).first()')
    assert told(notes) == []
    app.backend.run("posts:f", {"n": 199})
    assert told(notes) == [("scan", "posts:f")]


def test_a_comment_silences_a_note_and_production_all(app, notes) -> None:
    app.define("query", "def f(ctx, a):\n    # nbconvex: allow validators\n    return a")
    assert told(notes) == []
    with nbconvex.open(":memory:", production=True) as backend:
        backend.define_cell("query", "def f(ctx, a):\n    return a", module="m")
        assert Notes(backend).fresh() == []
