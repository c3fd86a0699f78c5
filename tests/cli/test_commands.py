"""Commands that do one thing and end."""

from __future__ import annotations

import json

import pytest

from nbconvex.cli.main import main
from tests.cli.files import HELPERS, NEWEST, SEND, notebook


@pytest.fixture
def app(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return notebook(tmp_path / "app.ipynb", HELPERS, SEND, NEWEST)


def test_run_prints_the_value_and_keeps_the_data_beside_the_app(app, capsys):
    assert main(["run", "messages:send", "body=good day", "--app", "app.ipynb"]) == 0
    assert main(["run", "messages:newest", "--app", "app.ipynb"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out.splitlines()[1]) == ["Good Day!"]
    assert err == ""
    assert app.with_suffix(".duckdb").exists()
    assert main(["data", "app.ipynb"]) == 0
    assert capsys.readouterr().out == "table     documents\nmessages  1\n"
    assert main(["data", "app.duckdb", "messages", "--newest", "--limit", "1"]) == 0
    assert json.loads(capsys.readouterr().out)["body"] == "Good Day!"


def test_run_shows_prints_and_errors_aside_and_fails(app, tmp_path, capsys):
    notebook(
        app,
        "%%query m\ndef f(ctx):\n    print('looking')\n    raise ConvexError('not today')",
        "%%query m\ndef who(ctx):\n    return ctx.auth.get_user_identity().subject",
        "%%query m\ndef broken(ctx)\n    ...",
    )
    common = ["--app", str(app), "--database", str(tmp_path / "other.duckdb")]
    assert main(["run", "m:f", *common]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "looking" in err
    assert "nbconvex: ConvexError: not today" in err
    assert main(["run", "m:who", "--identity", "ada", *common]) == 0
    assert capsys.readouterr().out == '"ada"\n'
    assert main(["run", "m:broken", *common]) == 1
    assert "SyntaxError" in capsys.readouterr().err
    assert not app.with_suffix(".duckdb").exists()


def test_a_store_is_exported_and_imported_again(app, tmp_path, capsys):
    main(["run", "messages:send", "body=one", "--app", "app.ipynb"])
    assert main(["export", "app.ipynb", "backup.zip", "--include-files"]) == 0
    assert main(["import", "backup.zip", "other.duckdb"]) == 0
    capsys.readouterr()
    assert main(["data", "app.duckdb", "messages"]) == main(["data", "other.duckdb", "messages"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == second
    (tmp_path / "cities.csv").write_text("name,people\nOslo,709037\n")
    assert main(["import", "cities.csv", "other.duckdb"]) == 0
    assert "cities: 1 document\n" in capsys.readouterr().err
    for words, problem in (
        (["import", "cities.csv", "other.duckdb"], "append"),
        (["import", "cities.csv", "other.duckdb", "--append", "--replace"], "one at most"),
        (["import", "nowhere.csv", "other.duckdb"], "nowhere.csv"),
        (["export", "nowhere.duckdb", "x.zip"], "there is no store"),
        (["export", "other.duckdb", "x.jsonl"], "table"),
    ):
        assert main(words) == 1
        err = capsys.readouterr().err
        assert problem in err
        assert "Traceback" not in err
    assert not (tmp_path / "x.zip").exists()


def test_codegen_writes_the_types(app, tmp_path, capsys):
    (tmp_path / "web").mkdir()
    assert main(["codegen", "app.ipynb", "web/convex"]) == 0
    assert "messages" in (tmp_path / "web/convex/_generated/api.d.ts").read_text()
    assert "2 functions" in capsys.readouterr().err
    notebook(app, "%%query m\ndef broken(ctx)")
    assert main(["codegen", "app.ipynb", "web/convex"]) == 1


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["data", "nowhere.duckdb"], "there is no store nowhere.duckdb"),
        (["data", "app.ipynb", "nothing"], 'there is no table "nothing". Tables: messages'),
        (["run", "m:f", "--app", "nowhere.ipynb"], "there is no file"),
        (["run", "messages:sent", "--app", "app.ipynb"], "messages:sen"),
        (["run", "messages:send", "body", "--app", "app.ipynb"], "write name=value"),
        (["codegen", "nowhere.py", "web"], "there is no file"),
    ],
)
def test_mistakes_are_said_in_a_sentence(app, capsys, words, problem):
    main(["run", "messages:send", "body=one", "--app", "app.ipynb"])
    capsys.readouterr()
    assert main(words) in {1, 2}
    err = capsys.readouterr().err
    assert problem in err
    assert "Traceback" not in err


def test_an_inline_query_reads_and_never_writes(app, capsys):
    main(["run", "messages:send", "body=one", "--app", "app.ipynb"])
    capsys.readouterr()
    common = ["--app", "app.ipynb", "--inline-query"]
    assert main(["run", *common, 'ctx.db.query("messages").count()']) == 0
    assert json.loads(capsys.readouterr().out) == 1
    assert main(["run", *common, "ctx.auth.get_user_identity().subject", "--as", "ada"]) == 0
    assert json.loads(capsys.readouterr().out) == "ada"
    assert main(["run", *common, 'ctx.db.insert("messages", {})']) == 1
    assert "an inline query only reads" in capsys.readouterr().err
