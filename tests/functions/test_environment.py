"""`ctx.env`, and `os.environ` inside functions: nbconvex.functions.environment."""

from __future__ import annotations

import asyncio
import os

import pytest

import nbconvex
from nbconvex.errors import CallerError, VariableMissingError
from nbconvex.functions import environment


@pytest.fixture
def backend():
    with nbconvex.open() as backend:
        yield backend


def test_each_kind_of_function_finds_variables(backend):
    backend.env.set("MODE", "test")
    backend.query(name="q")(lambda ctx: [ctx.env["MODE"], ctx.env.get("NONE"), ctx.env.get("NONE", "x")])
    backend.mutation(name="m")(lambda ctx: ["MODE" in ctx.env, "NONE" in ctx.env])
    backend.action(name="a")(lambda ctx: ctx.env["MODE"])

    @backend.action(name="b")
    async def b(ctx):
        await asyncio.sleep(0)
        return ctx.env["MODE"] + os.environ["MODE"]

    assert backend.run("main:q") == ["test", None, "x"]
    assert backend.run("main:m") == [True, False]
    assert backend.run("main:a") == "test"
    assert backend.run("main:b") == "testtest"


@pytest.mark.case("tooling/env_change_rerun")
def test_query_that_has_looked_at_a_variable_runs_again_when_it_changes(backend):
    runs, seen, other = [], [], []

    @backend.query(name="mode")
    def mode(ctx):
        runs.append(1)
        return ctx.env.get("MODE", "none")

    backend.query(name="other")(lambda ctx: other.append(1))
    subscription = backend.subscribe_many([("main:mode", None), ("main:other", None)], seen.append)
    for change in (
        lambda: backend.env.set("MODE", "test"),
        lambda: backend.env.set("UNRELATED", "x"),
        lambda: backend.env.set("MODE", "test"),
        lambda: backend.env.set("MODE", "live"),
        lambda: backend.env.remove("MODE"),
    ):
        change()
        assert backend.live.settle(5)
    subscription.close()
    assert len(runs) == 4, "once at first, and once a change of this variable"
    assert len(other) == 1
    assert len(seen) == 4, "one advance for each change that it can see, and the first"
    assert backend.run("main:mode") == "none"
    assert len(runs) <= 5


def test_cached_result_does_not_outlive_the_variable(backend):
    backend.query(name="mode")(lambda ctx: os.environ.get("NBC_TEST_MODE"))
    assert backend.run("main:mode") is None
    backend.env.set("NBC_TEST_MODE", "a")
    assert backend.run("main:mode") == "a"
    assert backend.run("main:mode") == "a"
    assert list(backend.logs)[-1].is_cached
    backend.env.set("NBC_TEST_MODE", "b")
    assert backend.run("main:mode") == "b"


def test_os_environ_has_them_inside_functions_only(backend, monkeypatch):
    monkeypatch.setenv("NBC_BOTH", "process")
    backend.env.set("NBC_BOTH", "store")
    backend.action(name="a")(lambda ctx: [os.environ["NBC_BOTH"], os.getenv("NBC_BOTH"), os.environ.get("NBC_NONE")])
    assert backend.run("main:a") == ["store", "store", None]
    assert os.environ["NBC_BOTH"] == "process"
    backend.env.remove("NBC_BOTH")
    assert backend.run("main:a")[0] == "process"


def test_two_backends_have_variables_of_their_own(backend):
    with nbconvex.open() as other:
        for each, value in ((backend, "one"), (other, "two")):
            each.env.set("NBC_MODE", value)
            each.query(name="mode")(lambda ctx: os.environ["NBC_MODE"] + ctx.env["NBC_MODE"])
        assert backend.run("main:mode") == "oneone"
        assert other.run("main:mode") == "twotwo"
    assert backend.run("main:mode") == "oneone"


def test_os_environ_is_as_it_was_after_the_last_backend():
    before = type(os.environ)
    with nbconvex.open(), nbconvex.open():
        assert isinstance(os.environ, before)
        os.environ["NBC_X"] = "1"
        del os.environ["NBC_X"]
        assert dict(os.environ) == {name: os.environ[name] for name in os.environ}
    assert type(os.environ) is environment._PROCESS


def test_missing_variable_is_named_and_is_a_key_error(backend):
    backend.action(name="mail")(lambda ctx: ctx.env["EMAIL_API_KEY"])
    with pytest.raises(
        VariableMissingError, match="main:mail: the environment variable EMAIL_API_KEY is not set"
    ) as caught:
        backend.run("main:mail")
    assert isinstance(caught.value, KeyError)
    assert isinstance(caught.value, CallerError)
    assert "%convex env set EMAIL_API_KEY" in str(caught.value)
    backend.action(name="all")(lambda ctx: list(ctx.env))
    with pytest.raises(VariableMissingError, match="one by one"):
        backend.run("main:all")
    backend.action(name="shown")(lambda ctx: [repr(ctx.env), bool(ctx.env)])
    assert backend.run("main:shown") == ["<ctx.env of main:shown>", True]


@pytest.mark.case("notebook/secrets_masked", "guide/wf3_env_key")
def test_value_is_masked_in_what_functions_print_and_sent_where_it_belongs(backend, capsys):
    sent = []
    backend.env.set("EMAIL_API_KEY", "sk-very-secret")

    @backend.action(name="mail")
    def mail(ctx):
        headers = {"Authorization": f"Bearer {ctx.env['EMAIL_API_KEY']}"}
        sent.append(headers)
        print("sending", headers)
        for letter in "sk-very-secret":
            print(letter, end="")
        raise ValueError(f"401 for {headers}")

    with pytest.raises(ValueError, match="401"):
        backend.run("main:mail")
    assert sent == [{"Authorization": "Bearer sk-very-secret"}]
    record = list(backend.logs)[-1]
    assert record.lines == ("sending {'Authorization': 'Bearer [EMAIL_API_KEY]'}", "[EMAIL_API_KEY]")
    assert "Bearer [EMAIL_API_KEY]" in capsys.readouterr().out
    assert backend.runner.environment.masked("x sk-very-secret y") == "x [EMAIL_API_KEY] y"


def test_value_that_was_set_while_a_function_ran_is_masked_once_it_has_read_it(backend):
    @backend.action(name="waits")
    def waits(ctx):
        ctx.run_mutation("main:nothing")
        setter()
        print(ctx.env["KEY"])

    def setter():
        # Plain code of another thread.
        import contextvars

        contextvars.Context().run(backend.env.set, "KEY", "a-new-secret")

    backend.mutation(name="nothing")(lambda ctx: None)
    backend.run("main:waits")
    assert list(backend.logs)[-1].lines == ("[KEY]",)


def test_secret_in_the_error_of_a_scheduled_function_is_masked_where_it_is_kept(backend):
    backend.env.set("KEY", "sk-very-secret")

    @backend.action(name="fails")
    def fails(ctx):
        raise ValueError(ctx.env["KEY"])

    job = backend.scheduler.run_after(0, "main:fails")
    assert backend.scheduler.settle(5)
    assert backend.scheduler.get(job)["state"]["error"] == "ValueError: [KEY]"


def test_addresses_are_those_of_the_server_and_unknown_without_one(backend):
    backend.query(name="site")(lambda ctx: [ctx.env.get(name) for name in environment.BUILT_IN])
    assert backend.run("main:site") == [None, None]
    with nbconvex.serve(backend, port=0) as server:
        backend.query(name="site2")(lambda ctx: [ctx.env["CONVEX_CLOUD_URL"], os.environ["CONVEX_SITE_URL"]])
        assert backend.run("main:site2") == [server.url, server.site_url]
        assert backend.env["CONVEX_SITE_URL"] == server.site_url
    with pytest.raises(VariableMissingError, match="only while the backend is served"):
        backend.env["CONVEX_SITE_URL"]
    with nbconvex.serve(backend, port=0) as server:
        assert backend.run("main:site2") == [server.url, server.site_url], "another server has other addresses"
