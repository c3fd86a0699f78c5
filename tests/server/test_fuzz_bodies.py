"""Any request at all: every answer is a documented one, with the headers that every answer has, and never a 500."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nbconvex.values.codec import from_json
from tests.server.raw_socket import RawSocket
from tests.server.stage import Stage, staged
from tests.server.wire_grammar import args, damaged, oddities, paths, texts, trees, written
from tests.server.wire_rules import are_lines, is_text

# Python's random numbers are the server's too: its thread draws one for a ping while Hypothesis thinks up an example.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Do not use the `random` module"),
    pytest.mark.filterwarnings("ignore:Generating overly large repr"),
]

#: What refused requests are answered with. Source: wire-protocol 1.4.
REFUSALS = {400, 401, 403, 404, 405, 408, 413, 426}
FUNCTION_PATHS = {"/api/query", "/api/mutation", "/api/action", "/api/function", "/api/query_at_ts"}

_endpoints = [
    "/", "/version", "/instance_name", "/echo", "/api/query", "/api/mutation", "/api/action", "/api/function",
    "/api/query_ts", "/api/query_at_ts", "/api/query_batch", "/api/run/m/echo", "/api/run/m/a/b/send", "/api/run/m",
    "/api/run/", "/api/sync", "/api/1.48.0/sync", "/api/storage/upload", "/favicon.ico",
]  # fmt: skip
_queries = st.builds(
    lambda path, args, form, more: f"?path={quote(path)}&args={quote(args)}&format={quote(form)}{more}",
    paths, st.builds(lambda tree: json.dumps(tree), args) | texts,
    st.sampled_from(["json", "convex_encoded_json", "x"]),
    st.sampled_from(["", "&path=m", "&&&", "&=", "&%ff=%00", "&args"]),
)  # fmt: skip


def _bent(path: str, how: str) -> str:
    if how == "slashes":
        return path.replace("/", "//")
    if how == "encoded":
        return "".join(f"%{ord(letter):02x}" if letter != "/" else letter for letter in path) or "/"
    return {"plain": path, "tail": f"{path}/", "dots": f"/..{path}", "up": f"{path}/../x", "long": path + "a" * 9_000}[
        how
    ]


#: Where a request goes, as it stands in its first line.
targets: st.SearchStrategy[bytes] = st.builds(
    lambda path, how, query: (_bent(path, how) + query).encode(),
    st.sampled_from(_endpoints),
    st.sampled_from(["plain"] * 6 + ["slashes", "encoded", "tail", "dots", "up", "long"]),
    st.just("") | _queries | st.builds(lambda text: f"?{quote(text)}", texts),
) | st.sampled_from(
    [
        b"/%", b"/%ff%fe", b"/%00", b"/%2e%2e/%2e%2e", b"*", b"//", b"/api/run/%2f%2f", b"/api/run/%0a/%0d",
        b"http://localhost/version", b"/api/query?" + b"a=1&" * 500,
    ]
)  # fmt: skip
methods = st.sampled_from(
    [b"POST"] * 5 + [b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"PATCH", b"TRACE", b"X-ODD"]
)

_calls = st.fixed_dictionaries(
    {"path": paths | trees, "args": args | trees},
    optional={
        "format": st.sampled_from(["json", "convex_encoded_json", "export_json", "no"]) | trees,
        "ts": texts | trees, "componentPath": texts, "odd": trees,
    },
)  # fmt: skip
_trees = st.one_of(
    _calls,
    _calls,
    st.fixed_dictionaries({"queries": st.lists(_calls, max_size=3) | trees}),
    st.fixed_dictionaries({"args": trees}),
    trees,
)
bodies: st.SearchStrategy[bytes] = (
    st.builds(written, _trees) | damaged(st.builds(written, _calls)) | oddities | st.binary(max_size=60)
    | st.sampled_from([b'{"path":"m:echo","args":{"value":%s}}' % odd for odd in (
        b"1e999", b"NaN", b"-0", b"9" * 400, b"[" * 700 + b"]" * 700, b'{"a":' * 700 + b"1" + b"}" * 700,
        b'"\\ud800"', b'"\xff"', b'{"$integer":"AAAAAAAAAAA="}', b'{"a":1,"a":2}', b"0" * 70_000, b"[0," * 40_000,
    )])
)  # fmt: skip

_authorizations = st.sampled_from(
    [b"", b"Bearer", b"Bearer x", b"Bearer a.eyJpc3MiOiJ4In0.b", b"Bearer a.W10.b", b"Bearer a.\xff.b", b"Basic x:y",
     b"Convex", b"Convex key", b"Convex \xff:e30=", b"convex :", b"token t", b"Bearer " + b"a." * 4_000]
)  # fmt: skip
_names = st.sampled_from(
    [
        b"Authorization", b"Content-Type", b"Origin", b"Host", b"Convex-Client", b"X-Forwarded-Prefix", b"Upgrade",
        b"X-Forwarded-Proto", b"Access-Control-Request-Headers", b"Accept-Encoding", b"Cookie", b"Expect",
        b"Connection",
    ]
)  # fmt: skip
_values = st.sampled_from(
    [b"", b"application/json", b"application/json; charset=utf-16", b"text/plain", b"https://app.example", b"null",
     b"a\tb", b"\xff\xfe", b"x" * 4_000, b"evil.example", b"localhost:99999", b"[::1", b"%00", b"a, b, a", b"close",
     b"keep-alive", b"h2c", b"../..", b"/proxy/1", b"https", b"a\rb", b"a\nb", b"a\r\nX-Injected: 1", b"a\r\n folded"]
)  # fmt: skip
headers = st.lists(
    st.tuples(_names, _values) | st.tuples(st.just(b"Authorization"), _authorizations), max_size=4
)  # fmt: skip
#: How the body's length is told, and whether that is true.
framings = st.sampled_from(
    ["right"] * 6 + ["short", "long", "none", "chunked", "chunked", "broken chunk", "cut chunk", "both"]
)


def request_of(method: bytes, target: bytes, more: list[tuple[bytes, bytes]], body: bytes, framing: str) -> bytes:
    """The bytes of one request."""
    lines = [method + b" " + target + b" HTTP/1.1"]
    names = {name for name, _ in more}
    if b"Host" not in names:
        lines.append(b"Host: localhost")
    if b"Content-Type" not in names:
        lines.append(b"Content-Type: application/json")
    lines += [name + b": " + value for name, value in more]
    chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
    length, sent = {
        "right": (b"Content-Length: %d" % len(body), body),
        "short": (b"Content-Length: %d" % (len(body) // 2), body),
        "long": (b"Content-Length: %d" % (len(body) + 10), body),
        "none": (b"X-No-Length: 1", body),
        "chunked": (b"Transfer-Encoding: chunked", chunk + b"0\r\n\r\n"),
        "broken chunk": (b"Transfer-Encoding: chunked", chunk + b"zz\r\n"),
        "cut chunk": (b"Transfer-Encoding: chunked", chunk[:-3]),
        "both": (b"Content-Length: 1\r\nTransfer-Encoding: chunked", chunk + b"0\r\n\r\n"),
    }[framing]
    return b"\r\n".join([*lines, length, b"", sent])


_HEAD = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n")


def check_answers(data: bytes, *, is_site: bool, is_head: bool) -> list[int]:
    """The statuses in what a server sent; AssertionError where something is not as documented."""
    statuses = []
    while data:
        found = _HEAD.match(data)
        assert found, data[:300]
        status = int(found[1])
        head, _, data = data[found.end() :].partition(b"\r\n\r\n")
        told = {}
        for line in head.split(b"\r\n"):
            name, colon, value = line.partition(b":")
            assert colon, line
            assert name.lower() != b"x-injected", head
            told[name.decode().lower()] = value.strip().decode("latin-1")
        statuses.append(status)
        if status == 100:
            continue
        size = int(told["content-length"])
        # What could not be read is no HEAD either.
        if is_head and len(statuses) == 1 and not data.startswith(b'{"code":"BadRequest"'):
            size = 0
        body, data = data[:size], data[size:]
        assert len(body) == size, "an answer is whole"
        check_answer(status, told, body, is_site=is_site)
    return statuses


def check_answer(status: int, told: dict[str, str], body: bytes, *, is_site: bool) -> None:
    """AssertionError unless one answer is as documented."""
    assert status == 200 or status in REFUSALS, (status, body[:500])
    assert b"Traceback" not in body
    if told.get("connection") == "close" and "vary" not in told:
        # What is no request, or no handshake: nobody knows what asked.
        assert status in {400, 403, 404, 405, 426}
    else:
        assert told["x-content-type-options"] == "nosniff"
        assert is_site or "vary" in told
    if not told.get("content-type", "").startswith("application/json") or not body:
        return
    tree = json.loads(body)
    if status in REFUSALS:
        assert is_text(tree["code"]), tree
        assert is_text(tree["message"]), tree
        return
    for each in tree.get("results", [tree]):
        check_outcome(each)


def check_outcome(tree: dict[str, Any]) -> None:
    """AssertionError unless a tree tells of one call, as documented."""
    if tree.keys() == {"ts"}:
        return
    known = {"success": {"status", "value"}, "error": {"status", "errorMessage"}}[tree["status"]]
    assert known <= tree.keys() <= known | {"logLines", "errorData"}, tree
    assert are_lines(tree.get("logLines", []))
    from_json(tree.get("value"))
    assert is_text(tree.get("errorMessage", ""))


def settled(is_long: bool, short: int) -> settings:
    return settings(
        max_examples=3_000 if is_long else short, suppress_health_check=list(HealthCheck), report_multiple_bugs=False
    )


def exchange(stage: Stage, data: bytes, *, is_site: bool) -> bytes:
    with RawSocket(stage.server.site_port if is_site else stage.server.port, None) as client:
        client.send(data)
        stage.serves()
        return client.rest()


def test_every_request_has_a_documented_answer(is_long) -> None:
    with staged() as stage:

        @settled(is_long, 300)
        @given(
            method=methods, target=targets, more=headers, body=bodies, framing=framings,
            is_site=st.sampled_from([False] * 9 + [True]),
        )  # fmt: skip
        def asks(method, target, more, body, framing, is_site) -> None:
            data = request_of(method, target, more, body, framing)
            answer = exchange(stage, data, is_site=is_site)
            check_answers(answer, is_site=is_site, is_head=method == b"HEAD")
            stage.check_nothing_is_left()

        asks()


def test_every_body_that_calls_a_function_has_an_outcome_or_a_reason(is_long) -> None:
    """Over one connection, as clients do: an answer leaves the connection fit for the next one."""
    with staged() as stage, RawSocket(stage.server.port, None) as client:

        @settled(is_long, 250)
        @given(path=st.sampled_from([*sorted(FUNCTION_PATHS), "/api/query_batch", "/api/run/m/echo"]), body=bodies)
        def calls(path: str, body: bytes) -> None:
            client.received = b""
            client.send(request_of(b"POST", path.encode(), [], body, "right"))
            head = client.until(b"\r\n\r\n")
            size = int(re.search(rb"content-length: (\d+)", head)[1])
            while len(client.received) < len(head) + size:
                assert client.more()
            (status,) = check_answers(client.received, is_site=False, is_head=False)
            assert status in {200, 400}

        calls()
        client.close()
        stage.check_nothing_is_left()


def test_damaged_requests_are_answered_or_hung_up_on(is_long) -> None:
    requests = st.builds(request_of, methods, targets, headers, bodies, framings)
    with staged() as stage:

        @settled(is_long, 120)
        @given(data=damaged(requests), next_one=st.just(b"") | requests)
        def asks(data: bytes, next_one: bytes) -> None:
            answer = exchange(stage, data + next_one, is_site=False)
            assert b" 500 " not in answer
            assert b"Traceback" not in answer
            assert not answer or _HEAD.match(answer), answer[:300]
            stage.check_nothing_is_left()

        asks()


@pytest.mark.parametrize("number", [1e400, float("nan"), -0.0, 10**400], ids=["infinite", "nan", "-0", "400 digits"])
@pytest.mark.parametrize("form", ["json", "convex_encoded_json", "export_json"])
def test_numbers_that_are_none_are_an_outcome_or_a_refusal(number: float, form: str) -> None:
    with staged() as stage:
        body = json.dumps({"path": "m:double", "args": {"n": number}, "format": form}).encode()
        with RawSocket(stage.server.port, None) as client:
            client.send(request_of(b"POST", b"/api/action", [(b"Connection", b"close")], body, "right"))
            while client.more():
                pass
            (status,) = check_answers(client.received, is_site=False, is_head=False)
        assert status in {200, 400}
