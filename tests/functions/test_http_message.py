"""Requests and responses: nbconvex.functions.http_message."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

import pandas as pd
import pytest

from nbconvex import Id, Int64, Response
from nbconvex.errors import CallerError, LimitExceededError, NotAllowedError, NotAvailableError, RequestRefusedError
from nbconvex.functions.http_message import Request, json_bytes, require_size, response_of
from nbconvex.limits import Limits


class Arriving:
    """A body in parts."""

    def __init__(self, *parts: bytes) -> None:
        self.parts = list(parts)

    async def chunk(self) -> bytes:
        return self.parts.pop(0) if self.parts else b""


def asked(body=b"", *, headers=(), is_async=False, url="http://x/a", path="/a") -> Request:
    return Request("POST", url, path, headers, body=body, is_async=is_async)


def test_request_says_what_was_asked() -> None:
    request = asked(url="http://x/a?q=1&q=2&empty=&r=a%20b", headers=[("Authorization", "x")])
    assert (request.method, request.path, request.headers["authorization"]) == ("POST", "/a", "x")
    assert (request.query["q"], request.query.get_all("q"), request.query["empty"]) == ("1", ["1", "2"], "")
    assert request.query["r"] == "a b"
    assert request.query.get("none") is None
    assert repr(request) == "<request POST http://x/a?q=1&q=2&empty=&r=a%20b>"


def test_body_in_a_plain_handler_is_there_in_every_form_and_more_than_once() -> None:
    request = asked('{"a": [1, 2.5, null, "é"]}'.encode())
    assert request.json() == request.json() == {"a": [1, 2.5, None, "é"]}
    assert json.loads(request.text()) == request.json()
    assert json.loads(request.bytes()) == request.json()
    assert list(request.stream()) == [request.bytes()]
    assert list(asked().stream()) == []
    form = asked(b"a=1", headers=[("Content-Type", "application/x-www-form-urlencoded")]).form()
    assert form["a"] == "1"


def test_body_in_an_async_handler_is_awaited() -> None:
    async def handler() -> None:
        request = asked(Arriving(b'{"a"', b": 1}"), is_async=True)
        assert await request.json() == {"a": 1}
        assert await request.text() == '{"a": 1}'
        streamed = asked(Arriving(b"a", b"b"), is_async=True)
        assert [chunk async for chunk in streamed.stream()] == [b"a", b"b"]
        with pytest.raises(NotAllowedError, match="it is gone"):
            await streamed.bytes()
        assert [chunk async for chunk in asked(b"whole", is_async=True).stream()] == [b"whole"]

    asyncio.run(handler())


@pytest.mark.parametrize(
    "use", [lambda body: body["a"], len, bool, list, lambda body: body.get("a"), lambda body: "a" in body]
)
def test_missing_await_is_taught(use) -> None:
    with pytest.raises(NotAllowedError, match=r"await request.json\(\)"):
        use(asked(b"{}", is_async=True).json())


def test_wrong_kind_of_loop_is_taught() -> None:
    with pytest.raises(NotAllowedError, match="async for chunk"):
        list(asked(Arriving(), is_async=True).stream())
    with pytest.raises(NotAllowedError, match="Write instead:  for chunk"):
        aiter(asked(b"x").stream())


@pytest.mark.parametrize("body", [b"", b" ", b"{", b"\xff", b"[" * 100_000])
def test_body_that_is_no_json_is_a_400(body) -> None:
    with pytest.raises(RequestRefusedError) as refused:
        asked(body).json()
    assert (refused.value.status, refused.value.reason) == (400, "BadJsonBody")


@pytest.mark.parametrize(
    ("name", "right"),
    [("body", "bytes()"), ("formData", "form()"), ("args", "query"), ("query_params", "query"), ("jsn", "json")],
)
def test_names_of_other_frameworks_are_taught(name, right) -> None:
    with pytest.raises(NotAvailableError, match=f"request.{right}".replace("(", "\\(").replace(")", "\\)")):
        getattr(asked(), name)
    assert not hasattr(asked(), name)


@dataclass
class Point:
    x: int
    y: float


@pytest.mark.parametrize(
    ("body", "sent", "kind"),
    [
        (None, b"", None),
        ("é", "é".encode(), "text/plain; charset=utf-8"),
        (b"\x00", b"\x00", "application/octet-stream"),
        (bytearray(b"a"), b"a", "application/octet-stream"),
        ({"a": [1, 2.5, None, True]}, b'{"a":[1,2.5,null,true]}', "application/json"),
        ([], b"[]", "application/json"),
        ({"n": Int64(2**60), "b": b"\x00"}, b'{"n":"1152921504606846976","b":"AA=="}', "application/json"),
        (Point(1, 2), b'{"x":1,"y":2}', "application/json"),
    ],
)
def test_body_of_a_response_says_what_it_is(body, sent, kind) -> None:
    response = Response(body)
    assert (response.status, response.body, dict(response.headers).get("Content-Type")) == (200, sent, kind)


def test_response_has_status_and_headers() -> None:
    response = Response("<p>", 201, {"content-type": "text/html", "X-A": "1"})
    assert response.headers == (("content-type", "text/html"), ("X-A", "1"))
    assert repr(response) == "<response 201, 3 bytes>"
    assert repr(Response(iter([]))) == "<response 200, a stream>"
    assert Response.redirect("/there").headers == (("Location", "/there"),)
    assert Response.redirect("/there", 308).status == 308


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Response(status=99), "200 to 599"),
        (lambda: Response(status=True), "200 to 599"),
        (lambda: Response(status="200"), "200 to 599"),
        (lambda: Response("x", 204), "has no body"),
        (lambda: Response(iter(["x"]), 304), "has no body"),
        (lambda: Response({"a": object()}), "told in JSON"),
        (lambda: Response({"a": "\ud800"}), "told in JSON"),
        (lambda: Response(5), "a dict or list"),
        (lambda: Response(headers={"X": "a\r\nb"}), "line end"),
        (lambda: Response.redirect("/x", 200), "redirect"),
        (lambda: Response.redirect("/x\r\nSet-Cookie: a"), "line end"),
    ],
)
def test_response_that_cannot_be_sent_is_refused_where_it_is_made(make, words) -> None:
    with pytest.raises(CallerError, match=words):
        make()


def test_wrong_member_of_a_response_is_taught() -> None:
    with pytest.raises(NotAvailableError, match="response has no status_code"):
        _ = Response().status_code


@pytest.mark.case("http/non_response_result")
def test_result_of_a_handler_becomes_a_response() -> None:
    response = Response("x")
    assert response_of(response, "GET /a") is response
    assert response_of(None, "GET /a").status == 204
    assert response_of({"a": Id("x")} if not isinstance(Id, type) else {"a": 1}, "GET /a").body.startswith(b"{")
    assert response_of("x", "GET /a").body == b"x"


async def forgotten():
    return 1


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (5, "a dict or list"),
        (True, "a dict or list"),
        ({1, 2}, "a dict or list"),
        (({"a": 1}, 400), "status=400"),
        (iter(["x"]), "Response\\(parts\\(\\)\\)"),
        (pd.DataFrame({"a": [1]}), "to_dict"),
    ],
)
def test_result_that_is_no_answer_is_taught(result, words) -> None:
    with pytest.raises(CallerError, match=words) as taught:
        response_of(result, "GET /a")
    assert "GET /a" in str(taught.value)


def test_forgotten_await_as_the_result_is_taught() -> None:
    for result in (forgotten(), asked(b"", is_async=True).json()):
        with pytest.raises(NotAllowedError, match="without await"):
            response_of(result, "GET /a")


def test_json_has_numbers_as_they_are() -> None:
    assert json_bytes({"a": 5, "b": 5.0, "c": float("nan")}) == b'{"a":5,"b":5.0,"c":null}'


def test_answer_has_a_limit() -> None:
    limits = Limits(http_response_bytes=10)
    require_size(10, limits, "GET /a")
    with pytest.raises(LimitExceededError, match="http_response_bytes: 10"):
        require_size(11, limits, "GET /a")
