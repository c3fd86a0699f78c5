"""Headers and query parameters: nbconvex.functions.http_fields."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbconvex.errors import CallerError
from nbconvex.functions.http_fields import Fields, sendable_headers


@pytest.mark.case("http/headers_case_insensitive")
def test_header_is_found_by_any_spelling() -> None:
    headers = Fields([("authorization", "Bearer x")], is_folded=True)
    assert headers["Authorization"] == headers["AUTHORIZATION"] == "Bearer x"
    assert headers.get("Content-Type") is None
    assert "Authorization" in headers
    assert 5 not in headers
    assert dict(headers) == {"authorization": "Bearer x"}


def test_several_lines_of_one_header_are_one_list() -> None:
    headers = Fields(
        [("Accept", "a"), ("accept", "b"), ("cookie", "x=1"), ("cookie", "y=2")], is_folded=True, joins=True
    )
    assert headers["accept"] == "a, b"
    assert headers["cookie"] == "x=1; y=2"
    assert headers.get_all("ACCEPT") == ["a", "b"]


def test_first_of_several_parameters_counts_and_all_can_be_had() -> None:
    query = Fields([("q", "1"), ("q", "2"), ("Q", "3")])
    assert (query["q"], query.get_all("q"), query["Q"], len(query)) == ("1", ["1", "2"], "3", 2)
    assert repr(query) == "{'q': '1', 'Q': '3'}"


def test_headers_are_given_as_a_dict_as_pairs_or_as_they_came() -> None:
    expected = (("X-A", "1"), ("Set-Cookie", "a"))
    assert sendable_headers({"X-A": 1, "Set-Cookie": "a"}) == expected
    assert sendable_headers([*expected, ("Set-Cookie", "b")]) == (*expected, ("Set-Cookie", "b"))
    assert sendable_headers(Fields(expected)) == expected
    assert sendable_headers(None) == ()


def test_length_is_the_servers_to_say() -> None:
    assert sendable_headers({"Content-Length": "5", "X-A": "1"}) == (("X-A", "1"),)


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"X-A": "a\r\nSet-Cookie: b"}, "line end"),
        ({"X-A": "a\nb"}, "line end"),
        ({"X-A": "a\x00"}, "line end"),
        ({"X-A\r\nB": "a"}, "no name of a header"),
        ({"X A": "a"}, "no name of a header"),
        ({"": "a"}, "no name of a header"),
        ({5: "a"}, "no name of a header"),
        ({"X-A": "Zoë ☃"}, "cannot hold"),
        ({"X-A": None}, "must be a text"),
        ({"X-A": True}, "must be a text"),
        ({"Transfer-Encoding": "chunked"}, "server's to send"),
        ({"connection": "close"}, "server's to send"),
        ("X-A: 1", "a dict of texts"),
        (5, "a dict of texts"),
    ],
)
def test_what_is_no_header_is_refused(headers, words) -> None:
    with pytest.raises(CallerError, match=words):
        sendable_headers(headers)


@given(st.text(max_size=20), st.text(max_size=20))
def test_no_header_that_passes_begins_another_line(name, text) -> None:
    try:
        sent = sendable_headers({name: text})
    except CallerError:
        return
    for part in (part for pair in sent for part in pair):
        assert not set("\r\n\0") & set(part)
        part.encode("latin-1")
