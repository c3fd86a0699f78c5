"""The words of the command line."""

from __future__ import annotations

import subprocess
import sys

import pytest

import nbconvex
from nbconvex.cli import main as cli
from nbconvex.cli.main import main


def test_help_and_version_are_there(capsys):
    assert main([]) == 2
    assert "serve" in capsys.readouterr().out
    for words, told in ((["--version"], nbconvex.__version__), (["serve", "--help"], "--watch")):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 0
        assert told in capsys.readouterr().out


def test_an_unknown_word_is_a_mistake_of_the_users(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["sevre", "app.ipynb"])
    assert ended.value.code == 2
    assert "invalid choice" in capsys.readouterr().err


def test_it_is_a_module_too():
    told = subprocess.run(
        [sys.executable, "-m", "nbconvex", "--version"], capture_output=True, text=True, check=True, timeout=60
    )
    assert told.stdout.strip() == f"nbconvex {nbconvex.__version__}"


@pytest.mark.parametrize(("error", "status"), [(KeyboardInterrupt(), 130), (RuntimeError("ours"), 1)])
def test_an_interrupt_ends_quietly_and_a_mistake_of_ours_with_its_traceback(monkeypatch, capsys, error, status):
    def fails(_options):
        raise error

    monkeypatch.setattr(cli, "run_data", fails)
    assert main(["data", "app.duckdb"]) == status
    assert ("Traceback" in capsys.readouterr().err) == (status == 1)
