"""The list and notes as cells show them: text is text."""

from __future__ import annotations

from nbconvex.checks.finding import CheckLine, Finding
from nbconvex.checks.notes import Note
from nbconvex.notebook.checklist import Checklist, NoteLines

MARKUP = Finding("a:<b>", "cell <i>", "is <script>.", "write <img src=x>")


def test_markup_in_a_finding_stays_text() -> None:
    for shown in (Checklist([CheckLine("k", "t", "", (MARKUP,))]), NoteLines([Note("scan", MARKUP)])):
        html = shown._repr_html_()
        assert not any(tag in html for tag in ("<b>", "<i>", "<script>", "<img"))
        assert "write &lt;img src=x&gt;" in html
        assert "write <img src=x>" in repr(shown)


def test_notes_say_how_they_are_silenced() -> None:
    assert "nbconvex: allow scan, loop  in a function" in repr(NoteLines([Note("scan", MARKUP), Note("loop", MARKUP)]))
