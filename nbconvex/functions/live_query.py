"""What the live queries are made of.

Owns:  `LiveQuery`, `LiveUpdate`, `LiveAdvance`, `Subscriber`, `Subscription`.
Must not know: when a query is run again.
Threads: `LiveQuery` and `Subscriber` are guarded by the lock of `LiveQueries`; updates are immutable and shared by all
who are told, so their values must not be changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from nbconvex.functions.identity import Identity


@dataclass(frozen=True, slots=True)
class LiveUpdate:
    """One new result of a live query, or its error.

    Units:  `ts` in nanoseconds: the commit up to which this holds.
    """

    ts: int
    value: Any
    error: Exception | None
    log_lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LiveAdvance:
    """Everything that changed for one subscriber at one timestamp.

    Shapes:  `updates` by the position of the query in what was subscribed to.
    """

    ts: int
    updates: Mapping[int, LiveUpdate]


class LiveQuery:
    """One watched call."""

    __slots__ = (
        "args", "call", "digest", "identity", "is_by_identity", "is_forgotten", "is_running_first", "page_end", "path",
        "paths", "subscribers", "update", "who",
    )  # fmt: skip

    def __init__(self, call: tuple[str, bytes], path: str, args: dict[str, Any], identity: Identity | None) -> None:
        self.call = call
        self.path = path
        self.args = args
        self.identity = identity
        self.who = None if identity is None else identity.key
        self.is_by_identity = False
        self.is_forgotten = False
        self.is_running_first = False
        self.update: LiveUpdate | None = None
        self.digest = b""
        self.page_end: str | None = None
        self.paths: frozenset[str] = frozenset({path})
        # A dict, for its order: whoever came first is told first.
        self.subscribers: dict[Subscriber, None] = {}


class Subscriber:
    """Somebody who is told."""

    __slots__ = ("callback", "identity", "is_closed", "is_ready", "is_single", "queries", "who")

    def __init__(self, callback: Callable[[Any], None] | None, identity: Identity | None, *, is_single: bool) -> None:
        self.callback = callback
        self.identity = identity
        self.who = None if identity is None else identity.key
        self.is_single = is_single
        self.is_ready = False
        self.is_closed = False
        self.queries: list[LiveQuery] = []


class Subscription:
    """A subscriber's hold on its queries. They end with the last subscription that is closed."""

    __slots__ = ("_close", "_subscriber")

    def __init__(self, subscriber: Subscriber, close: Callable[[Subscriber], None]) -> None:
        self._subscriber = subscriber
        self._close = close

    @property
    def latest(self) -> LiveUpdate:
        """The newest result of the (first) query."""
        return self.updates[0]

    @property
    def updates(self) -> tuple[LiveUpdate, ...]:
        """The newest result of each query."""
        return tuple(live.update for live in self._subscriber.queries if live.update is not None)

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._subscriber.is_closed

    def close(self) -> None:
        """Stop being told. Calling it twice is fine."""
        if not self._subscriber.is_closed:
            self._close(self._subscriber)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
