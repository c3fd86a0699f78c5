"""What the live queries are made of.

Owns:  `LiveQuery`, `LiveUpdate`, `LiveAdvance`, `Subscriber`, `Subscription`.
Must not know: when a query is run again.
Threads: `LiveQuery` and `Subscriber` are guarded by the lock of `LiveQueries`; updates are immutable and shared by all
who are told, so their values must not be changed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from nbconvex.values.codec import json_dumps

if TYPE_CHECKING:
    from nbconvex.functions.identity import Identity


# No slots: `value_json` is kept in the instance.
@dataclass(frozen=True)
class LiveUpdate:
    """One new result of a live query, or its error.

    Shapes:  `journal` is the cursor at which a page ended, None for a query that did not paginate.
    Units:  `ts` in nanoseconds: the commit up to which this holds.
    """

    ts: int
    value: Any
    error: Exception | None
    log_lines: tuple[str, ...]
    journal: str | None = None

    @cached_property
    def value_json(self) -> bytes:
        """The value as JSON, written once for everybody who is told."""
        return json_dumps(self.value).encode()


@dataclass(frozen=True, slots=True)
class LiveAdvance:
    """Everything that changed for one subscriber at one timestamp.

    Shapes:  `updates` by the position of the query in what was subscribed to, or by its key in a query set. `mark` is
    the newest mark of a query set that this advance has reached, None where nothing was asked.
    """

    ts: int
    updates: Mapping[Hashable, LiveUpdate]
    mark: Any = None


#: A path, encoded arguments, and whether only public functions may answer.
Call = tuple[str, bytes, bool]


class LiveQuery:
    """One watched call."""

    __slots__ = (
        "args", "call", "cost_s", "digest", "identity", "is_by_identity", "is_forgotten", "is_public",
        "is_running_first", "page_end", "path", "paths", "subscribers", "update", "who",
    )  # fmt: skip

    def __init__(self, call: Call, path: str, args: dict[str, Any], identity: Identity | None) -> None:
        self.call = call
        self.path = path
        self.is_public = call[2]
        self.args = args
        self.identity = identity
        self.who = None if identity is None else identity.key
        self.is_by_identity = False
        self.is_forgotten = False
        self.is_running_first = False
        self.update: LiveUpdate | None = None
        self.digest = b""
        #: How long its last run took; unknown is long.
        self.cost_s = math.inf
        self.page_end: str | None = None
        self.paths: frozenset[str] = frozenset({path})
        # A dict, for its order: whoever came first is told first. Each with its keys for this query.
        self.subscribers: dict[Subscriber, tuple[Hashable, ...]] = {}


class Subscriber:
    """Somebody who is told.

    Shapes:  `queries` by position, or by key in a query set. `is_public_only` keeps internal functions out of reach.
    """

    __slots__ = ("callback", "identity", "is_closed", "is_public_only", "is_ready", "is_single", "queries")

    def __init__(
        self,
        callback: Callable[[Any], None] | None,
        identity: Identity | None,
        *,
        is_single: bool,
        is_public_only: bool = False,
    ) -> None:
        self.callback = callback
        self.identity = identity
        self.is_single = is_single
        self.is_public_only = is_public_only
        self.is_ready = False
        self.is_closed = False
        self.queries: dict[Hashable, LiveQuery] = {}

    @property
    def who(self) -> bytes | None:
        """The key of the identity, None for nobody."""
        return None if self.identity is None else self.identity.key


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
        return tuple(live.update for live in self._subscriber.queries.values() if live.update is not None)

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
