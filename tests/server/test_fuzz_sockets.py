"""Anything at all over a socket: every answer is a documented one, nothing is left, and nobody else is concerned."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.server.raw_socket import BINARY, CLOSE, TEXT, UPGRADE, RawSocket, frame, messages_of
from tests.server.stage import Stage, staged
from tests.server.wire_grammar import RIGHT, damaged, frames, mangled, message_texts, messages, written
from tests.server.wire_rules import Transcript, check_close

# Python's random numbers are the server's too: its thread draws one for a ping while Hypothesis thinks up an example.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Do not use the `random` module"),
    pytest.mark.filterwarnings("ignore:Generating overly large repr"),
]

#: How a text, a message with versions to put in, or bytes as they are go on their way.
Step = tuple[str, Any]

_good = st.tuples(st.just("message"), messages)
_bad = (
    st.tuples(st.just("text"), message_texts)
    | st.tuples(st.just("message"), mangled)
    | st.tuples(st.just("binary"), st.binary(max_size=50))
    | st.tuples(st.just("bytes"), frames)
)
#: Mostly good messages, so that what is bad meets a socket in the middle of its work.
steps = st.lists(st.one_of(_good, _good, _good, _bad), min_size=1, max_size=12)
socket_paths = st.sampled_from(["/api/1.48.0/sync", "/api/sync", "/api/1.27.0/sync", "//api//sync", "/api/%ff%00/sync"])


def settled(is_long: bool, short: int) -> settings:
    return settings(
        max_examples=2_000 if is_long else short, suppress_health_check=list(HealthCheck), report_multiple_bugs=False
    )


class Script:
    """What one socket says, with the right versions where a message asks for them."""

    def __init__(self) -> None:
        self._versions = {"ModifyQuerySet": 0, "Authenticate": 0}

    def bytes_of(self, step: Step) -> bytes:
        kind, what = step
        if kind == "message":
            return frame(TEXT, written(self._resolved(what)))
        if kind == "text":
            return frame(TEXT, what)
        return frame(BINARY, what) if kind == "binary" else what

    def _resolved(self, message: dict[str, Any]) -> dict[str, Any]:
        kind = message.get("type")
        if not isinstance(kind, str) or kind not in self._versions:
            return message
        version = self._versions[kind]
        known = {"baseVersion": version, "newVersion": version + 1}
        right = {name: number for name, number in known.items() if message.get(name) == RIGHT}
        if "baseVersion" in right:
            self._versions[kind] += 1
        return {**message, **right}


def check_socket(stage: Stage, data: bytes) -> None:
    """AssertionError unless what came over a socket is what a server may say."""
    told, closed = messages_of(data)
    transcript = Transcript()
    for text in told:
        transcript.take(text)
    if closed is not None:
        check_close(*closed)
    kinds = [each["type"] for each in transcript.messages]
    assert not (kinds and kinds[-1] == "FatalError" and closed not in {None, (1000, "")}), closed


def test_whatever_one_client_says_is_answered_by_the_rules(is_long) -> None:
    with staged() as stage:

        @settled(is_long, 150)
        @given(steps=steps, path=socket_paths)
        def says(steps: list[Step], path: str) -> None:
            script = Script()
            with RawSocket(stage.server.port, path) as client:
                for step in steps:
                    client.send(script.bytes_of(step))
                stage.serves()
                check_socket(stage, client.rest())
            stage.check_nothing_is_left()

        says()


def test_frames_that_are_none_close_the_socket_and_nothing_else(is_long) -> None:
    with staged() as stage:

        @settled(is_long, 120)
        @given(pieces=st.lists(frames | st.binary(max_size=30), min_size=1, max_size=6), size=st.integers(1, 50))
        def sends(pieces: list[bytes], size: int) -> None:
            data = b"".join(pieces)
            with RawSocket(stage.server.port) as client:
                if len(data) < 500:  # in crumbs, so that every place in a frame is once where a segment ends
                    for start in range(0, len(data), size):
                        client.send(data[start : start + size])
                else:
                    client.send(data)
                stage.serves()
                check_socket(stage, client.rest())
            stage.check_nothing_is_left()

        sends()


_HOST = b"Host: localhost\r\n"
_heads = st.sampled_from(
    [
        UPGRADE % b"/api/sync",
        (UPGRADE % b"/api/sync").replace(b"GET", b"POST"),
        (UPGRADE % b"/api/sync").replace(b"HTTP/1.1", b"HTTP/1.0"),
        (UPGRADE % b"/api/sync").replace(b"Version: 13", b"Version: 99"),
        (UPGRADE % b"/api/sync").replace(b"AAAAAAAA", b"!"),
        (UPGRADE % b"/api/sync").replace(b"localhost", b"evil.example"),
        (UPGRADE % b"/api/sync").replace(b"localhost", b"[::1"),
        (UPGRADE % b"/api/sync").replace(_HOST, _HOST + b"Content-Length: 3\r\n"),
        (UPGRADE % b"/api/sync").replace(_HOST, _HOST + b"Transfer-Encoding: chunked\r\n"),
        (UPGRADE % b"/api/sync").replace(_HOST, _HOST + b"Cookie: " + b"x" * 9_000 + b"\r\n"),
        (UPGRADE % b"/api/sync").replace(_HOST, _HOST + b"Sec-WebSocket-Extensions: permessage-deflate; x=\xff\r\n"),
        (UPGRADE % b"/api/sync").replace(_HOST, _HOST + b"Sec-WebSocket-Protocol: a, b\r\nX-Odd: \x01\r\n"),
        UPGRADE % b"/nowhere",
        UPGRADE % (b"/api/" + b"9" * 5_000 + b".1.1/sync"),
        b"GET /version HTTP/1.1\r\n" + _HOST + b"\r\n",
        b"GET /version HTTP/1.1\r\n" + _HOST + b"Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
        b"POST /echo HTTP/1.1\r\n" + _HOST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /echo HTTP/1.1\r\n" + _HOST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"POST /echo HTTP/1.1\r\n" + _HOST + b"Transfer-Encoding: chunked, identity\r\n\r\n",
        b"POST /echo HTTP/1.1\r\n" + _HOST + b"Content-Length: -1\r\n\r\n",
        b"POST /echo HTTP/1.1\r\n" + _HOST + b"Content-Length: 3\r\nExpect: 100-continue\r\n\r\nabc",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\n Host: folded\r\n\r\n",
        b"GET http://localhost/version HTTP/1.1\r\n" + _HOST + b"\r\n",
        b"\r\n\r\n\r\n",
    ]
)
openings = st.lists(_heads | damaged(_heads) | st.binary(max_size=60) | frames, min_size=1, max_size=3)
_STATUS_LINE = re.compile(rb"HTTP/1\.1 (\d{3}) ")
#: What is said to requests like these. Handshakes that websockets refuses itself are 400, 405 and 426.
STATUSES = {100, 101, 200, 400, 403, 404, 405, 408, 413, 426}


def check_bytes(data: bytes) -> None:
    """AssertionError unless bytes that a server sent begin with an answer, where there are any."""
    if not data:
        return
    found = _STATUS_LINE.match(data)
    assert found, data[:200]
    assert int(found[1]) in STATUSES, data[:500]
    assert b"Traceback" not in data
    head, _, body = data.partition(b"\r\n\r\n")
    if found[1] == b"101":
        told, closed = messages_of(body)
        for text in told:
            assert json.loads(text)["type"] in {"FatalError", "Transition", "MutationResponse", "Ping", "AuthError"}
        if closed is not None:
            check_close(*closed)
    elif b"application/json" in head and found[1][:1] == b"4":
        assert {"code", "message"} <= json.JSONDecoder().raw_decode(body.decode())[0].keys()


def test_bytes_that_are_no_handshake_are_answered_or_hung_up_on(is_long) -> None:
    with staged() as stage:

        @settled(is_long, 120)
        @given(pieces=openings, is_site=st.sampled_from([False, False, False, True]))
        def opens(pieces: list[bytes], is_site: bool) -> None:
            server = stage.server
            with RawSocket(server.site_port if is_site else server.port, None) as client:
                for piece in pieces:
                    client.send(piece)
                stage.serves()
                check_bytes(client.rest())
            stage.check_nothing_is_left()

        opens()


@pytest.mark.parametrize("end", ["closed", "aborted", "said goodbye"])
def test_clients_that_leave_in_the_middle_leave_nothing(end: str) -> None:
    """A call under way, a transition on its way, an answer half sent: whatever it is, it ends with its client."""
    with staged() as stage:
        for waits in range(10):
            client = RawSocket(stage.server.port)
            client.text('{"type":"ModifyQuerySet","baseVersion":0,"newVersion":1,"modifications":[{"type":"Add",'
                        '"queryId":0,"udfPath":"m:bodies","args":[{}]}]}')  # fmt: skip
            for number in range(20):
                client.text(json.dumps(
                    {"type": "Mutation", "requestId": number, "udfPath": "m:send", "args": [{"body": "x" * 1_000}]}
                ))  # fmt: skip
                client.text(json.dumps({"type": "Action", "requestId": number, "udfPath": "m:double", "args": [{}]}))
            if waits % 2:
                client.until(b"MutationResponse")
            if end == "aborted":
                client.abort()
            elif end == "said goodbye":
                client.send(frame(CLOSE, (1000).to_bytes(2, "big")))
            client.close()
        stage.serves()
        stage.check_nothing_is_left()
