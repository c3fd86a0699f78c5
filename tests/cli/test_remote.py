"""`nbconvex run --url`: nbconvex.cli.remote."""

from __future__ import annotations

import json
import os
import signal

import pytest

import nbconvex
from nbconvex.cli import remote
from nbconvex.cli.main import main


@pytest.fixture
def served():
    with nbconvex.open(":memory:") as backend:

        @backend.mutation(name="polls:vote")
        def vote(ctx, choice: str):
            print("counting", choice)
            ctx.db.insert("votes", {"choice": choice})

        @backend.query(name="polls:counts")
        def counts(ctx):
            return [each["choice"] for each in ctx.db.query("votes").collect()]

        @backend.mutation(name="polls:fail")
        def fail(ctx):
            raise nbconvex.ConvexError("the poll is over")

        @backend.query(name="polls:secret", internal=True)
        def secret(ctx):
            return nbconvex.Int64(7)

        with nbconvex.serve(backend, port=0) as server:
            yield backend, server.url


def test_functions_of_an_app_that_is_served_are_called(served, capsys, monkeypatch):
    backend, url = served
    assert main(["run", "polls:vote", "choice=red ones", "--url", url]) == 0
    out, err = capsys.readouterr()
    assert out == "null\n"
    assert "counting red ones" in err
    assert main(["run", "polls:counts", "--url", f"{url}/"]) == 0
    assert json.loads(capsys.readouterr().out) == ["red ones"]
    monkeypatch.setenv("NBCONVEX_ADMIN_KEY", backend.admin_key)
    assert main(["run", "polls:secret", "--url", url]) == 0
    assert "$integer" in capsys.readouterr().out


def test_what_goes_wrong_is_a_sentence(served, capsys):
    _, url = served
    for words, problem in (
        (["polls:fail", "--url", url], "the poll is over"),
        (["polls:vote", "choice=5", "--url", url], "choice"),
        (["polls:secret", "--url", url], "polls:secret"),
        (["polls:vote", "choice=x", "--url", url, "--watch"], "mutation"),
        (["polls:counts", "--url", "http://127.0.0.1:9"], "nobody answers at http://127.0.0.1:9"),
        (["polls:counts", "--url", url.replace("http", "ftp")], "is no address"),
        (["polls:counts", "--url", url, "--as", "ada"], "goes without"),
        (["polls:counts"], "of which app?"),
    ):
        assert main(["run", *words]) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert problem in err
        assert "Traceback" not in err


def test_another_servers_answer_is_not_taken_for_a_value(served, capsys):
    backend, _ = served
    with nbconvex.serve(backend, port=0) as server:
        assert main(["run", "polls:counts", "--url", server.site_url]) == 1
    assert "refuses" in capsys.readouterr().err


def test_watching_asks_again_and_prints_what_differs(served, capsys, monkeypatch):
    backend, url = served
    monkeypatch.setattr(remote, "_AGAIN_S", 0.01)
    ask, asked = remote._value, []

    def scripted(*words):
        asked.append(1)
        if len(asked) == 3:
            backend.run_outcome("polls:vote", {"choice": "blue"})
        if len(asked) == 5:
            os.kill(os.getpid(), signal.SIGTERM)
        return ask(*words)

    monkeypatch.setattr(remote, "_value", scripted)
    assert main(["run", "polls:counts", "--watch", "--url", url]) == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [[], ["blue"]]
