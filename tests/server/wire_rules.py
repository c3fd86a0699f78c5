"""What a server of the sync protocol may say: the fields of its messages, and the order they keep.

Source: wire-protocol 3.1, 3.3 to 3.6, 3.9, 3.11.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from nbconvex.sync.messages import read_ts
from nbconvex.values.codec import from_json

Rule = Callable[[Any], bool]

#: What a client can count to.
COUNT_MAX = 2**53
#: With which codes a server may close, and what each says of whom.
CLOSE_CODES = {
    1000: "FatalError or AuthError came before, or the client closed",
    1002: "the client broke the rules of frames",
    1003: "the client sent what is never sent",
    1007: "a text that is no text",
    1009: "a message that is too long",
    1011: "the client is from another store, or has lost count of its identity",
    1012: "the server stops",
    1013: "overload",
}
#: The reason of 1011 that means that something of ours failed.
OUR_FAULT = "InternalServerError"


def is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= COUNT_MAX


def is_whole(value: Any) -> bool:
    return type(value) is int and -COUNT_MAX <= value <= COUNT_MAX


def is_text(value: Any) -> bool:
    return type(value) is str


def is_ts(value: Any) -> bool:
    return is_text(value) and read_ts(value) < 2**63


def is_value(tree: Any) -> bool:
    """Whether a tree of JSON is a value as clients read it: numbers have a point, wrappers are whole."""
    from_json(tree)
    return _has_points(tree)


def _has_points(tree: Any) -> bool:
    if isinstance(tree, dict):
        return all(map(_has_points, tree.values()))
    if isinstance(tree, list):
        return all(map(_has_points, tree))
    return type(tree) is not int


def are_lines(value: Any) -> bool:
    return isinstance(value, list) and all(is_text(each) and each.startswith("[") for each in value)


def is_version(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == {"querySet", "identity", "ts"}
        and is_count(value["querySet"])
        and is_count(value["identity"])
        and is_ts(value["ts"])
    )


def are_modifications(value: Any) -> bool:
    return isinstance(value, list) and all(is_message(each, MODIFICATIONS) for each in value)


def is_journal(value: Any) -> bool:
    return value is None or is_text(value)


#: By type, the fields that are there and those that may be.
MODIFICATIONS: dict[str, tuple[dict[str, Rule], dict[str, Rule]]] = {
    "QueryUpdated": ({"queryId": is_count, "value": is_value, "logLines": are_lines, "journal": is_journal}, {}),
    "QueryFailed": (
        {"queryId": is_count, "errorMessage": is_text, "logLines": are_lines, "journal": is_journal},
        {"errorData": is_value},
    ),
    "QueryRemoved": ({"queryId": is_count}, {}),
}
MESSAGES: dict[str, tuple[dict[str, Rule], dict[str, Rule]]] = {
    "Transition": (
        {"startVersion": is_version, "endVersion": is_version, "modifications": are_modifications},
        {"clientClockSkew": is_whole, "serverTs": lambda value: type(value) is int and 0 < value < 2**63},
    ),
    "MutationResponse": (
        {
            "requestId": is_count,
            "success": lambda value: type(value) is bool,
            "result": is_value,
            "logLines": are_lines,
            "ts": lambda value: value is None or is_ts(value),
        },
        {"errorData": is_value},
    ),
    "ActionResponse": (
        {
            "requestId": is_count,
            "success": lambda value: type(value) is bool,
            "result": is_value,
            "logLines": are_lines,
        },
        {"errorData": is_value},
    ),
    "AuthError": (
        {"error": is_text, "baseVersion": is_count, "authUpdateAttempted": lambda value: type(value) is bool},
        {},
    ),
    "FatalError": ({"error": is_text}, {}),
    "Ping": ({}, {}),
}


def is_message(message: Any, kinds: dict[str, tuple[dict[str, Rule], dict[str, Rule]]]) -> bool:
    """Whether a message has a known type and its fields, each as documented; else AssertionError says which."""
    assert isinstance(message, dict), message
    assert message.get("type") in kinds, f"no such message: {message}"
    required, optional = kinds[message["type"]]
    fields = message.keys() - {"type"}
    assert required.keys() <= fields, f"missing {required.keys() - fields}: {message}"
    assert fields <= required.keys() | optional.keys(), f"unknown {fields - required.keys() - optional.keys()}"
    for name in fields:
        rule = required.get(name) or optional[name]
        assert rule(message[name]), f"{message['type']}.{name} is {message[name]!r}"[:2_000]
    return True


class Transcript:
    """Everything that one socket was sent, checked message by message."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self._version = {"querySet": 0, "identity": 0, "ts": 0}
        self._is_over = False

    def take(self, text: str) -> dict[str, Any]:
        """The message that a text holds; AssertionError where a server may not say that now."""
        message: dict[str, Any] = json.loads(text)
        assert not self._is_over, f"after the last words came {text[:200]}"
        is_message(message, MESSAGES)
        if message["type"] == "Transition":
            self._transition(message)
        elif message["type"] == "MutationResponse":
            assert message["success"] is (message["ts"] is not None), message
        elif message["type"] in {"FatalError", "AuthError"}:
            self._is_over = True
        self.messages.append(message)
        return message

    def _transition(self, message: dict[str, Any]) -> None:
        start = {**message["startVersion"], "ts": read_ts(message["startVersion"]["ts"])}
        end = {**message["endVersion"], "ts": read_ts(message["endVersion"]["ts"])}
        assert start == self._version, "a transition begins where the last one ended"
        assert all(start[name] <= end[name] for name in start), f"a version goes back: {start} to {end}"
        assert ("clientClockSkew" in message) is ("serverTs" in message), message
        self._version = end


def check_close(code: int | None, reason: str) -> None:
    """AssertionError where a server may not close like that."""
    assert code is None or code in CLOSE_CODES, (code, reason)
    assert (code, reason) != (1011, OUR_FAULT), "something inside the server failed"
    assert len(reason.encode()) <= 123, reason
