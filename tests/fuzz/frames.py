"""One socket of the sync protocol, driven by bytes: messages, and what happens behind the session, in any order.

Each line of the input is a message, or one letter for an event: `a` advance, `m` a mutation ends, `f` it fails, `c` an
action ends, `r` the client reads, `i` its token is good, `u` its token is refused.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from nbconvex.errors import ProtocolError
from nbconvex.sync.messages import read_message, write_message
from nbconvex.sync.session import (
    MUTATIONS_WAITING_MAX,
    Ask,
    Close,
    Follow,
    Result,
    RunAction,
    RunMutation,
    Session,
    Unfollow,
    Verify,
)
from tests.fuzz.harness import run
from tests.server.wire_rules import Transcript, check_close

_VALUE = Result(b"1.0", ("[LOG] 'x'",), journal="j")
_FAILURE = Result(None, (), "no", b"7.0")


class Wire:
    """Both sides of a session: what it asks for is noted, what it says is checked."""

    def __init__(self) -> None:
        self.session = Session()
        self.transcript = Transcript()
        self.head = 1
        self.followed: dict[int, bool] = {}
        self.mark: Any = None
        self.running: list[int] = []
        self.actions: list[int] = []
        self.asked: list[int] = []
        self.is_verifying = False
        self.is_closed = False

    def take(self, line: bytes) -> None:
        """One line of the input."""
        if len(line) == 1:
            self.event(line)
        elif not self.is_verifying:
            try:
                message = read_message(line)
            except ProtocolError as error:
                self.carry_out(self.session.broken(error) if not self.session.is_closing else [])
                return
            if type(message).__name__ == "Mutation" and not self.session.is_closing:
                self.asked.append(message.request_id)
            self.carry_out(self.session.receive(message, now_ms=1.0, head_ts=self.head))

    def event(self, letter: bytes) -> None:
        """Something happens behind the session."""
        session = self.session
        if letter == b"a":
            self.advance()
        elif letter in b"mf" and self.running:
            self.head += letter == b"m"
            result = Result(b"null", ts=self.head) if letter == b"m" else _FAILURE
            self.carry_out(session.mutation_done(self.running.pop(), result))
        elif letter == b"c" and self.actions:
            self.carry_out(session.action_done(self.actions.pop(0), _VALUE))
        elif letter in b"iu" and self.is_verifying:
            self.is_verifying = False
            self.carry_out(session.identified("ada") if letter == b"i" else session.unidentified("no"))
        elif letter == b"r":
            self.read()

    def advance(self) -> None:
        mark, self.mark = self.mark, None
        news = {each: _VALUE for each, is_told in self.followed.items() if mark is not None and not is_told}
        self.followed.update(dict.fromkeys(news, True))
        self.session.advanced(self.head, mark, news)

    def read(self) -> None:
        for message in self.session.outgoing(now_ns=1):
            self.transcript.take(write_message(message))
        assert not self.session.has_news or self.session.is_closing

    def carry_out(self, effects: list[Any]) -> None:
        assert not (effects and self.is_closed), effects
        for effect in effects:
            if isinstance(effect, Follow):
                assert effect.query_id not in self.followed
                self.followed[effect.query_id] = False
            elif isinstance(effect, Unfollow):
                self.followed.pop(effect.query_id, None)
            elif isinstance(effect, Ask):
                assert self.mark is None or all(map(int.__le__, self.mark, effect.mark)), (self.mark, effect.mark)
                self.mark = effect.mark
            elif isinstance(effect, RunMutation):
                assert not self.running, "one at a time"
                self.running.append(effect.request_id)
            elif isinstance(effect, RunAction):
                assert effect.request_id not in self.actions
                self.actions.append(effect.request_id)
            elif isinstance(effect, Verify):
                self.is_verifying = True
            else:
                assert isinstance(effect, Close)
                check_close(effect.code, effect.reason)
                self.is_closed = True

    def settle(self) -> None:
        """Everything ends; what was promised has been said."""
        while self.running:
            self.event(b"m")
        while self.actions:
            self.event(b"c")
        self.advance()
        self.read()
        assert self.is_closed == self.session.is_closing
        answered = [each["requestId"] for each in self.transcript.messages if each["type"] == "MutationResponse"]
        assert answered == self.asked[: len(answered)], "answers come in order"
        assert self.is_closed or answered == self.asked
        assert len(self.asked) <= len(answered) + MUTATIONS_WAITING_MAX + 2


def check(data: bytes) -> None:
    """AssertionError, or anything else, where a session breaks a rule."""
    wire = Wire()
    for line in data.split(b"\n"):
        wire.take(line)
    wire.settle()


def seeds() -> Iterator[bytes]:
    """Transcripts that reach every kind of message and event."""
    call = {"udfPath": "m:f", "args": [{}]}
    add = {"type": "Add", "queryId": 0, **call, "journal": None}
    connect = {"type": "Connect", "sessionId": "S", "connectionCount": 0, "lastCloseReason": None, "clientTs": 5}
    modify = {"type": "ModifyQuerySet", "baseVersion": 0, "newVersion": 1, "modifications": [add]}
    remove = {**modify, "baseVersion": 1, "newVersion": 2, "modifications": [{"type": "Remove", "queryId": 0}]}
    mutate = {"type": "Mutation", "requestId": 0, **call}
    act = {"type": "Action", "requestId": 0, **call}
    log_in = {"type": "Authenticate", "baseVersion": 0, "tokenType": "Admin", "value": "k", "actingAs": {"issuer": "i"}}
    for lines in (
        [connect, modify, "a", "r", remove, "a", "r"],
        [connect, mutate, {**mutate, "requestId": 1}, "m", "f", "a", "r"],
        [act, {**act, "args": []}, {**act, "requestId": 1, "args": [1]}, "c", "c", "r"],
        [log_in, "i", modify, "a", "r", {**log_in, "baseVersion": 1, "tokenType": "None"}, "u", "r"],
        [{**connect, "maxObservedTimestamp": "/////////38="}, modify],
        [connect, connect], [{"type": "Event", "eventType": "e", "event": {}}, {"type": "Nonsense"}, "r"], [],
    ):  # fmt: skip
        yield "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines).encode()


if __name__ == "__main__":
    sys.exit(run("frames", sys.argv[1:]).returncode)
