"""Live queries: run, hold what they read, run again when that changes, tell each subscriber once.

Owns:  `LiveQueries`: which queries are watched, by whom, what they last gave; the live thread.
Must not know: widgets, sockets, how a query is run.
Invariants:
- Every live query is valid up to `_ts`: what it read was not touched by any commit up to there, or it is in `_dirty`.
- A subscriber hears of everything that changed for it at one timestamp in one call, and of nothing that did not change.
- One execution serves everybody who asks for the same path and arguments (and, if the query reads it, identity).
- A page that is watched keeps its first end, so that neighbouring pages have no gap and no overlap.
- Queries are run on what is being made durable, and what came of it is installed and told when it is.
Threads: the first result is computed and handed over in the subscriber's own thread; every later one, and everything
for a `QuerySet`, in the live thread, where callbacks must return soon. `lock` guards the bookkeeping; no user code runs
under it.
Source: architecture.md 3.4; performance.md 2.3.
"""

from __future__ import annotations

import contextvars
import logging
import threading
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from nbconvex.database.reads import SubscriptionIndex
from nbconvex.errors import NbconvexError
from nbconvex.functions import teaching
from nbconvex.functions.handler import plain_args
from nbconvex.functions.identity import Identity
from nbconvex.functions.live_query import Call, LiveAdvance, LiveQuery, LiveUpdate, Subscriber, Subscription
from nbconvex.functions.query_set import QuerySet, answer, subscribers_of
from nbconvex.functions.registry import RegistryChange
from nbconvex.functions.result import encoded_result
from nbconvex.functions.tracebacks import trim
from nbconvex.values.codec import encode_value

if TYPE_CHECKING:
    from nbconvex.database.reads import CommitRecord, ReadSet
    from nbconvex.database.snapshot import Snapshot
    from nbconvex.functions.run import Run
    from nbconvex.functions.runner import Runner

_LOGGER = logging.getLogger("nbconvex")
#: Queries that take no longer than so many appends are run while their commit is on its way to the disk; others would
#: hold the interpreter from whoever waits for the disk.
AHEAD_APPENDS = 2.0
#: One query to watch: a path or reference, or a pair of that and its arguments.
Wanted = tuple[Any, Mapping[str, Any] | None]
#: What came of a run, the digest of its result, and the run itself where there was one.
Finished = tuple[LiveUpdate, bytes, "Run | None"]


class LiveQueries:
    """The live queries of one backend."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._database = runner.database
        self._registry = runner.registry
        self.lock = threading.Lock()
        self._first_results = threading.Condition(self.lock)
        self._index = SubscriptionIndex()
        self._by_call: dict[Call, list[LiveQuery]] = {}
        self._by_path: dict[str, set[LiveQuery]] = {}
        self._dirty: set[LiveQuery] = set()
        # A dict, for its order.
        self._asking: dict[QuerySet, None] = {}
        self._count = 0
        self._ts = 0
        self._wakes: SimpleQueue[threading.Event | bool | None] = SimpleQueue()
        self._is_woken = False
        self._thread: threading.Thread | None = None
        self._is_stopped = False
        self._stop_listening = (self._database.listen_early(self._accepted), self._registry.listen(self._redefined))

    def __len__(self) -> int:
        return self._count

    def following(self, paths: Iterable[str]) -> int:
        """How many live queries run any of these functions."""
        with self.lock:
            return len(set().union(*(self._by_path.get(path, ()) for path in paths)))

    # -- subscribing -------------------------------------------------------------------------------------------------

    def subscribe(
        self,
        wanted: Sequence[Wanted],
        callback: Callable[[Any], None] | None,
        identity: Identity | None,
        *,
        is_single: bool,
    ) -> Subscription:
        """Watch queries on behalf of one subscriber; the first results are there, and were told, on return.

        Raises:  CallerError where something wanted is no function's name or its arguments are no values. What the
                 queries themselves raise is told like a result.
        """
        subscriber = Subscriber(callback, identity, is_single=is_single)
        try:
            for place, (target, args) in enumerate(wanted):
                path, plain = self.call_of(target, args)
                with self.lock:
                    self.join(subscriber, place, path, plain)
            for live in subscriber.queries.values():
                self._ensure_first(live)
            self._tell_first(subscriber)
        except BaseException:
            self._close(subscriber)
            raise
        self._start()
        return Subscription(subscriber, self._close)

    def query_set(
        self, callback: Callable[[LiveAdvance], None], identity: Identity | None, *, is_public_only: bool
    ) -> QuerySet:
        """A subscriber whose queries come and go; `callback` is called in the live thread only."""
        self._start()
        return QuerySet(self, callback, identity, is_public_only=is_public_only)

    def call_of(self, target: Any, args: Mapping[str, Any] | None) -> tuple[str, dict[str, Any]]:
        """The path and the plain arguments of something wanted.

        Raises:  CallerError where it is no function's name or its arguments are no values.
        """
        path = self._registry.path_of(target)
        definition = self._registry.get(path)
        plain = {} if not args else dict(args)
        if plain and definition is not None:
            plain = plain_args(definition, plain, self._runner.limits)
        return path, plain

    def join(
        self, subscriber: Subscriber, key: Hashable, path: str, args: dict[str, Any], page_end: str | None = None
    ) -> LiveQuery:
        """The live query for a call, shared with whoever has the same; `lock` is held.

        `page_end` is where a page ended that the subscriber has seen before: only who saw the same shares it.
        """
        call = (path, encode_value(args) if args else b"", subscriber.is_public_only)
        who = subscriber.who
        alike = self._by_call.setdefault(call, [])
        for live in alike:
            if page_end is not None and live.page_end != page_end:
                continue
            if live.who == who or (live.update is not None and not live.is_by_identity):
                break
        else:
            live = LiveQuery(call, path, args, subscriber.identity)
            live.page_end = page_end
            alike.append(live)
            self._by_path.setdefault(path, set()).add(live)
            if not self._count:
                self._ts = self._database.head
            self._count += 1
        keys = live.subscribers.get(subscriber, ())
        if key not in keys:
            live.subscribers[subscriber] = (*keys, key)
        subscriber.queries[key] = live
        return live

    def leave(self, subscriber: Subscriber, key: Hashable) -> None:
        """Stop watching one query on behalf of `subscriber`; a key that it does not have is fine. `lock` is held."""
        live = subscriber.queries.pop(key, None)
        if live is None:
            return
        keys = tuple(each for each in live.subscribers[subscriber] if each != key)
        if keys:
            live.subscribers[subscriber] = keys
            return
        del live.subscribers[subscriber]
        if not live.subscribers:
            self._forget(live)

    def ask(self, query_set: QuerySet, unrun: Iterable[LiveQuery] = ()) -> None:
        """Have the next advance run `unrun` and tell `query_set` how far it came; `lock` is held."""
        self._dirty.update(unrun)
        self._asking[query_set] = None
        self._wake()

    def _ensure_first(self, live: LiveQuery) -> None:
        """Return when `live` has its first result: run it here, or wait for whoever does."""
        with self.lock:
            self._first_results.wait_for(lambda: not live.is_running_first)
            if live.update is not None:
                return
            live.is_running_first = True
        snapshot = self._database.snapshot
        finished = None
        try:
            finished = self._run(live, snapshot)
        finally:
            # An interrupt must not leave those waiting who share this query: one of them runs it instead.
            with self.lock:
                # The live thread may have run it meanwhile, for a query set that shares it.
                if finished is not None and live.update is None:
                    self._install(live, finished)
                    self._file(live, finished, snapshot)
                live.is_running_first = False
                self._first_results.notify_all()
        if self._database.head > self._ts or self._dirty:
            self._wake()

    def _tell_first(self, subscriber: Subscriber) -> None:
        """Tell the first results, and again if they changed meanwhile; from then on the live thread tells."""
        told: dict[Hashable, LiveUpdate | None] = {}
        while True:
            updates = {place: live.update for place, live in subscriber.queries.items()}
            changed = {
                place: update
                for place, update in updates.items()
                if update is not None and told.get(place) is not update
            }
            if changed:
                self._tell(subscriber, LiveAdvance(max(update.ts for update in changed.values()), changed))
            told = updates
            with self.lock:
                if all(live.update is updates[place] for place, live in subscriber.queries.items()):
                    subscriber.is_ready = True
                    return

    def _close(self, subscriber: Subscriber) -> None:
        with self.lock:
            subscriber.is_closed = True
            # What it has told stays readable.
            queries = dict(subscriber.queries)
            for key in queries:
                self.leave(subscriber, key)
            subscriber.queries.update(queries)

    def end(self, query_set: QuerySet) -> None:
        """Forget a query set and what only it has watched."""
        self._close(query_set)
        query_set.queries.clear()

    def _forget(self, live: LiveQuery) -> None:
        if live.is_forgotten:
            return
        live.is_forgotten = True
        self._count -= 1
        self._index.remove(live)
        self._dirty.discard(live)
        self._set_paths(live, frozenset())
        alike = self._by_call[live.call]
        alike.remove(live)
        if not alike:
            del self._by_call[live.call]

    def _set_paths(self, live: LiveQuery, paths: frozenset[str]) -> None:
        """File `live` under the functions it ran."""
        for path in live.paths - paths:
            watching = self._by_path[path]
            watching.discard(live)
            if not watching:
                del self._by_path[path]
        for path in paths - live.paths:
            self._by_path.setdefault(path, set()).add(live)
        live.paths = paths

    # -- running -----------------------------------------------------------------------------------------------------

    def _run(self, live: LiveQuery, snapshot: Snapshot) -> Finished:
        """The result at `snapshot` (or the error, which is a result too), its digest, and the run it came from."""
        run = None
        try:
            definition = self._registry.find(live.path, is_public_only=live.is_public)
            if definition.kind != "query":
                raise teaching.wrong_kind(definition.name, "query", definition.kind)
            run = self._runner.new_run(definition, live.identity, is_echoed=False)
            run.tx = self._database.begin_at(snapshot, reader=live.path)
            run.tx.page_end = live.page_end
            value = self._runner.execute(run, live.args, source="live")
            # Before the transaction is looked at again: the value must be an own copy, which `execute` made.
            update = LiveUpdate(snapshot.ts, value, None, run.sink.lines, _journal(run))
            return update, encoded_result(run, value), run
        except Exception as error:
            trim(error)
            lines = run.sink.lines if run is not None else ()
            digest = b"\xc1" + f"{type(error).__qualname__}: {error}".encode(errors="replace")
            return LiveUpdate(snapshot.ts, None, error, lines, live.page_end), digest, run

    def _file(self, live: LiveQuery, finished: Finished, snapshot: Snapshot) -> None:
        """Note what a finished run has read, and what it ran. `lock` is held."""
        update, _, run = finished
        if live.is_forgotten:
            return
        if run is None or run.tx is None:
            self._index.remove(live)
            self._set_paths(live, frozenset({live.path}))
        else:
            self._database.note_fields(run.tx.reads)
            self._index.add(live, run.tx.reads)
            self._set_paths(live, frozenset((live.path, *(each.path for each in run.definitions or ()))))
            if update.error is None:
                live.page_end = run.tx.page_end
            self._catch_up(live, run, run.tx.reads, snapshot)
            live.cost_s = run.stopped_s - run.started_s

    def _install(self, live: LiveQuery, finished: Finished) -> bool:
        """Take over the result of a finished run; whether it differs from the last. `lock` is held."""
        update, digest, run = finished
        if live.is_forgotten:
            return False
        if run is not None and run.tx is not None and run.identity_read and not live.is_by_identity:
            live.is_by_identity = True
            self._split(live)
        is_changed = digest != live.digest
        live.digest = digest
        if is_changed or live.update is None:
            live.update = update
        return is_changed

    def _catch_up(self, live: LiveQuery, run: Run, reads: ReadSet, snapshot: Snapshot) -> None:
        """Note that `live` has to run again, if a commit or a definition overtook this run."""
        if snapshot.ts < self._ts:
            missed = self._database.write_log.since(snapshot.ts, self._ts)
            if missed is None or any(reads.overlaps(record) for record in missed):
                self._dirty.add(live)
        definitions = (run.definition, *(run.definitions or ()))
        if any(self._registry.get(each.path) is not each for each in definitions):
            self._dirty.add(live)

    def _split(self, live: LiveQuery) -> None:
        """A query turns out to depend on who asks: those with another identity get a live query of their own."""
        for subscriber in [each for each in live.subscribers if each.who != live.who]:
            keys = live.subscribers.pop(subscriber)
            alike = self._by_call[live.call]
            own = next((each for each in alike if each is not live and each.who == subscriber.who), None)
            if own is None:
                own = LiveQuery(live.call, live.path, live.args, subscriber.identity)
                own.is_by_identity = True
                alike.append(own)
                self._set_paths(own, frozenset({live.path}))
                self._count += 1
                self._dirty.add(own)
            own.subscribers[subscriber] = (*own.subscribers.get(subscriber, ()), *keys)
            subscriber.queries.update(dict.fromkeys(keys, own))

    # -- advancing ---------------------------------------------------------------------------------------------------

    def _accepted(self, _: Snapshot) -> None:
        if self._count:
            self._wake()

    def _redefined(self, change: RegistryChange) -> None:
        with self.lock:
            for path in change.paths:
                for live in self._by_path.get(path, ()):
                    # Another query may come of it, to which the old end of a page means nothing.
                    live.page_end = None
                    self._dirty.add(live)
            is_concerned = bool(self._dirty)
        if is_concerned:
            self._wake()

    def rerun_all(self) -> None:
        """Run every live query again: something changed that no read set shows."""
        with self.lock:
            self._dirty.update(live for alike in self._by_call.values() for live in alike)
        self._wake()

    def failing(self, paths: Iterable[str]) -> dict[str, Exception]:
        """Those of `paths` that are followed, or run by queries that are, and whose newest result is an error."""
        with self.lock:
            return {
                live.path: live.update.error
                for path in paths
                for live in self._by_path.get(path, ())
                if live.update is not None and live.update.error is not None
            }

    def _wake(self) -> None:
        if not self._is_woken:
            self._is_woken = True
            self._wakes.put(None)

    def settle(self, timeout_s: float = 10.0) -> bool:
        """Whether the live thread has dealt with everything published before this call."""
        if self._thread is None:
            return True
        done = threading.Event()
        self._wakes.put(done)
        return done.wait(timeout_s)

    def _start(self) -> None:
        if self._thread is None and not self._is_stopped:
            with self.lock:
                if self._thread is None:
                    # An empty context: what runs here belongs to no cell.
                    context = contextvars.Context()
                    self._thread = threading.Thread(
                        target=context.run, args=(self._serve,), name="nbconvex-live", daemon=True
                    )
                    self._thread.start()

    def _serve(self) -> None:
        while True:
            wake = self._wakes.get()
            if wake is False:
                return
            # Lowered before looking: what is published from here on wakes this thread again.
            self._is_woken = False
            try:
                while self._advance():
                    pass
            except NbconvexError as error:
                # The database was closed or has failed; its own callers are told.
                self._runner.log_problem("live queries", error)
            if isinstance(wake, threading.Event):
                wake.set()

    def _advance(self) -> bool:
        """Bring every live query to the newest snapshot; whether anything has to be done again."""
        with self.lock:
            asking, self._asking = [query_set.take_asked() for query_set in self._asking], {}
            # Read after that: who asks after its commit is told of a snapshot that has it.
            snapshot = self._database.ahead
            dirty = self._take_dirty(snapshot)
        if not (dirty or asking):
            return False
        if sum(live.cost_s for live in dirty) > self._database.append_s * AHEAD_APPENDS:
            self._database.wait_durable(snapshot.ts)
        finished = [(live, self._run(live, snapshot)) for live in dirty]
        self._database.wait_durable(snapshot.ts)
        with self.lock:
            changed = [live for live, result in finished if self._install(live, result)]
            telling = subscribers_of(changed)
            marks, unanswered = answer(asking, telling)
            self._asking.update(unanswered)
        advance = LiveAdvance(snapshot.ts, {})
        for subscriber, updates in telling.items():
            mark = marks.get(subscriber)
            if updates is not advance.updates or mark is not advance.mark:
                advance = LiveAdvance(snapshot.ts, updates, mark)
            self._tell(subscriber, advance)
        with self.lock:
            # Nobody waits for this, and it is soon enough: the next commit is looked at by this thread.
            for live, result in finished:
                self._file(live, result, snapshot)
            return bool(self._dirty or self._asking)

    def _take_dirty(self, snapshot: Snapshot) -> set[LiveQuery]:
        dirty, self._dirty = self._dirty, set()
        if snapshot.ts > self._ts:
            records: Sequence[CommitRecord] | None = self._database.write_log.since(self._ts, snapshot.ts)
            if records is None:
                dirty.update(live for alike in self._by_call.values() for live in alike)
            else:
                for record in records:
                    dirty |= self._index.matching(record)  # type: ignore[arg-type]
            self._ts = snapshot.ts
        return dirty

    def _tell(self, subscriber: Subscriber, advance: LiveAdvance) -> None:
        if subscriber.is_closed or subscriber.callback is None:
            return
        try:
            subscriber.callback(advance.updates[0] if subscriber.is_single else advance)
        except Exception as error:
            trim(error)
            paths = ", ".join(live.path for live in tuple(subscriber.queries.values()))
            # The subscription stays: the next result may be one that its callback can deal with.
            _LOGGER.exception("The callback of a subscription to %s failed.", paths)
            self._runner.log_problem(f"a subscriber's callback ({paths})", error)

    def stop(self) -> None:
        """End the live thread and forget everything. Calling it twice is fine."""
        for stop_listening in self._stop_listening:
            stop_listening()
        self._is_stopped = True
        thread, self._thread = self._thread, None
        if thread is not None:
            self._wakes.put(False)
            if thread is not threading.current_thread():
                thread.join(5)


def _journal(run: Run) -> str | None:
    """Where the page ended that `run` has read."""
    return run.tx.page_end if run.tx is not None and run.tx.has_paginated else None
