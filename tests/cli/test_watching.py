"""`nbconvex run --watch`: nbconvex.cli.watching."""

from __future__ import annotations

import json
import os
import signal

import pytest

from nbconvex.cli import watching
from nbconvex.cli.main import main
from nbconvex.functions import current
from tests.cli.files import HELPERS, NEWEST, SEND, notebook


@pytest.mark.case("tooling/run_watch")
def test_results_follow_the_data_and_the_file_until_a_signal(tmp_path, capsys, monkeypatch):
    app = notebook(tmp_path / "app.ipynb", HELPERS, SEND, NEWEST)
    steps = iter(range(100))
    monkeypatch.setattr(watching, "_LOOK_S", 0.01)
    monkeypatch.chdir(tmp_path)
    take = watching.Newest.take

    def scripted(box, timeout_s):
        update = take(box, timeout_s)
        if update is None:
            return None
        step = next(steps)
        if step == 0:
            current.the_only_one().run("messages:send", {"body": "good day"})
        elif step == 1:
            notebook(app, HELPERS, SEND, NEWEST.replace('each["body"]', 'each["body"].upper()'))
        elif step == 2:
            notebook(app, HELPERS, SEND, NEWEST.replace('each["body"]', 'each["nothing"]'))
        else:
            os.kill(os.getpid(), signal.SIGTERM)
        return update

    monkeypatch.setattr(watching.Newest, "take", scripted)
    assert main(["run", "messages:newest", "--watch", "--app", "app.ipynb"]) == 0
    out, err = capsys.readouterr()
    assert [json.loads(line) for line in out.splitlines()] == [[], ["Good Day!"], ["GOOD DAY!"]]
    assert "following messages:newest; Ctrl+C ends it" in err
    assert "has changed: loaded again" in err
    assert "nbconvex: KeyError: 'nothing'" in err


def test_only_queries_that_are_there_are_followed(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    notebook(tmp_path / "app.ipynb", HELPERS, SEND, NEWEST)
    for words, problem in (
        (["messages:send", "body=x"], "is a mutation"),
        (["messages:oldest"], "oldest"),
        (["messages:newest", "n=1", "--inline-query", "1"], "takes the place of a function"),
        ([], "Name a function"),
    ):
        assert main(["run", *words, "--watch", "--app", "app.ipynb"]) == 1
        assert problem in capsys.readouterr().err
