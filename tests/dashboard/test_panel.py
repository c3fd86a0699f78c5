"""What a page sends, read: nbconvex.dashboard.panel."""

from __future__ import annotations

import pytest

from nbconvex.dashboard import panel
from nbconvex.errors import CallerError


def test_what_fits_is_given() -> None:
    asked = {"table": "messages", "rows": 5.0, "on": True, "of": {"a": 1}, "ids": ["x"]}
    assert panel.word(asked, "table") == "messages"
    assert panel.whole(asked, "rows", 1, 10) == 5
    assert panel.flag(asked, "on")
    assert panel.mapping(asked, "of") == {"a": 1}
    assert panel.items(asked, "ids") == ["x"]


def test_what_is_missing_has_its_default() -> None:
    assert panel.word({}, "table", "") == ""
    assert panel.whole({}, "rows", 7, 10) == 7
    assert not panel.flag({}, "on")
    assert panel.mapping({}, "of") == {}
    assert panel.items({}, "ids") == []


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (panel.word, 5),
        (panel.word, None),
        (panel.word, "x" * 4_000_001),
        (lambda asked, name: panel.whole(asked, name, 0, 10), 11),
        (lambda asked, name: panel.whole(asked, name, 0, 10), -1),
        (lambda asked, name: panel.whole(asked, name, 0, 10), 1.5),
        (lambda asked, name: panel.whole(asked, name, 0, 10), True),
        (lambda asked, name: panel.whole(asked, name, 0, 10), float("nan")),
        (panel.flag, "yes"),
        (panel.mapping, [1]),
        (panel.items, "text"),
        (lambda asked, name: panel.items(asked, name, 2), [1, 2, 3]),
    ],
)
def test_what_does_not_fit_is_refused_by_name(read, value) -> None:
    with pytest.raises(CallerError, match='"given"'):
        read({"given": value}, "given")


def test_an_action_that_is_unknown_is_answered_with_those_there_are() -> None:
    assert "It has read, write" in str(panel.unknown_action("tables", "fly", ("read", "write")))
