"""Small answers: nbconvex.notebook.card."""

from __future__ import annotations

import pytest

from nbconvex.notebook.card import Card, Lines, Listing, Result, Verdict


@pytest.mark.case("notebook/long_result_truncated")
def test_long_result_is_a_table_with_pages() -> None:
    result = Result([{"_id": str(at), "n": at} for at in range(10_000)], title="numbers:list")
    html, text = result._repr_html_(), repr(result)
    assert html.count("<details>") == 9
    assert "rows 101 to 200" in html
    assert "showing 1,000 of 10,000 rows" in html
    assert len(text.splitlines()) < 30
    assert "(20 of 10,000 rows)" in text
    assert len(result.value) == 10_000


def test_empty_result_says_so() -> None:
    assert repr(Result([], title="people:list")) == "people:list\n(no rows)"
    assert "no rows" in Result([], title="people:list")._repr_html_()


def test_plain_form_says_everything() -> None:
    assert repr(Card("title", [("a", "1"), ("long", "2")], note="note")) == "title\n  a     1\n  long  2\n  note"
    assert repr(Listing("title", ["n"], [["1"]])) == "title\nn\n-\n1"
    assert repr(Listing("title", ["n"], [], empty="none yet")) == "none yet"
    assert repr(Lines([("✓", "done"), ("", "more")])) == "✓ done\nmore"
    assert repr(Verdict("sum: not yet", "It is 3.", is_good=False, note="again")) == "✗ sum: not yet. It is 3.\nagain"
    assert repr(Verdict("sum: right", "", is_good=True)) == "✓ sum: right."
    assert repr(Result(5, title="f", status="1 ms")) == "f\n5\n(1 ms)"
