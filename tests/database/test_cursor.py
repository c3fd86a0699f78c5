"""Cursors: their text, and what is no cursor."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbconvex.database.cursor import Cursor, fingerprint_of
from nbconvex.errors import CursorInvalidError

FINGERPRINT = fingerprint_of("query")


@given(st.none() | st.binary(max_size=60))
def test_a_cursor_is_read_back_from_its_text(key: bytes | None) -> None:
    cursor = Cursor(FINGERPRINT, key)
    assert Cursor.parse(str(cursor), FINGERPRINT) == cursor


def test_the_end_is_not_the_empty_key() -> None:
    assert str(Cursor(FINGERPRINT, None)) != str(Cursor(FINGERPRINT, b""))


@given(st.text(max_size=40))
def test_text_of_any_kind_is_refused_with_what_clients_look_for(text: str) -> None:
    with pytest.raises(CursorInvalidError) as raised:
        Cursor.parse(text, FINGERPRINT)
    assert str(raised.value).startswith("InvalidCursor")
    assert raised.value.data == {"isConvexSystemError": True, "paginationError": "InvalidCursor"}


@pytest.mark.parametrize("text", ["", "abc", "====", "é", "a b", 5, b"abc", {"cursor": 1}, ["x"]])
def test_what_is_no_cursor_is_refused(text: Any) -> None:
    with pytest.raises(CursorInvalidError):
        Cursor.parse(text, FINGERPRINT)


@given(st.integers(min_value=0), st.sampled_from("Aa0-_"))
def test_a_cursor_with_one_character_changed_is_refused(position: int, letter: str) -> None:
    text = str(Cursor(FINGERPRINT, b"some key"))
    position %= len(text) - 1
    if text[position] != letter:
        with pytest.raises(CursorInvalidError):
            Cursor.parse(text[:position] + letter + text[position + 1 :], FINGERPRINT)


def test_a_cursor_of_a_kind_that_does_not_exist_yet_is_refused() -> None:
    body = FINGERPRINT + b"\x03later"
    text = base64.urlsafe_b64encode(zlib.crc32(body).to_bytes(4, "big") + body).decode().rstrip("=")
    with pytest.raises(CursorInvalidError):
        Cursor.parse(text, FINGERPRINT)


def test_a_cursor_of_another_query_is_refused() -> None:
    with pytest.raises(CursorInvalidError, match="another query"):
        Cursor.parse(str(Cursor(FINGERPRINT, b"key")), fingerprint_of("other query"))


def test_a_cursor_can_stand_in_an_address() -> None:
    text = str(Cursor(FINGERPRINT, bytes(range(256))))
    assert text.replace("-", "").replace("_", "").isalnum()
