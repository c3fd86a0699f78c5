"""What clients may send, and what they may not but do: strategies for messages, bodies, frames and bytes."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from tests.server.raw_socket import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame

#: Stands in a message for the version that the socket is at; put in when the message is sent.
RIGHT = "<the right version>"

numbers: st.SearchStrategy[Any] = st.sampled_from(
    [0, 1, 2, 3, 7, -1, 0.5, 1.0, 2**31, 2**53, 2**53 + 1, 2**63, 2**64, 10**30, 1e308, -1e308, -0.0]
) | st.integers(0, 20)
texts: st.SearchStrategy[str] = st.sampled_from(
    ["", "a", "null", "ä", "\x00", "\U0001f600", "\ufeff", "$integer", "x" * 3_000, "AAAAAAAAAAA=", "/////////38="]
) | st.text(max_size=12)
paths = st.sampled_from(
    [
        "m:bodies", "m:echo", "m:page", "m:broken", "m:who", "m:send", "m:fail", "m:double", "m:plain", "m.js:bodies",
        "m:secret", "m:nothing", "m", "", ":", "m:", ":x", "../../m:send", "m:send:x", "_system/x:y", "function://a",
    ]
)  # fmt: skip
_leaves = st.none() | st.booleans() | numbers | texts
_wrappers = st.builds(
    lambda name, inner: {name: inner},
    st.sampled_from(["$integer", "$float", "$bytes", "$undefined", "$set", "$commitTs", "$", "$integer "]),
    st.sampled_from(["AAAAAAAAAAA=", "AAAAAAAA+H8=", "ABCD", "A", "====", ""]) | _leaves,
)


def _nested(depth: int, kind: str) -> Any:
    tree: Any = 1
    for _ in range(depth):
        tree = [tree] if kind == "[" else {"a": tree}
    return tree


#: Small trees of JSON, and some that are nested deeper than anything may be.
trees: st.SearchStrategy[Any] = st.recursive(
    _leaves | _wrappers,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
) | st.builds(_nested, st.sampled_from([15, 16, 63, 64, 65, 200, 450]), st.sampled_from("[{"))
_objects = st.dictionaries(
    st.sampled_from(["value", "body", "n", "cursor", "channel", "ctx", "self"]), trees, max_size=2
)
args: st.SearchStrategy[Any] = st.just([{}]) | st.builds(lambda one: [one], _objects) | st.lists(trees, max_size=2)
_versions = st.just(RIGHT) | numbers
_ids = st.integers(0, 3) | numbers


def _message(kind: str, required: dict[str, Any], optional: dict[str, Any] | None = None) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({"type": st.just(kind), **required}, optional=optional or {})


_call = {"requestId": _ids, "udfPath": paths, "args": args}
_odd = {"componentPath": st.none() | texts, "unknownKey": trees}
_modifications = st.lists(
    _message("Add", {"queryId": _ids, "udfPath": paths, "args": args}, {"journal": st.none() | texts, **_odd})
    | _message("Remove", {"queryId": _ids}),
    max_size=4,
)
_people = st.fixed_dictionaries({}, optional={"issuer": texts, "subject": texts, "tokenIdentifier": trees})
messages: st.SearchStrategy[dict[str, Any]] = st.one_of(
    _message(
        "Connect",
        {"sessionId": texts, "connectionCount": st.just(0) | numbers, "lastCloseReason": st.none() | texts},
        {"maxObservedTimestamp": texts, "clientTs": numbers, **_odd},
    ),
    _message("ModifyQuerySet", {"baseVersion": _versions, "newVersion": _versions, "modifications": _modifications}),
    _message(
        "ModifyQuerySet",
        {"baseVersion": st.just(RIGHT), "newVersion": st.just(RIGHT), "modifications": _modifications},
    ),
    _message("Mutation", _call, _odd),
    _message("Action", _call, _odd),
    _message(
        "Authenticate",
        {"baseVersion": _versions, "tokenType": st.sampled_from(["None", "User", "Admin", "none", ""])},
        {"value": texts | st.just("a.eyJpc3MiOiJ4In0.b"), "impersonating": _people, "actingAs": _people},
    ),
    _message("Event", {"eventType": texts, "event": trees}),
    _message("Nonsense", {}),
)


def _drop(message: dict[str, Any], place: int) -> dict[str, Any]:
    names = list(message)
    return {name: message[name] for name in names if name != names[place % len(names)]}


def _swap(message: dict[str, Any], place: int) -> dict[str, Any]:
    names = list(message)
    one, other = names[place % len(names)], names[(place + 1) % len(names)]
    return {**message, one: message[other], other: message[one]}


#: Messages with fields missing, or with the values of two exchanged.
mangled = st.builds(
    lambda message, mangle, place: mangle(message, place),
    messages, st.sampled_from([_drop, _swap]), st.integers(0, 10),
)  # fmt: skip


def written(tree: Any) -> bytes:
    """A tree as JSON, also where it has what JSON has no word for."""
    return json.dumps(tree).encode()


def _damage(data: bytes, kind: str, place: int, bit: int) -> bytes:
    if not data:
        return data
    place %= len(data)
    if kind == "flip":
        return data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]
    if kind == "cut":
        return data[:place]
    if kind == "double":
        return data[:place] + data[place // 2 :]
    return data[place:] + data[:place]


def damaged(data: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Bytes with one bit turned, cut off, doubled in part, or turned around."""
    kinds = st.sampled_from(["flip", "flip", "cut", "double", "turn"])
    return st.builds(_damage, data, kinds, st.integers(0, 5_000), st.integers(0, 7))


_deep = st.sampled_from([b"[" * 10_000, b'{"a":' * 10_000, b"[" * 64 + b"]" * 64])
#: Texts of JSON that no encoder writes.
oddities = st.sampled_from(
    [
        b"", b" ", b"null", b"[]", b"{", b'"', b"NaN", b"1e999", b"-1e999", b"9" * 5_000, b"\xef\xbb\xbf{}",
        b'{"type":"Event","type":"Mutation"}', b'{"type":"Event","event":"\\ud800"}', b'{"type":"Event","event":NaN}',
        b'{"type":"Event","event":1e999}', b'{"type":"Event","event":' + b"9" * 5_000 + b"}",
        b'{"type":"Mutation","requestId":0,"udfPath":"m:send","args":[' + b'{"body":' * 700 + b"1" + b"}" * 700 + b"]}",
        b'{"type":"Mutation","requestId":1e0,"udfPath":"m:send","args":[{}]}',
        b'{"type":"Mutation","requestId":0,"udfPath":"m:send","args":[{}],"args":{}}',
        b'{"type":1}', b'{"type":null}', b'{"type":["Event"]}', b"{'type':'Event'}",
        b'{"type":"Event"}{"type":"Event"}',
    ]
) | _deep  # fmt: skip
#: The text of one message, good or bad; not always UTF-8.
message_texts: st.SearchStrategy[bytes] = (
    st.builds(written, messages | mangled) | damaged(st.builds(written, messages)) | oddities | st.binary(max_size=40)
)

_opcodes = st.sampled_from([CONTINUATION, TEXT, BINARY, 3, 7, CLOSE, PING, PONG, 11, 15])
#: Frames as the rules have them and as they do not; cut off, too long, with a length that lies.
frames: st.SearchStrategy[bytes] = (
    st.builds(
        lambda opcode, payload, is_last, is_masked: frame(opcode, payload, is_last=is_last, is_masked=is_masked),
        _opcodes, st.binary(max_size=200) | message_texts, st.booleans(), st.sampled_from([True, True, True, False]),
    )
    | damaged(st.builds(lambda text: frame(TEXT, text), message_texts))
    | st.sampled_from(
        [
            b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", b"\x81\xff" + b"\xff" * 8, b"\xc1\x80\0\0\0\0",
            b"\x88\x82\0\0\0\0\x03\xed", b"\x88\x81\0\0\0\0a", b"\x88\x83\0\0\0\0\x03\xe8\xff",
            b"\x89\xfe\x00\x7e\0\0\0\0",
            frame(TEXT, b'{"type":', is_last=False) + frame(CONTINUATION, is_last=False) * 50,
            frame(CLOSE) + frame(TEXT, b'{"type":"Event"}'), frame(PING, b"x" * 125) * 20,
        ]
    )
)  # fmt: skip
