"""Notes under cells."""

from __future__ import annotations

UNCHECKED = "%%query m\ndef {}(ctx, a):\n    return a"


def test_a_note_is_shown_under_the_cell_once(shell) -> None:
    shown = shell.run(UNCHECKED.format("f"))
    assert "m:f (Cell In[" in shown.plain[-1]
    assert "its arguments are not checked" in shown.html[-1]
    assert len(shell.run(UNCHECKED.format("f")).plain) == len(shown.plain) - 1


def test_a_setting_silences_notes(shell) -> None:
    shell.run("%config NbConvex.notes = False")
    assert "not checked" not in "".join(shell.run(UNCHECKED.format("f")).plain)
    shell.run("%config NbConvex.notes = True")
    assert "not checked" in "".join(shell.run(UNCHECKED.format("g")).plain)


def test_a_note_that_cannot_be_made_is_a_line_in_the_log(shell, monkeypatch) -> None:
    def broken(*_):
        raise RuntimeError("no note")

    shell.run("1")
    monkeypatch.setattr("nbconvex.checks.notes.code_of_function", broken)
    ran = shell.run(UNCHECKED.format("f"))
    assert "no note" not in ran.stdout + ran.stderr
    assert "no note" in shell.run("%convex logs --errors").plain[0]
