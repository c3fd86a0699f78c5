"""Static HTML: nbconvex.notebook.html, plain text, and the objects that show both."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from nbconvex.notebook.card import Card, Lines, Listing, Result, Verdict
from nbconvex.notebook.html import escaped, picture_html
from nbconvex.notebook.live_view import ViewState
from nbconvex.notebook.picture import picture_of
from nbconvex.notebook.saved_form import saved_form

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)> \"'&\x00"


class Tags(HTMLParser):
    """The tags and attributes of a text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.open.append(tag)

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag


ALLOWED_TAGS = {
    "div", "table", "caption", "thead", "tbody", "tr", "th", "td", "span", "b", "i", "pre", "details", "summary",
}  # fmt: skip
ALLOWED_ATTRIBUTES = {"style", "scope", "role", "title", "tabindex", "aria-hidden"}

SHOWN = [
    Result([{"_id": HOSTILE, HOSTILE: HOSTILE, "n": {"deep": HOSTILE}}], title=HOSTILE, status=HOSTILE)._repr_html_(),
    Result(HOSTILE, title=HOSTILE)._repr_html_(),
    Result({HOSTILE: HOSTILE}, title=HOSTILE, as_json=True)._repr_html_(),
    Card(HOSTILE, [(HOSTILE, HOSTILE)], note=HOSTILE)._repr_html_(),
    Card(HOSTILE, [(HOSTILE, HOSTILE)], links=[HOSTILE], code=[HOSTILE])._repr_html_(),
    Verdict(HOSTILE, HOSTILE, is_good=False, note=HOSTILE)._repr_html_(),
    Listing(HOSTILE, [HOSTILE], [[HOSTILE]])._repr_html_(),
    Listing(HOSTILE, [HOSTILE], [[HOSTILE]], code=[HOSTILE])._repr_html_(),
    Listing(HOSTILE, [HOSTILE], [], empty=HOSTILE)._repr_html_(),
    Lines([(HOSTILE, HOSTILE)])._repr_html_(),
    saved_form(ViewState(HOSTILE, HOSTILE, picture_of([{"a": HOSTILE}]), (HOSTILE, HOSTILE), HOSTILE))["text/html"],
    saved_form(ViewState(HOSTILE, HOSTILE, None, (HOSTILE, HOSTILE)))["text/html"],
]


@pytest.mark.parametrize("html", SHOWN)
def test_nothing_of_a_value_becomes_markup(html: str) -> None:
    seen = Tags(html)
    assert seen.tags <= ALLOWED_TAGS
    assert seen.attributes <= ALLOWED_ATTRIBUTES
    assert not seen.open
    assert "\x00" not in html


@pytest.mark.parametrize("html", SHOWN)
def test_no_text_or_ground_colour_is_set(html: str) -> None:
    """Dark and light themes both keep theirs."""
    assert not re.search(r"(?<![-\w])(color|background)\s*:(?!\s*inherit)", html)


def test_only_what_a_card_names_as_an_address_can_be_opened() -> None:
    address = 'http://127.0.0.1:3211/poll?a="b"'
    card = Card("served", [("url", address), ("said", address)], links=["url"])._repr_html_()
    assert re.findall(r'href="([^"]*)"', card) == ["http://127.0.0.1:3211/poll?a=&quot;b&quot;"]
    assert "href" not in Card("served", [("url", "javascript:alert(1)")], links=["url"])._repr_html_()


def test_lines_that_are_wrapped_stand_behind_their_marks() -> None:
    html = Lines([("✓", "done")])._repr_html_()
    assert "padding-left:1.3em" in html
    assert "margin-left:-1.3em" in html


def test_escaping_keeps_line_ends() -> None:
    assert escaped("a<b\n\tc\x07") == "a&lt;b\n\tc\N{REPLACEMENT CHARACTER}"


def test_null_and_absent_look_different() -> None:
    html = picture_html(picture_of([{"a": None}, {"b": "null"}]))
    assert html.count(">null</i>") == 1
    assert html.count("this document has no such field") == 2
