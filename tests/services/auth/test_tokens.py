"""A token, taken apart and not believed: nbconvex.services.auth.tokens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbconvex.errors import UnauthenticatedError
from nbconvex.limits import Limits
from nbconvex.services.auth.tokens import MALFORMED, read_token, require_issuer, shown
from tests.services.auth.issuers import b64, claims, token, unsigned

LIMITS = Limits()


def cause(text: str) -> str:
    with pytest.raises(UnauthenticatedError) as caught:
        read_token(text, LIMITS)
    assert caught.value.reason == "InvalidAuthHeader"
    assert caught.value.message.startswith(MALFORMED)
    return caught.value.message.removeprefix(MALFORMED).strip()


def test_parts_of_a_token_are_read() -> None:
    read = read_token(f" {token()}\n", LIMITS)
    assert (read.algorithm, read.kid, read.issuer, read.audiences) == (
        "RS256", "k0", "https://issuer.example", ("convex",),
    )  # fmt: skip
    assert read.claims == claims()
    assert require_issuer(read) == "https://issuer.example"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "It is empty."),
        ("x", "It has 1 part."),
        ("a.b", "It has 2 parts."),
        ("a.b.c.d.e", "It has five parts: it is encrypted (JWE)"),
        (f"Bearer {token()}", "It begins with 'Bearer'"),
        ("a.b.c", "Its first part, the header, is not base64url."),
        ("e30=.e30.x", "Its first part, the header, is not base64url."),
        ("e30.e3 0.x", "Its second part, the claims, is not base64url."),
        (".e30.x", "Its first part, the header, is not base64url."),
        (f"e30.{b64(b'nothing')}.x", "Its second part, the claims, is not JSON."),
        (f"e30.{b64(bytes([255, 254]))}.x", "Its second part, the claims, is not JSON."),
        (f"{b64([1])}.e30.x", "Its first part, the header, is not a JSON object."),
        ("e30.e30.+/+/", "Its third part, the signature, is not base64url."),
        (f"e30.{b64(b'[' * 6_000)}.x", "nested too deep (limit token_nesting: 16)"),
        ("x" * 8_193, "It has 8,193 characters (limit token_bytes: 8,192)."),
    ],
)
def test_what_is_no_token_is_told_why(text, expected) -> None:
    assert expected in cause(text)


@pytest.mark.parametrize(
    "body", [b'{"sub": "a", "sub": "b"}', b'{"exp": NaN}', b'{"exp": Infinity}', b'{"a": {"b": 1, "b": 2}}']
)
def test_json_that_two_readers_understand_differently_is_refused(body) -> None:
    assert cause(f"e30.{b64(body)}.x") == "Its second part, the claims, is not JSON."


def test_brackets_in_texts_are_no_depth() -> None:
    assert read_token(unsigned({}, {"iss": "[" * 100 + '"' + "\\", "x": '\\"{{{'}), LIMITS).issuer


@pytest.mark.parametrize(
    ("audience", "found"), [("a", ("a",)), (["a", "b"], ("a", "b")), (["a", 7], ("a",)), (7, ()), ({"a": 1}, ())]
)
def test_audience_is_one_text_or_several(audience, found) -> None:
    assert read_token(unsigned({}, {"aud": audience}), LIMITS).audiences == found


def test_what_a_stranger_wrote_is_shown_short_and_harmless() -> None:
    assert shown("a\n\x1b[2J'ö") == "'a\\n\\x1b[2J'\\xf6'"
    assert len(shown("x" * 500)) == 80
    assert shown(None) == "None"


@given(st.text())
def test_no_text_breaks_the_reader(text) -> None:
    try:
        read_token(text, LIMITS)
    except UnauthenticatedError:
        return
