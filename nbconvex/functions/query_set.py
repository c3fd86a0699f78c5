"""Queries that one subscriber follows and that come and go: what a client of the network watches.

Owns:  `QuerySet`: which queries, on whose behalf, which of their results have not been told yet.
Must not know: sockets, messages, how a query is run.
Invariants: everything is told in the live thread, all of it valid at the timestamp told. An advance that carries a mark
has told the results of every query that was added up to that mark.
Threads: `modify`, `identify` and `close` may be called from any thread; they take the lock of `LiveQueries` for
microseconds and run no user code.
Source: wire-protocol 3.4, 3.5.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from nbconvex.functions.live_query import LiveAdvance, LiveQuery, LiveUpdate, Subscriber

if TYPE_CHECKING:
    from nbconvex.functions.identity import Identity
    from nbconvex.functions.live import LiveQueries

#: Who asked, up to which mark, and for which keys' results.
Asked = tuple["QuerySet", Any, dict[Hashable, None]]
Updates = dict[Hashable, LiveUpdate]


class QuerySet(Subscriber):
    """A subscriber whose queries come and go. Made by `LiveQueries.query_set`."""

    __slots__ = ("_live_queries", "mark", "untold")

    def __init__(
        self,
        live_queries: LiveQueries,
        callback: Callable[[LiveAdvance], None],
        identity: Identity | None,
        *,
        is_public_only: bool,
    ) -> None:
        super().__init__(callback, identity, is_single=False, is_public_only=is_public_only)
        self._live_queries = live_queries
        self.mark: Any = None
        self.untold: dict[Hashable, None] = {}
        self.is_ready = True

    def add(self, key: Hashable, target: Any, args: Mapping[str, Any] | None, *, page_end: str | None = None) -> None:
        """Follow one more query from the next `ask` on. `page_end` is the journal of its page, where it had one.

        Raises:  CallerError where `target` is no function's name or `args` are no values; what the query itself raises
                 is told like a result.
        """
        path, plain = self._live_queries.call_of(target, args)
        with self._live_queries.lock:
            if not self.is_closed:
                self._live_queries.leave(self, key)
                self._live_queries.join(self, key, path, plain, page_end)
                self.untold[key] = None

    def remove(self, key: Hashable) -> None:
        """Follow a query no more; a key that is not there is fine."""
        with self._live_queries.lock:
            self._live_queries.leave(self, key)
            self.untold.pop(key, None)

    def identify(self, identity: Identity | None, *, is_public_only: bool) -> None:
        """Go on as somebody else from the next `ask` on; queries whose results may differ are told anew."""
        live_queries = self._live_queries
        with live_queries.lock:
            if self.is_closed:
                return
            stays = self.is_public_only == is_public_only
            # The same person with a new token: nothing can differ.
            is_same = stays and self.who == (None if identity is None else identity.key)
            self.identity = identity
            self.is_public_only = is_public_only
            for key, live in list(self.queries.items()):
                if is_same or (stays and live.update is not None and not live.is_by_identity):
                    continue
                live_queries.leave(self, key)
                live_queries.join(self, key, live.path, live.args, live.page_end)
                self.untold[key] = None

    def ask(self, mark: Any) -> None:
        """Be told by the next advance, changed or not; it carries `mark` and the results of what is new."""
        with self._live_queries.lock:
            if not self.is_closed:
                self.mark = mark
                self._live_queries.ask(self, self._unrun())

    def _unrun(self) -> Iterable[LiveQuery]:
        """Queries that nobody has run yet."""
        return [live for key in self.untold if (live := self.queries[key]).update is None]

    def take_asked(self) -> Asked:
        """What the advance that begins now has to answer; the lock is held."""
        untold, self.untold = self.untold, {}
        return self, self.mark, untold

    def close(self) -> None:
        """Follow nothing any more. Calling it twice is fine."""
        if not self.is_closed:
            self._live_queries.end(self)


def answer(
    asking: Iterable[Asked], telling: dict[Subscriber, Updates]
) -> tuple[dict[Subscriber, Any], dict[QuerySet, None]]:
    """The marks that this advance has reached, and who has to wait for the next one; the lock is held.

    What those who asked have not been told yet is added to `telling`.
    """
    marks: dict[Subscriber, Any] = {}
    waiting: dict[QuerySet, None] = {}
    for query_set, mark, untold in asking:
        new = {key: query_set.queries[key].update for key in untold if key in query_set.queries}
        updates = telling.setdefault(query_set, {})
        if None in new.values():
            # It turned out just now that a result depends on who asks, so this one has a query of its own to run.
            query_set.untold |= untold
            waiting[query_set] = None
            continue
        marks[query_set] = mark
        # A new one: what is there may be shared.
        telling[query_set] = {**updates, **new}  # type: ignore[dict-item] # None is not among them
    for subscriber, updates in telling.items():
        if isinstance(subscriber, QuerySet) and subscriber.untold:
            # Added while this advance was under way, or waiting: a later one has it, under its mark.
            telling[subscriber] = {key: update for key, update in updates.items() if key not in subscriber.untold}
    return marks, waiting


def subscribers_of(changed: list[LiveQuery]) -> dict[Subscriber, Updates]:
    """Whom to tell what; `lock` is held. Those who are told the same may share it, so it must not be changed."""
    telling: dict[Subscriber, Updates] = {}
    if len(changed) == 1:
        # The usual case, and the one with a thousand subscribers. Most know the query by the same key.
        (live,) = changed
        update = live.update
        assert update is not None, live.path
        shared: Updates = {}
        shared_keys: tuple[Hashable, ...] = ()
        for subscriber, keys in live.subscribers.items():
            if subscriber.is_ready:
                if keys != shared_keys:
                    shared, shared_keys = dict.fromkeys(keys, update), keys
                telling[subscriber] = shared
        return telling
    for live in changed:
        update = live.update
        assert update is not None, live.path
        for subscriber, keys in live.subscribers.items():
            if subscriber.is_ready:
                updates = telling.setdefault(subscriber, {})
                for key in keys:
                    updates[key] = update
    return telling
