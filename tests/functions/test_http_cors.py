"""What an author says about CORS: nbconvex.functions.http_cors."""

from __future__ import annotations

import pytest

import nbconvex
from nbconvex.errors import CallerError
from nbconvex.functions.http_cors import Cors, cors, cors_words, origins_of


def test_constant_of_the_guide_can_be_imported() -> None:
    assert dict(nbconvex.CORS_HEADERS) == {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": "POST, OPTIONS, GET, PUT, DELETE, PATCH",
        "Access-Control-Allow-Headers": "Content-Type, Authorization",
        "Vary": "Origin",
    }
    assert {**nbconvex.CORS_HEADERS, "X": "1"}["X"] == "1"


def test_origins_are_a_list_or_a_text() -> None:
    expected = ("https://a.example", "http://localhost:5173", "http://[::1]:3")
    assert origins_of(list(expected)) == expected
    assert origins_of("HTTPS://A.example, http://localhost:5173  http://[::1]:3") == expected
    assert origins_of("*") == ("*",)
    assert origins_of("") == ()


@pytest.mark.parametrize(
    ("origin", "hint"),
    [
        ("https://a.example/", '"https://a.example"'),
        ("https://a.example/app", '"https://a.example"'),
        ("a.example", '"https://app.example.org"'),
        ("https://*.example", ""),
        ("https://u@a.example", ""),
        ("https://a.example\r\nX: 1", ""),
        ("null", ""),
    ],
)
def test_what_is_no_origin_is_refused_with_the_right_one(origin, hint) -> None:
    with pytest.raises(CallerError, match="is no origin") as refused:
        origins_of([origin])
    assert hint in str(refused.value)


@pytest.mark.case("cors/credentials_with_star_refused")
def test_credentials_for_everybody_are_refused() -> None:
    for given in ({}, {"origins": "*"}, {"origins": ["https://a.example", "*"]}):
        with pytest.raises(CallerError, match="browsers refuse that"):
            cors(**given, credentials=True)
    assert cors("https://a.example", credentials=True).credentials
    assert cors(credentials=True, default=("https://a.example",)).credentials


def test_headers_and_ages_are_checked() -> None:
    assert cors(headers="X-A, X-B").headers == ("X-A", "X-B")
    assert cors(headers="*").headers is None
    with pytest.raises(CallerError, match="no name of a header"):
        cors(headers=["X A"])
    with pytest.raises(CallerError, match="seconds"):
        cors(max_age=-1)


def test_origin_is_allowed_by_the_route_or_else_by_the_backend() -> None:
    default = ("https://b.example",)
    assert not Cors().allows("https://a.example", default)
    assert Cors().allows("https://b.example", default)
    assert Cors(("https://a.example",)).allows("https://a.example", default)
    assert not Cors(("https://a.example",)).allows("https://b.example", default)
    assert Cors(("*",)).allows("https://b.example", default)


def test_cors_in_words() -> None:
    assert cors_words(None, ("*",)) == "off"
    assert cors_words(Cors(), ("*",)) == "any page"
    assert cors_words(Cors(("https://a.example",), credentials=True, is_enforced=True), ("*",)) == (
        "https://a.example with cookies or else 403"
    )
