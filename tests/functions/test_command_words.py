"""Lines as people write them: nbconvex.functions.command_words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbconvex.functions.command_words import LineError, parse_arguments, split_line, write_arguments


@dataclass(frozen=True)
class Case:
    name: str
    line: str
    arguments: dict[str, Any]


CASES = [
    Case("nothing", "", {}),
    Case("bare_text", "channel=general", {"channel": "general"}),
    Case("quoted_text", 'channel="general talk"', {"channel": "general talk"}),
    Case("single_quotes", "channel='it''s'", {"channel": "its"}),
    Case("apostrophe", "body=don't", {"body": "don't"}),
    Case("numbers", "a=1 b=-2.5 c=1e3", {"a": 1, "b": -2.5, "c": 1000.0}),
    Case("python_words", "a=True b=None", {"a": True, "b": None}),
    Case("json_words", "a=true b=null", {"a": True, "b": None}),
    Case("list", 'tags=["a", "b c"] n=1', {"tags": ["a", "b c"], "n": 1}),
    Case("object", "o={'a': {'b': [1, 2]}}", {"o": {"a": {"b": [1, 2]}}}),
    Case("json_object", '{"a": true, "b": [null]}', {"a": True, "b": [None]}),
    Case("bytes", "b=b'x y'", {"b": b"x y"}),
    Case("escaped_quote", r'body="say \"hi\""', {"body": 'say "hi"'}),
    Case("date_stays_text", "day=2024-01-01", {"day": "2024-01-01"}),
    Case("empty_text", "body=", {"body": ""}),
    Case("equals_in_value", "q=a=b", {"q": "a=b"}),
    Case("brackets_in_quotes", 'body="a [b"', {"body": "a [b"}),
]


@pytest.mark.parametrize("case", CASES)
def test_arguments_are_read_as_written(case: Case) -> None:
    assert parse_arguments(split_line(case.line)) == case.arguments


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("general", 'cannot read "general" as an argument; write name=value'),
        ("a=1 a=2", "a is given twice"),
        ('a="open', '" is missing at the end of'),
        ("a=[1, 2", "] is missing at the end of"),
        ("a=[1,x]", "neither Python nor JSON"),
        ("1a=2", "cannot read"),
    ],
)
def test_unreadable_line_says_what_to_write(line: str, sentence: str) -> None:
    with pytest.raises(LineError) as caught:
        parse_arguments(split_line(line))
    assert sentence in str(caught.value)


def test_a_value_that_is_nested_too_deep_is_refused() -> None:
    with pytest.raises(LineError, match="neither Python nor JSON"):
        parse_arguments(["a=" + "[" * 100_000])


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True), VALUES, max_size=4))
def test_what_is_written_is_read_back(arguments: dict[str, Any]) -> None:
    assert parse_arguments(split_line(write_arguments(arguments))) == arguments
