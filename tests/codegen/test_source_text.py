"""Strings, names, comments and long lines of generated text."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbconvex.codegen.source_text import (
    LINE_LENGTH,
    MARK,
    block,
    comment,
    deeper,
    head,
    key,
    member,
    quoted,
    union,
    used,
)
from tests.codegen.balance import is_balanced

any_text = st.text(st.characters() | st.sampled_from('"\\*/\n\r\u2028\ud800'), max_size=20)


def test_head_says_who_wrote_the_file_and_how_to_do_it_again() -> None:
    text = head("Some functions.")
    assert text.startswith("/* eslint-disable */\n/**\n * Some functions.\n *\n")
    assert MARK in text
    assert "Do not edit" in text
    assert "%convex codegen DIR" in text
    assert 'write_types(backend, "DIR")' in text


@given(any_text)
def test_a_quoted_text_is_one_string_that_any_encoding_takes(text: str) -> None:
    literal = quoted(text)
    assert json.loads(literal) == text
    assert is_balanced(literal)
    literal.encode("utf-8")


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("body", "body"),
        ("_id", "_id"),
        ("$x", "$x"),
        ("delete", "delete"),
        ("default", "default"),
        ("", '""'),
        ("1st", '"1st"'),
        ("a.b", '"a.b"'),
        ('say "hi"\\', '"say \\"hi\\"\\\\"'),
        ("größe", '"größe"'),
    ],
)
def test_names_are_quoted_where_they_must_be(name: str, written: str) -> None:
    assert key(name) == written


def test_a_comment_has_the_text_and_cannot_be_ended_by_it() -> None:
    assert comment(None, "") == comment(" \n ", "") == ""
    assert comment("One line.", "  ") == "  /** One line. */\n"
    assert comment("First.\n\n    Then */ more.  \n", "  ") == "  /**\n   * First.\n   *\n   * Then *\\/ more.\n   */\n"


@given(any_text)
def test_any_text_makes_a_comment_that_is_one(text: str) -> None:
    written = comment(text, "  ")
    assert is_balanced(written)
    written.encode("utf-8")


def test_a_union_names_each_type_once_and_breaks_where_it_is_long() -> None:
    assert union([], "") == "never"
    assert union(["string", "null", "string"], "") == "string | null"
    assert union(["string", "any"], "") == "any"
    long = ["x" * 60, "y" * 60]
    assert union(long, "  ") == f"\n    | {long[0]}\n    | {long[1]}"
    assert member("a", union(long, "")) == f"a:\n  | {long[0]}\n  | {long[1]}"
    assert member("a", "string") == "a: string"


def test_a_block_stands_in_one_line_where_it_fits() -> None:
    assert block([], "") == "{}"
    assert block(["a: string", "b: null"], "") == "{ a: string; b: null }"
    assert block(["a: string"], "  ", is_flat_allowed=False) == "{\n    a: string;\n  }"
    assert block(["a: " + "x" * LINE_LENGTH], deeper("")) == "{\n    a: " + "x" * LINE_LENGTH + ";\n  }"


def test_only_whole_words_count_as_used() -> None:
    assert used(["Id", "Doc"], "GenericId<string> | Doc") == ["Doc"]
