"""Everything pure that a stranger's bytes come to first: texts of JSON, paths, cursors, headers, timestamps.

The first letter of the input says what the rest is given to.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from nbconvex.database.cursor import Cursor, fingerprint_of
from nbconvex.errors import (
    CallerError,
    CursorInvalidError,
    ProtocolError,
    RequestRefusedError,
    UnauthenticatedError,
    ValueInvalidError,
)
from nbconvex.functions.registry import normalize_path
from nbconvex.limits import Limits
from nbconvex.server.addresses import forwarded_prefix, other_port_url
from nbconvex.server.bodies import json_of
from nbconvex.server.caller import NOBODY, caller_of_header
from nbconvex.server.hosts import host_name, is_allowed_host
from nbconvex.services.auth.tokens import read_token
from nbconvex.sync import messages
from nbconvex.values.codec import equal_values, json_dumps, json_loads, normalize
from tests.fuzz.harness import run

KEY = "the-admin-key"
LIMITS = Limits()
ALLOWED = ("app.example", "*.x.example")
FINGERPRINT = fingerprint_of("a query")


def _value(data: bytes) -> None:
    with contextlib.suppress(CallerError):
        value = normalize(json_loads(data))
        assert equal_values(json_loads(json_dumps(value)), value)


def _body(data: bytes) -> None:
    with contextlib.suppress(RequestRefusedError):
        json_of(data)


def _path(data: bytes) -> None:
    with contextlib.suppress(CallerError):
        path = normalize_path(_text(data))
        assert path.count(":") == 1
        assert ".." not in path.split("/") or _text(data).count("..")


def _cursor(data: bytes) -> None:
    with contextlib.suppress(CursorInvalidError):
        cursor = Cursor.parse(_text(data), FINGERPRINT)
        assert Cursor.parse(str(cursor), FINGERPRINT) == cursor


class Proofs:
    """A backend with an admin key and no provider."""

    def admin_key(self) -> str:
        return KEY

    async def verified(self, token: str) -> Any:
        read_token(token, LIMITS)
        raise UnauthenticatedError("NoAuthProvider", "nobody vouches for it")


def _header(data: bytes) -> None:
    text = data.decode("latin-1")
    with contextlib.suppress(RequestRefusedError):
        caller = _at_once(caller_of_header(text, Proofs()))
        assert caller == NOBODY or KEY in text


def _at_once(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine gives that has nothing to wait for; a loop for each input would cost more than the input."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("there is nothing to wait for")


def _host(data: bytes) -> None:
    text = data.decode("latin-1")
    name = host_name(text)
    if is_allowed_host(text, ALLOWED):
        assert name is not None
        is_ours = name == "app.example" or name.endswith((".x.example", "localhost"))
        assert is_ours or not any(letter.isalpha() and letter not in "abcdef" for letter in name.partition("%")[0])
    url = other_port_url(host=text, prefix="", scheme=None, port=3210, other_port=3211, fallback="fallback")
    assert url == "fallback" or not set(url) & set("<>\"'\r\n ")


def _prefix(data: bytes) -> None:
    prefix = forwarded_prefix(data.decode("latin-1"))
    assert not set(prefix) & set("<>\"'\r\n ?#")


def _timestamp(data: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        number = messages.read_ts(_text(data))
        assert messages.read_ts(messages.write_ts(number)) == number


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


GIVEN_TO: dict[bytes, Callable[[bytes], None]] = {
    b"v": _value, b"b": _body, b"p": _path, b"c": _cursor, b"h": _header, b"o": _host, b"x": _prefix, b"t": _timestamp,
}  # fmt: skip


def check(data: bytes) -> None:
    """AssertionError, or anything that is not documented, where one of them is wrong."""
    given_to = GIVEN_TO.get(data[:1])
    if given_to is not None:
        given_to(data[1:])


def seeds() -> Iterator[bytes]:
    """For each of them something good, something odd and something deep."""
    values = [
        1,
        -0.0,
        "ä",
        None,
        [True, {"a": {"$integer": "AAAAAAAAAAA="}}],
        {"$float": "AAAAAAAA+H8="},
        {"$bytes": ""},
    ]
    for value in values:
        yield b"v" + json.dumps(value).encode()
    for deep in (b"[" * 900, b'{"a":' * 900):
        yield b"v" + deep + b"1" + (b"]" if deep[:1] == b"[" else b"}") * 900
    yield from (b"b" + text for text in (b"{}", b"1e999", b"NaN", b'"\\ud800"', b"\xff", b"9" * 400))
    yield from (b"p" + text for text in (b"m:f", b"dir/m.js:f", b"m", b"../x:y", b"\xff:a"))
    yield from (b"c" + str(Cursor(FINGERPRINT, key)).encode() for key in (None, b"", b"key"))
    yield from (b"h" + text for text in (b"Bearer a.e30.b", b"Convex the-admin-key:e30=", b"Convex \xff", b"Basic x"))
    yield from (
        b"o" + text for text in (b"localhost:1", b"[::1]:3210", b"app.example.", b"a.x.example", b"[", b"1.2.3.4")
    )
    yield from (b"x" + text for text in (b"/proxy/3210/", b"//x", b"/a?b"))
    yield from (b"t" + text for text in (b"AAAAAAAAAAA=", b"AAAA", b"\xff"))


assert issubclass(ValueInvalidError, CallerError)

if __name__ == "__main__":
    sys.exit(run("bodies", sys.argv[1:]).returncode)
