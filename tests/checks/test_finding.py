"""Findings in words."""

from __future__ import annotations

from nbconvex.checks.finding import CheckLine, Finding, is_wrong, plain_text, summary

LIGHT = Finding("a:b", "cell 1, line 2", "could be better.", "write this", is_grave=False)
GRAVE = Finding("a:c", "", "is wrong.", "write that")


def test_a_line_is_marked_by_its_worst_finding() -> None:
    marks = [CheckLine("k", "t", "fine", found).mark for found in ((), (LIGHT,), (LIGHT, GRAVE))]
    assert marks == ["✓", "!", "✗"]


def test_findings_of_one_fault_are_told_together_and_counted() -> None:
    many = tuple(Finding(f"a:{n}", "", "is open.", "close it") for n in range(9))
    ((told, cure),) = CheckLine("k", "t", "fine", many).details()
    assert told == "a:0, a:1, a:2, a:3, a:4, a:5 and 3 more: is open."
    assert cure == "close it"


def test_plain_text_has_every_line_with_cures_and_a_sum() -> None:
    lines = [
        CheckLine("k", "One", "all fine"),
        CheckLine("k", "Two", "", (LIGHT,)),
        CheckLine("k", "Three", "", (GRAVE,)),
    ]
    text = plain_text(lines)
    assert "✓ One: all fine" in text
    assert "a:b (cell 1, line 2): could be better.\n      Write:  write this" in text
    assert text.endswith("1 wrong, 1 worth a look, 1 fine.")
    assert is_wrong(lines)
    assert not is_wrong(lines[:2])
    assert summary(lines[:1]) == "1 fine"
