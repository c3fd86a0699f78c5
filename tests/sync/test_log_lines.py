"""Printed lines on the wire: nbconvex.sync.log_lines."""

from __future__ import annotations

import re

import pytest

from nbconvex.sync.log_lines import LINE_MAX, wire_line, wire_lines


@pytest.mark.parametrize(
    ("printed", "sent"),
    [
        ("hello", "[LOG] 'hello'"),
        ("", "[LOG] ''"),
        ("it's", r"[LOG] 'it\'s'"),
        ("a\\b\tc\x1b[0m", r"[LOG] 'a\\b\tc\x1B[0m'"),
        ("grün ✓", "[LOG] 'grün ✓'"),
        ("[WARN] m:f: many documents", "[WARN] 'm:f: many documents'"),
        ("[ERROR] of the app's own", r"[LOG] '[ERROR] of the app\'s own'"),
    ],
)
def test_line_has_a_level_and_its_text_in_quotes(printed, sent) -> None:
    assert wire_line(printed) == sent
    # What the official client takes apart. Source: wire-protocol 3.13.
    assert re.match(r"^\[.*?\] ", sent)


def test_long_line_is_cut_and_says_so() -> None:
    sent = wire_line("x" * 40_000)
    assert len(sent) == LINE_MAX + len(" (truncated due to length)")
    assert sent.endswith("x (truncated due to length)")
    assert wire_lines(["a", "b"]) == ["[LOG] 'a'", "[LOG] 'b'"]
