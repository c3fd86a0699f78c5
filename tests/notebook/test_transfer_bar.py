"""How far an import has come: nbconvex.notebook.transfer_bar."""

from __future__ import annotations

import pytest

from nbconvex.notebook import transfer_bar
from nbconvex.notebook.transfer_bar import TransferBar


@pytest.fixture
def session(shell, monkeypatch):
    """A session whose bars are patient with nobody."""
    monkeypatch.setattr(transfer_bar, "_PATIENCE_S", 0.0)
    monkeypatch.setattr(transfer_bar, "_PAUSE_S", 0.0)
    return shell.ipython.nbconvex_extension.session


def test_it_says_how_much_of_how_much(session) -> None:
    bar = TransferBar(session, "importing t.csv", "bytes")
    bar.update(500_000, 2_000_000)
    assert repr(bar) == f"importing t.csv {'█' * 10}{'░' * 30} 25% · 500.0 kB of 2.0 MB"
    assert "500.0 kB of 2.0 MB" in bar.to_html()
    bar = TransferBar(session, "importing rows", "rows")
    bar.update(1_500, None)
    assert repr(bar).endswith("0% · 1,500 rows")


def test_a_terminal_has_a_line_that_is_written_over(session, capsys) -> None:
    bar = TransferBar(session, "importing t.csv", "rows")
    for done in (1, 2):
        bar.update(done, 2)
    bar.end("2 documents", is_done=True)
    said = capsys.readouterr().err
    assert said.count("\r") == 3
    assert said.endswith("100% · 2 documents\x1b[K\n")


def test_what_is_over_at_once_is_not_shown(shell, capsys) -> None:
    bar = TransferBar(shell.ipython.nbconvex_extension.session, "importing t.csv", "rows")
    bar.update(1, 2)
    bar.end("2 documents", is_done=True)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("live", ["html", "widget"])
def test_a_notebook_has_a_bar_that_is_drawn_again(shell, session, live) -> None:
    shell.run(f"%config NbConvex.live = '{live}'")
    ran = shell.run(
        "from nbconvex.notebook.transfer_bar import TransferBar\n"
        "bar = TransferBar(get_ipython().nbconvex_extension.session, 'importing <b>', 'rows')\n"
        "bar.update(1, 4)\nbar.update(2, 4)\nbar.end('stopped: nothing was changed', is_done=False)"
    )
    assert ran.plain
    bar = shell.value("bar")
    assert (bar.counts.share, bar.counts.text) == (0.5, "stopped: nothing was changed")
    assert "importing &lt;b&gt;" in bar.to_html()
    if live == "widget":
        assert (bar._screen.share, bar._screen.text) == (0.5, "stopped: nothing was changed")
        bar._screen.close()
    else:
        assert any("stopped" in html for html in ran.html)


def test_an_import_shows_it(shell, session) -> None:
    shell.run("%config NbConvex.live = 'html'")
    shell.run("rows = [{'a': n} for n in range(2_500)]")
    ran = shell.run("%convex import rows --table t")
    assert any("importing rows" in html and "2,500 documents" in html for html in ran.html)
