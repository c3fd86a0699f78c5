"""What functions may do is read from their text, and from what was refused."""

from __future__ import annotations

import pytest

from nbconvex.checks.kinds import action_findings, schedule_findings, type_findings
from nbconvex.checks.source import codes_of
from nbconvex.errors import NotAllowedError


def types_of(app):
    return list(type_findings(codes_of(app.backend), app.backend.runner.plans))


def test_a_query_that_writes_is_named_with_its_cure(app) -> None:
    app.define("query", 'def add(ctx):\n    ctx.db.table("posts").insert({})\ndef fine(ctx):\n    return 1')
    (found,) = types_of(app)
    assert (found.owner, found.cure) == ("posts:add", "%%mutation posts   or   @mutation")
    assert found.is_grave


def test_an_action_that_uses_the_database_through_a_helper_is_named(app) -> None:
    app.define("action", 'def _store(ctx):\n    return ctx.db.insert("posts", {})\ndef send(ctx):\n    _store(ctx)')
    (found,) = types_of(app)
    assert "ctx.db.insert" in found.problem
    assert found.cure.startswith("ctx.run_mutation(")


def test_what_was_refused_when_it_ran_is_told_until_the_function_changes(app) -> None:
    hidden = 'def add(ctx):\n    getattr(ctx.db, "insert")("posts", {})'
    app.define("query", hidden)
    assert types_of(app) == []
    with pytest.raises(AttributeError):
        app.backend.run("posts:add")
    (found,) = types_of(app)
    assert "was refused when it ran" in found.problem
    app.define("query", "def add(ctx):\n    return 1")
    assert types_of(app) == []


def test_the_network_in_a_mutation_is_to_be_scheduled_and_not_in_an_action(app) -> None:
    text = "import urllib.request\ndef mail(ctx):\n    urllib.request.urlopen('http://localhost')"
    app.define("mutation", text)
    app.define("action", text, module="mails")
    (found,) = schedule_findings(codes_of(app.backend), app.backend.runner.plans)
    assert found.owner == "posts:mail"
    assert "ctx.scheduler.run_after(0, internal.posts.the_action" in found.cure


def test_a_network_call_behind_a_name_is_told_once_it_was_refused(app) -> None:
    app.define("mutation", "def wait(ctx):\n    __import__('time').sleep(0)")
    with pytest.raises(NotAllowedError):
        app.backend.run("posts:wait")
    (found,) = schedule_findings(codes_of(app.backend), app.backend.runner.plans)
    assert "was refused" in found.problem
    assert types_of(app) == []


def test_a_called_action_is_scheduled_with_its_own_arguments(app) -> None:
    app.define("action", "def send(ctx, to: str):\n    return to", internal=True)
    app.define("mutation", "def add(ctx):\n    ctx.run_action(internal.posts.send, to='ada')", cell="1")
    app.define("action", "def both(ctx):\n    ctx.run_action(internal.posts.send, to='x')", module="more")
    grave, light = sorted(
        action_findings(codes_of(app.backend), app.backend.runner.plans, app.backend.registry),
        key=lambda each: not each.is_grave,
    )
    assert grave.cure == "ctx.scheduler.run_after(0, internal.posts.send, to='ada')"
    assert (light.owner, light.is_grave) == ("more:both", False)


def test_a_function_called_past_ctx_is_named_and_a_parameter_of_its_name_is_not(app) -> None:
    app.define("query", "def count(ctx):\n    return 1")
    app.define("query", "def twice(ctx):\n    return api.posts.count() * 2\n"
               "def fine(ctx, api: str):\n    return api.upper()",
               module="other")  # fmt: skip
    (found,) = action_findings(codes_of(app.backend), app.backend.runner.plans, app.backend.registry)
    assert (found.owner, found.cure) == ("other:twice", "ctx.run_query(api.posts.count)")
