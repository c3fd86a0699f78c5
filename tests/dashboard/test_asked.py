"""What a page asks for: nbconvex.dashboard.asked."""

from __future__ import annotations

import pytest

from nbconvex.dashboard.asked import (
    choice_in,
    count_in,
    flag_in,
    list_in,
    mapping_in,
    refuse_action,
    required_text_in,
    text_in,
)
from nbconvex.errors import CallerError


def test_what_is_absent_is_empty() -> None:
    assert (text_in({}, "a"), flag_in({}, "a"), count_in({}, "a", 7, most=9), mapping_in({}, "a")) == ("", False, 7, {})
    assert choice_in({}, "a", ("b",)) == ""
    assert list_in({}, "a", most=1) == []


def test_what_is_right_comes_out_as_it_is() -> None:
    asked = {"text": "x", "flag": True, "count": 3.0, "many": 1e300, "of": {"y": 1}, "ids": [1]}
    assert text_in(asked, "text") == required_text_in(asked, "text", "what?") == choice_in(asked, "text", ("x",)) == "x"
    assert flag_in(asked, "flag") is True
    assert (count_in(asked, "count", 0, most=9), count_in(asked, "many", 0, most=9)) == (3, 9)
    assert mapping_in(asked, "of") == {"y": 1}
    assert list_in(asked, "ids", most=1) == [1]


@pytest.mark.parametrize(
    ("read", "told"),
    [
        (lambda asked: text_in(asked, "n"), "n must be a text, got int 5"),
        (lambda asked: text_in(asked, "long"), "long has 2,000 characters"),
        (lambda asked: required_text_in(asked, "gone", "which file?"), "gone is missing: which file"),
        (lambda asked: flag_in(asked, "n"), "true or false"),
        (lambda asked: list_in(asked, "n", most=1), "n must be a list"),
        (lambda asked: list_in(asked, "two", most=1), "two has 2 elements; at most 1"),
        (lambda asked: count_in(asked, "flag", 0, most=9), "a number, 0 or more, got bool True"),
        (lambda asked: count_in(asked, "nan", 0, most=9), "a number"),
        (lambda asked: count_in(asked, "less", 0, most=9), "a number"),
        (lambda asked: choice_in(asked, "word", ("a", "b")), "word is one of a, b, not 'c'"),
        (lambda asked: mapping_in(asked, "word"), "word must be an object"),
        (lambda asked: refuse_action("Files", "burn", ("delete",)), "no action 'burn'; it knows delete"),
        (lambda asked: refuse_action("Logs", 5, ()), "it only shows"),
    ],
)
def test_what_is_wrong_is_named(read, told) -> None:
    asked = {"n": 5, "two": [1, 2], "long": "x" * 2000, "flag": True, "nan": float("nan"), "less": -1, "word": "c"}
    with pytest.raises(CallerError, match=told):
        read(asked)
