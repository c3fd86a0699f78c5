"""A client of the sync protocol, by hand: what it says and hears, one message at a time."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from nbconvex.sync.messages import read_ts

HEARING_S = 10.0


class SyncClient:
    """One socket, connected."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.session_id = str(uuid.uuid4())
        self.query_set = 0
        self.identity = 0

    def say(self, **message: Any) -> None:
        self.socket.send(json.dumps(message))

    def hear(self, timeout_s: float = HEARING_S) -> dict[str, Any]:
        """The next message; protocol errors and closings fail the test."""
        heard: dict[str, Any] = json.loads(self.socket.recv(timeout=timeout_s))
        return heard

    def hear_until(self, kind: str) -> dict[str, Any]:
        while (heard := self.hear())["type"] != kind:
            pass
        return heard

    def close_code(self) -> tuple[int, str]:
        """How the server ends this, once it does."""
        try:
            while True:
                self.socket.recv(timeout=HEARING_S)
        except ConnectionClosed as closed:
            return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (1006, "")

    def connect(self, **more: Any) -> None:
        self.say(
            type="Connect", sessionId=self.session_id, connectionCount=0, lastCloseReason="InitialConnect", clientTs=0,
            **more,
        )  # fmt: skip

    def modify(self, *modifications: dict[str, Any]) -> None:
        self.say(
            type="ModifyQuerySet", baseVersion=self.query_set, newVersion=self.query_set + 1,
            modifications=list(modifications),
        )  # fmt: skip
        self.query_set += 1

    def add(self, query_id: int, path: str, args: Any = None, **more: Any) -> None:
        self.modify({"type": "Add", "queryId": query_id, "udfPath": path, "args": [args or {}], **more})

    def mutate(self, request_id: int, path: str, args: Any = None) -> None:
        self.say(type="Mutation", requestId=request_id, udfPath=path, args=[args or {}])

    def results(self) -> dict[int, Any]:
        """The values, or messages of errors, of the next transition that has some."""
        while not (modifications := self.hear_until("Transition")["modifications"]):
            pass
        return {each["queryId"]: each.get("value", each.get("errorMessage")) for each in modifications}


@contextmanager
def sync_client(url: str, path: str = "/api/1.48.0/sync", **options: Any) -> Iterator[SyncClient]:
    """A connected socket that has said nothing yet."""
    with connect(url.replace("http", "ws", 1) + path, max_size=None, compression=None, **options) as socket:
        yield SyncClient(socket)


def end_ts(transition: dict[str, Any]) -> int:
    """Where a transition ends."""
    return read_ts(transition["endVersion"]["ts"])
