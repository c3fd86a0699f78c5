"""Bodies on their way: nbconvex.server.site_stream."""

from __future__ import annotations

import asyncio
import threading

import pytest
from starlette.requests import Request

from nbconvex import Response
from nbconvex.errors import RequestRefusedError
from nbconvex.functions.http_call import ClientGone
from nbconvex.limits import Limits
from nbconvex.server.site_stream import ArrivingBody, Parts, PartsResponse


def arriving(*messages, limits=None) -> ArrivingBody:
    waiting = list(messages)

    async def receive():
        return waiting.pop(0) if waiting else await asyncio.Event().wait()

    return ArrivingBody(Request({"type": "http", "method": "POST", "headers": []}, receive), limits or Limits())


async def all_of(body: ArrivingBody) -> None:
    while await body.chunk():
        pass


async def endlessly(parts: Parts) -> None:
    while True:
        await parts.send_async(b"a")
        await asyncio.sleep(0)


def part(body: bytes, *, more: bool = True) -> dict:
    return {"type": "http.request", "body": body, "more_body": more}


def test_body_arrives_in_parts_and_ends() -> None:
    async def reading():
        body = arriving(part(b"a"), part(b""), part(b"b", more=False))
        assert [await body.chunk() for _ in range(3)] == [b"a", b"b", b""]
        assert body.is_ended
        assert await body.chunk() == b""

    asyncio.run(reading())


@pytest.mark.parametrize(
    ("messages", "status", "reason"),
    [
        ([part(b"a" * 11)], 413, "BodyTooLarge"),
        ([part(b"a")], 408, "RequestTimeout"),
        ([{"type": "http.disconnect"}], 408, "ClientGone"),
    ],
)
def test_body_that_is_too_long_too_slow_or_broken_off_is_refused(messages, status, reason) -> None:
    async def reading():
        body = arriving(*messages, limits=Limits(http_request_bytes=10, request_time_s=0.05))
        with pytest.raises(RequestRefusedError) as refused:
            await all_of(body)
        assert (refused.value.status, refused.value.reason) == (status, reason)

    asyncio.run(reading())


async def sent(parts: Parts, *, disconnects: bool = False) -> list[dict]:
    messages = []
    gone = asyncio.Event()

    async def receive():
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        messages.append(message)
        if disconnects and len(messages) == 2:
            gone.set()

    await PartsResponse(parts, 201, None)({"type": "http"}, receive, send)
    return messages


def test_parts_are_sent_as_they_come_from_another_thread() -> None:
    async def sending():
        parts = Parts(5.0)

        def handler():
            parts.begin(Response("x"))
            for chunk in (b"a", b"b"):
                parts.send(chunk)

        thread = threading.Thread(target=handler)
        thread.start()
        await parts.settled
        assert parts.answer is not None
        sender = asyncio.create_task(sent(parts))
        await asyncio.to_thread(thread.join)
        await parts.end(is_broken=False)
        head, *bodies = await sender
        assert head["status"] == 201
        assert [each["body"] for each in bodies] == [b"a", b"b", b""]
        assert bodies[-1]["more_body"] is False

    asyncio.run(sending())


def test_broken_answer_is_not_completed() -> None:
    async def sending():
        parts = Parts(5.0)
        await parts.send_async(b"a")
        await parts.end(is_broken=True)
        assert [each.get("more_body") for each in await sent(parts)] == [None, True]

    asyncio.run(sending())


def test_slow_client_holds_the_sender_back_and_is_given_up() -> None:
    async def sending():
        parts = Parts(0.05)
        with pytest.raises(ClientGone):
            await endlessly(parts)
        assert await parts.next() is None

    asyncio.run(sending())


def test_client_that_goes_ends_the_sender() -> None:
    async def sending():
        parts = Parts(5.0)
        sender = asyncio.create_task(sent(parts, disconnects=True))
        with pytest.raises(ClientGone):
            await endlessly(parts)
        await sender

    asyncio.run(sending())


def test_loop_that_has_ended_ends_the_sender() -> None:
    made: list[Parts] = []

    async def making():
        made.append(Parts(0.05))

    asyncio.run(making())
    with pytest.raises(ClientGone):
        made[0].send(b"a")
