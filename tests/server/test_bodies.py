"""Bodies of requests: nbconvex.server.bodies."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from nbconvex.errors import RequestRefusedError
from nbconvex.limits import Limits
from nbconvex.server import bodies
from nbconvex.server.bodies import (
    json_object,
    json_of,
    no_collection,
    read_body,
    require_json,
    require_one_length,
)

SMALL = replace(Limits(), request_bytes=10, request_time_s=0.05)


def request_of(*chunks: bytes, ends: bool = True) -> Request:
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    if ends:
        messages[-1]["more_body"] = False

    async def receive():
        if messages:
            return messages.pop(0)
        await asyncio.sleep(60)
        raise AssertionError("nobody waits that long")

    return Request({"type": "http", "method": "POST", "headers": []}, receive)


def refused_reading(request: Request) -> RequestRefusedError:
    with pytest.raises(RequestRefusedError) as refused:
        asyncio.run(read_body(request, SMALL))
    return refused.value


def test_body_arrives_in_parts() -> None:
    assert asyncio.run(read_body(request_of(b"01234", b"56789"), SMALL)) == b"0123456789"


def test_long_body_is_read_on_and_dropped_so_that_its_sender_hears_the_answer(monkeypatch) -> None:
    request = request_of(b"0123456789", b"x", b"y")
    refused = refused_reading(request)
    assert (refused.status, refused.reason) == (413, "BodyTooLarge")
    assert "limit request_bytes" in refused.message
    monkeypatch.setattr(bodies, "_DROPPING_S", 0.01)
    assert refused_reading(request_of(b"0123456789x", ends=False)).status == 413
    assert refused_reading(request_of(*[b"0123456789"] * 50, ends=False)).status == 413


def test_slow_body_is_not_waited_for() -> None:
    refused = refused_reading(request_of(b"012", ends=False))
    assert (refused.status, refused.reason) == (408, "RequestTimeout")


@pytest.mark.parametrize("content_type", [None, "", "text/plain", "application/x-www-form-urlencoded", "json"])
def test_body_must_call_itself_json(content_type) -> None:
    with pytest.raises(RequestRefusedError, match="Content-Type: application/json"):
        require_json(content_type)


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=utf-8"])
def test_json_may_have_parameters(content_type) -> None:
    require_json(content_type)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "is not JSON"), (b"{", "is not JSON"), (b"{} {}", "is not JSON"), (b'{"a":NaN}', "is not JSON"),
        (b'{"a":"\xff"}', "is not JSON"), (b'{"a":"\\ud800"}', "is not JSON"), (b"\xef\xbb\xbf{}", "is not JSON"),
        (b"[" * 100_000, "nested too deep"), (b'{"a":' * 100_000, "nested too deep"),
        (b"[]", "not an array"), (b"1", "not a number"), (b"true", "not a boolean"), (b"null", "not null"),
    ],
)  # fmt: skip
def test_what_is_no_object_in_json_is_refused(text, message) -> None:
    with pytest.raises(RequestRefusedError, match=message) as refused:
        json_object(text)
    assert (refused.value.status, refused.value.reason) == (400, "BadJsonBody")


def test_of_a_key_that_occurs_twice_the_last_counts() -> None:
    assert json_of(b'{"a":1,"a":2}') == {"a": 2}


@given(st.binary() | st.text().map(str.encode))
def test_garbage_is_refused_and_nothing_else(text) -> None:
    with contextlib.suppress(RequestRefusedError):
        assert isinstance(json_object(text), dict)


def test_reading_pauses_the_garbage_collector_and_nothing_else_changes() -> None:
    with no_collection():
        assert not gc.isenabled()
        with no_collection():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
    with contextlib.suppress(RequestRefusedError):
        json_of(b"{")
    assert gc.isenabled()


@pytest.mark.parametrize(
    ("headers", "is_fine"),
    [
        ({}, True), ({"content-length": "1"}, True), ({"transfer-encoding": "chunked"}, True),
        ({"content-length": "1", "transfer-encoding": "chunked"}, False),
    ],
)  # fmt: skip
def test_a_body_has_one_length(headers, is_fine) -> None:
    with contextlib.nullcontext() if is_fine else pytest.raises(RequestRefusedError, match="not both"):
        require_one_length(headers)
