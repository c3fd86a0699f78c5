"""`nbconvex env`: nbconvex.cli.variables."""

from __future__ import annotations

import io

import pytest

from nbconvex.cli.main import main
from tests.cli.files import notebook

KEY = "%%query m\ndef key(ctx):\n    return ctx.env['API_KEY']"


@pytest.fixture(autouse=True)
def app(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return notebook(tmp_path / "app.ipynb", KEY)


def test_variables_are_set_from_a_pipe_a_file_or_the_process_and_functions_find_them(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("first secret\n"))
    assert main(["env", "set", "app.ipynb", "API_KEY"]) == 0
    assert capsys.readouterr() == ("", "Set: API_KEY.\n")
    assert main(["run", "m:key", "--app", "app.ipynb"]) == 0
    assert capsys.readouterr().out == '"first secret"\n'
    (tmp_path / ".env").write_text("API_KEY=second secret\nOTHER=x\n")
    monkeypatch.setenv("THIRD", "from the process")
    assert main(["env", "set", "app.duckdb", "API_KEY", "--from-file", ".env"]) == 0
    assert main(["env", "set", "app.duckdb", "THIRD", "--from-process"]) == 0
    capsys.readouterr()
    assert main(["env", "list", "app.ipynb"]) == 0
    assert capsys.readouterr().out == "name     characters\nAPI_KEY  13\nTHIRD    16\n"
    assert main(["env", "get", "app.ipynb", "API_KEY"]) == 0
    assert capsys.readouterr().out == "second secret\n"
    assert main(["env", "set", "app.ipynb", "--from-file", ".env"]) == 0
    assert main(["env", "remove", "app.ipynb", "THIRD"]) == 0
    assert main(["env", "list", "app.ipynb"]) == 0
    assert "OTHER" in capsys.readouterr().out


def test_wrong_lines_are_told_what_is_right(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    (tmp_path / "latin").write_bytes(b"\xff")
    for words, problem in (
        (["list", "nowhere.duckdb"], "there is no store"),
        (["set", "app.ipynb"], "set wants a name"),
        (["set", "app.ipynb", "KEY"], "nothing was entered"),
        (["set", "app.ipynb", "KEY", "--from-process"], "has no KEY"),
        (["set", "app.ipynb", "--from-file", "latin"], "no UTF-8"),
        (["set", "app.ipynb", "--from-file", "none"], "cannot be read"),
        (["get", "app.ipynb", "KEY"], "there is no store"),
        (["list", "app.ipynb", "--from-process"], "belong to set"),
    ):
        assert main(["env", *words]) == 1
        err = capsys.readouterr().err
        assert problem in err
        assert "Traceback" not in err


def test_functions_are_listed_as_json_lines(app, capsys):
    assert main(["functions", "app.ipynb"]) == 0
    out = capsys.readouterr().out
    assert '"identifier":"m:key"' in out
    assert '"functionType":"Query"' in out
    notebook(app, KEY, "%%query n\ndef broken(ctx)")
    assert main(["functions", "app.ipynb"]) == 1
    assert '"m:key"' in capsys.readouterr().out
