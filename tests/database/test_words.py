"""What counts as a word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbconvex.database.words import counted_words, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("!!! ... --", []),
        ("Hello, World", ["hello", "world"]),
        ("e-mail@example.com", ["e", "mail", "example", "com"]),
        ("snake_case don't 3.14 x²", ["snake", "case", "don", "t", "3", "14", "x²"]),
        ("  foo \t\n bar ", ["foo", "bar"]),
        ("Größe GRÖSSE", ["größe", "grösse"]),
        ("cafe\u0301 CAFÉ", ["café", "café"]),
        ("東京 タワー、東京", ["東京", "タワー", "東京"]),
        ("İstanbul", ["i̇stanbul"]),
        ("a\0b", ["a", "b"]),
        ("x" * 32 + " " + "y" * 33 + " z", ["x" * 32, "z"]),
        ("ö" * 16 + " " + "ä" * 17, ["ö" * 16]),
        ("京" * 10 + " " + "東" * 11, ["京" * 10]),
    ],
)
def test_words_are_runs_of_letters_and_digits_in_lower_case(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_words_are_counted() -> None:
    assert counted_words("Foo bar, foo!") == ({"foo": 2, "bar": 1}, 3)
    assert counted_words("?") == ({}, 0)


@given(st.text(max_size=60))
def test_words_of_a_text_are_words_of_their_own(text: str) -> None:
    words = words_of(text)
    assert all(word and len(word.encode()) <= 32 and "\0" not in word for word in words)
    assert words_of(text + " ") == words
    assert words_of(text.lower() if text.isascii() else text) == words
