"""Queries written in place of a name: nbconvex.functions.inline_query."""

from __future__ import annotations

import traceback

import pytest

from nbconvex.errors import CallerError, NotAvailableError
from nbconvex.functions.inline_query import inline_query
from nbconvex.testing import convex_test


@pytest.fixture
def t():
    with convex_test() as t:
        t.run(lambda ctx: [ctx.db.insert("notes", {"n": n}) for n in range(3)] and None)
        yield t


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('ctx.db.query("notes").count()', 3),
        ('  found = ctx.db.query("notes").collect()\n  [d["n"] for d in found]'.replace("\n  ", "\n"), [0, 1, 2]),
        ('if ctx.db.query("notes").first(): return "some"\nreturn "none"', "some"),
        ("limit + 1", 3),
        ("x = 1", None),
    ],
)
def test_the_last_line_is_the_value_unless_something_is_returned(t, text, value) -> None:
    assert t.backend.run_inline(inline_query(text, {"limit": 2})) == value


def test_two_of_them_are_two_queries(t) -> None:
    assert [t.backend.run_inline(inline_query(text, {})) for text in ("1", "2", "1")] == [1, 2, 1]


@pytest.mark.parametrize("verb", ["insert('notes', {})", "delete('x')", "patch('x', {})", "replace('x', {})"])
def test_writing_is_refused(t, verb) -> None:
    with pytest.raises(NotAvailableError, match="an inline query only reads"):
        t.backend.run_inline(inline_query(f"ctx.db.{verb}", {}))
    assert t.run(lambda ctx: ctx.db.query("notes").count()) == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [("ctx.db.query(", "this is none"), ("  ", "says what to read"), ("yield 1\nbreak", "outside loop")],
)
def test_what_is_no_body_is_taught(text, words) -> None:
    with pytest.raises(CallerError, match=words):
        inline_query(text, {})


def test_an_error_shows_its_line(t) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        t.backend.run_inline(inline_query("n = 0\n1 / n", {}))
    assert "1 / n" in "".join(traceback.format_exception(caught.value))
