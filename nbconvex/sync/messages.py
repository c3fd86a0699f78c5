"""The messages of the sync protocol: what clients send, what they are sent, and both as text.

Owns:  every message and its camelCase; timestamps as clients write them; cutting a large transition into chunks.
Must not know: which message may follow which (`session`), sockets.
Invariants: what `read_message` gives has the fields and types that the protocol asks for; keys that are not known are
ignored. What is written has every field that some client insists on.
Threads: pure.
Source: wire-protocol 3.1 to 3.3, 3.9.
"""

from __future__ import annotations

import base64
import binascii
from functools import lru_cache
from typing import Annotated, Any, Final

import msgspec

from nbconvex.errors import ProtocolError

#: Bytes of one chunk of a transition, as the reference cuts it. Source: wire-protocol 3.9.
CHUNK_BYTES_MAX: Final = 5_000_000
#: A version, or the number of a query or a request: what JavaScript can count exactly.
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_ABSENT = msgspec.UNSET


class _Message(msgspec.Struct, frozen=True, rename="camel", tag_field="type"):
    """Something that one side says."""


# -- from the client --------------------------------------------------------------------------------------------------


class Connect(_Message, tag="Connect", frozen=True):
    """The first message of most sockets. `max_observed_timestamp` is the newest the client has seen anywhere."""

    session_id: str
    connection_count: Count = 0
    last_close_reason: str | None = None
    max_observed_timestamp: str | None = None
    client_ts: float | None = None


class Add(_Message, tag="Add", frozen=True):
    """Follow a query. `journal` is what a former socket said of it."""

    query_id: Count
    udf_path: str
    args: list[Any] = []
    journal: str | None = None
    component_path: str | None = None


class Remove(_Message, tag="Remove", frozen=True):
    """Follow a query no more."""

    query_id: Count


class ModifyQuerySet(_Message, tag="ModifyQuerySet", frozen=True):
    """Changes of what a client follows."""

    base_version: Count
    new_version: Count
    modifications: list[Add | Remove]


class Mutation(_Message, tag="Mutation", frozen=True):
    """Run a mutation."""

    request_id: Count
    udf_path: str
    args: list[Any] = []
    component_path: str | None = None


class Action(_Message, tag="Action", frozen=True):
    """Run an action."""

    request_id: Count
    udf_path: str
    args: list[Any] = []
    component_path: str | None = None


class Authenticate(_Message, tag="Authenticate", frozen=True):
    """Who the client says it is from now on. npm names whom an admin acts as `impersonating`, others `actingAs`."""

    base_version: Count
    token_type: str
    value: str | None = None
    impersonating: dict[str, Any] | None = None
    acting_as: dict[str, Any] | None = None


class Event(_Message, tag="Event", frozen=True):
    """Something that a client measured. Nobody asks for it."""


ClientMessage = Connect | ModifyQuerySet | Mutation | Action | Authenticate | Event

_read = msgspec.json.Decoder(ClientMessage).decode


def read_message(text: str | bytes) -> ClientMessage:
    """The message that a text holds.

    Raises:  ProtocolError, which says what is wrong where.
    """
    try:
        message: ClientMessage = _read(text)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ProtocolError(f"a message could not be read: {error}") from None
    except RecursionError:
        raise ProtocolError("a message is nested too deep") from None
    return message


# -- to the client ----------------------------------------------------------------------------------------------------


class StateVersion(msgspec.Struct, frozen=True, rename="camel"):
    """Where a socket stands: versions of its query set and of its identity, and a timestamp as clients write it."""

    query_set: int
    identity: int
    ts: str


class QueryUpdated(_Message, tag="QueryUpdated", frozen=True):
    """A new result."""

    query_id: int
    value: msgspec.Raw
    log_lines: list[str]
    journal: str | None


class QueryFailed(_Message, tag="QueryFailed", frozen=True):
    """A query that has an error as its result. `error_data` is there for a ConvexError only."""

    query_id: int
    error_message: str
    log_lines: list[str]
    journal: str | None
    error_data: msgspec.Raw | msgspec.UnsetType = _ABSENT


class QueryRemoved(_Message, tag="QueryRemoved", frozen=True):
    """A query that is not followed any more."""

    query_id: int


class Transition(_Message, tag="Transition", frozen=True):
    """Everything that has changed between two versions, at one timestamp. Source: wire-protocol 3.4, 3.5.

    Units:  `client_clock_skew` in milliseconds, `server_ts` in nanoseconds: both or neither.
    """

    start_version: StateVersion
    end_version: StateVersion
    modifications: list[QueryUpdated | QueryFailed | QueryRemoved]
    client_clock_skew: int | msgspec.UnsetType = _ABSENT
    server_ts: int | msgspec.UnsetType = _ABSENT


class TransitionChunk(_Message, tag="TransitionChunk", frozen=True):
    """A part of a transition's text."""

    chunk: str
    part_number: int
    total_parts: int
    transition_id: str


class MutationResponse(_Message, tag="MutationResponse", frozen=True):
    """What came of a mutation: its value and the timestamp of its commit, or a message and None."""

    request_id: int
    success: bool
    result: msgspec.Raw | str
    log_lines: list[str]
    ts: str | None
    error_data: msgspec.Raw | msgspec.UnsetType = _ABSENT


class ActionResponse(_Message, tag="ActionResponse", frozen=True):
    """What came of an action."""

    request_id: int
    success: bool
    result: msgspec.Raw | str
    log_lines: list[str]
    error_data: msgspec.Raw | msgspec.UnsetType = _ABSENT


class AuthError(_Message, tag="AuthError", frozen=True):
    """A token was refused, or the identity in force has become invalid. The socket closes."""

    error: str
    base_version: int
    auth_update_attempted: bool


class FatalError(_Message, tag="FatalError", frozen=True):
    """The client broke the protocol and must not come back: npm stops for good."""

    error: str


class Ping(_Message, tag="Ping", frozen=True):
    """Nothing, so that the client knows that somebody is there."""


ServerMessage = Transition | MutationResponse | ActionResponse | AuthError | FatalError | Ping

_write = msgspec.json.Encoder().encode


def write_message(message: ServerMessage | TransitionChunk) -> bytes:
    """The text of a message, as UTF-8."""
    return _write(message)


def write_chunks(data: bytes, size_max: int = CHUNK_BYTES_MAX) -> list[bytes]:
    """The texts of the chunks that a large transition is sent in; they must follow each other without a gap."""
    parts = []
    start = 0
    while start < len(data):
        end = min(start + size_max, len(data))
        while end < len(data) and data[end] & 0xC0 == 0x80:  # not inside a character
            end -= 1
        parts.append(data[start:end].decode())
        start = end
    name = str(len(data))
    return [write_message(TransitionChunk(part, number, len(parts), name)) for number, part in enumerate(parts)]


@lru_cache(maxsize=64)
def write_ts(ts: int) -> str:
    """A timestamp as clients write it: base64 of eight little-endian bytes."""
    return base64.b64encode(ts.to_bytes(8, "little")).decode()


def read_ts(text: Any) -> int:
    """The nanoseconds of a timestamp.

    Raises:  ProtocolError.
    """
    try:
        data = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except (binascii.Error, ValueError):
        data = b""
    if len(data) != 8:
        raise ProtocolError(f"{str(text)[:40]!r} is no timestamp, which is base64 of 8 bytes")
    return int.from_bytes(data, "little")
