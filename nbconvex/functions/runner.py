"""One run: look up, check, begin, call, check, commit, repeat on conflict, record.

Owns:  what happens around a handler, for all kinds, called synchronously or on an event loop.
Must not know: subscriptions; who called.
Invariants: a mutation commits everything or nothing; its outcome, good or bad, is given out only when all that it saw
is durable; what a repeated attempt printed is dropped. A conflict is found at commit, where no user code can catch it.
Threads: the caller's; an `async def` action called from plain code runs in the engine's thread.
"""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import random
import sys
import threading
import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from nbconvex.database.metrics import TransactionMetrics
from nbconvex.database.table_names import TablesOf
from nbconvex.errors import ConflictError, LimitExceededError
from nbconvex.functions import action_calls, answered_requests, logs, nested, teaching
from nbconvex.functions.cache import QueryCache
from nbconvex.functions.context import ActionCtx
from nbconvex.functions.engine import Engine
from nbconvex.functions.environment import Environment
from nbconvex.functions.handler import call_action, call_handler, checked_args, plain_args, ready_args
from nbconvex.functions.logs import CallLog, CallRecord, LineSink, StreamProxy, request_id
from nbconvex.functions.mailbox import Mailbox, mailbox_of
from nbconvex.functions.plans import PlanLog
from nbconvex.functions.raised import mark
from nbconvex.functions.result import checked_result, result_limits
from nbconvex.functions.run import CURRENT, Kind, Run
from nbconvex.functions.scheduling import FunctionScheduler, Schedules
from nbconvex.functions.sql import Sql
from nbconvex.limits import Limits

if TYPE_CHECKING:
    from nbconvex.clock import Clock
    from nbconvex.database.database import Database
    from nbconvex.functions.context_storage import Files
    from nbconvex.functions.definition import FunctionDefinition
    from nbconvex.functions.identity import Identity
    from nbconvex.functions.registry import Registry

#: The pause before the second repetition of a mutation; the first comes at once, since whoever was in the way is done.
RETRY_PAUSE_S = 0.002
#: How long a mutation waits at most for those who try again after a conflict.
PASSING_S = 0.25
#: A live query that takes longer is named to its author: all live queries share one thread.
SLOW_LIVE_QUERY_S = 0.25
_MISSING: Any = object()
# Bound here because `functions.determinism` looks at calls of `time.sleep` by name, and so do users who replace it.
_sleep = time.sleep


class Runner:
    """Runs the functions of one registry over one database."""

    def __init__(
        self,
        database: Database,
        registry: Registry,
        *,
        clock: Clock,
        limits: Limits,
        deployment: Mapping[str, str | None],
        has_cache: bool = True,
    ) -> None:
        self.database = database
        self.registry = registry
        self.clock = clock
        self.limits = limits
        self.result_limits = result_limits(limits)
        self.deployment = deployment
        self.random = random.Random()
        self.log, self.plans = CallLog(), PlanLog()
        self.cache = QueryCache(database, registry, clock)
        self.has_cache = has_cache
        self.engine = Engine()
        self.environment = Environment()
        self.sql = Sql(database, limits)
        #: The service behind `ctx.storage`, once there is one.
        self.files: Files | None = None
        #: Functions that were told of an argument that could say more.
        self.hinted: set[str] = set()
        #: What keeps promises; the backend puts it here.
        self.schedules: Schedules | None = None
        #: Pairs of functions of which the first was told to make the second internal.
        self.recommended: set[tuple[str, str]] = set()
        self._requests = itertools.count(random.getrandbits(48))
        self._mailbox: Mailbox | None = None
        self._repeats = threading.Lock()
        # A count that threads change without a lock may be off for a moment; it only decides who waits a little.
        self._repeating = 0

    def new_run(self, definition: FunctionDefinition, identity: Identity | None, *, is_echoed: bool) -> Run:
        """A root run, not begun. With `is_echoed` its prints also go to the caller's own output."""
        limits = self.limits
        sink = LineSink(limits.log_lines, limits.log_line_bytes, is_echoed=is_echoed)
        if self.environment.mask is not None:
            sink.mask = self.environment.mask
        return Run(self, definition, identity, sink)

    def new_request_id(self) -> str:
        """A request id for what comes to no run."""
        return request_id(next(self._requests))

    def call(
        self,
        run: Run,
        kind: Kind,
        target: Any,
        args: Any,
        limits: Mapping[str, int] | None,
        *,
        use_stale_snapshot: bool = False,
    ) -> Any:
        """What `ctx.run_*` does; see `nested.call`."""
        __tracebackhide__ = True
        return nested.call(run, kind, target, args, limits, use_stale_snapshot=use_stale_snapshot)

    def scheduler(self, run: Run) -> FunctionScheduler:
        """`ctx.scheduler` of a run."""
        return FunctionScheduler(run)

    # -- synchronous -------------------------------------------------------------------------------------------------

    def execute(self, run: Run, args: Any, *, source: str = "call") -> Any:
        """The value of a run, in this thread.

        Raises:  whatever the function raises; CallerError; ConflictError after the last repetition; StorageError.
        """
        __tracebackhide__ = True
        self._start(run)
        try:
            kind = run.definition.kind
            if kind == "query":
                return self._query(run, args)
            if kind == "mutation":
                return self._mutation(run, args)
            return self._action(run, args)
        except BaseException as error:
            run.error = error
            raise
        finally:
            self._finish(run, source)

    def _start(self, run: Run) -> None:
        if not run.request:
            run.request = next(self._requests)
        run.started_s = self.clock.monotonic_s()
        if type(sys.stdout) is not StreamProxy:
            logs.install()

    def _query(self, run: Run, args: Any) -> Any:
        definition = run.definition
        plain = plain_args(definition, args, self.limits)
        key = None
        if run.tx is None:
            if self.has_cache and run.limits is None:
                key = self.cache.key(run.path, plain, run.identity)
                value, run.ts = self.cache.find(key, _MISSING)
                if value is not _MISSING:
                    run.is_cached = True
                    return value
            run.tx = self.database.begin(writable=False, reader=run.path)
        tx = run.tx
        run.ts = tx.snapshot.ts
        value = self._called(run, plain)
        if key is not None and not tx.notes:
            self.cache.keep(key, run, value)
        return value

    def _called(self, run: Run, plain: dict[str, Any]) -> Any:
        """The checked result of the handler, in the run's transaction."""
        tx = run.tx
        assert tx is not None, run.path
        return self._result(run, checked_args(run.definition, plain, tx.tables()))

    def _result(self, run: Run, ready: dict[str, Any]) -> Any:
        """The checked result of the handler for arguments that are as it gets them."""
        tx = run.tx
        assert tx is not None, run.path
        tables = tx.tables()
        if run.limits is None:
            return checked_result(run, call_handler(run, ready), self.result_limits, tables)
        with tx.limited(run.limits):
            return checked_result(run, call_handler(run, ready), self.result_limits, tables)

    def _attempt(self, run: Run, args: Any) -> Any:
        """Run a mutation's handler in a new transaction, which is left to be committed."""
        tx = run.tx = self.database.begin(writable=True, reader=run.path)
        if run.is_unlimited:
            tx.metrics = TransactionMetrics(Limits.off())
        try:
            if run.request_key is not None:
                return answered_requests.once(run, partial(self._handled, run, args))
            if run.within is not None:
                return run.within(run, partial(self._handled, run, args))
            return self._handled(run, args)
        except Exception:
            # What it saw may be why it failed: that has to be durable before anybody hears of it.
            self.database.wait_durable(tx.snapshot.ts)
            raise

    def _handled(self, run: Run, args: Any) -> Any:
        assert run.tx is not None, run.path
        return self._result(run, ready_args(run.definition, args, self.limits, run.tx))

    def _mutation(self, run: Run, args: Any) -> Any:
        sink = run.sink
        mark = sink.mark()
        was_held, sink.is_held = sink.is_held, True
        tries = 0
        try:
            if self._repeating:
                # Somebody has met conflicts and is trying again: let them through, instead of being the next conflict.
                self._pass_by()
            while True:
                try:
                    if tries:
                        return self._repeat_and_commit(run, args)
                    return self._attempt_and_commit(run, args)
                except ConflictError as conflict:
                    tries += 1
                    self._require_another_try(conflict, tries)
                    sink.rewind(mark)
                    run.definitions = None
                    if tries > 1:
                        _sleep(self._pause_s(tries))
        finally:
            sink.is_held = was_held
            if not was_held:
                sink.release()

    def _pass_by(self) -> None:
        if self._repeats.acquire(timeout=PASSING_S):
            self._repeats.release()

    def _repeat_and_commit(self, run: Run, args: Any) -> Any:
        """One repetition after the other. User code runs under this lock, so it is a courtesy nobody insists on."""
        self._repeating += 1
        has_lock = self._repeats.acquire(timeout=PASSING_S)
        try:
            return self._attempt_and_commit(run, args)
        finally:
            self._repeating -= 1
            if has_lock:
                self._repeats.release()

    def _attempt_and_commit(self, run: Run, args: Any) -> Any:
        value = self._attempt(run, args)
        assert run.tx is not None, run.path
        run.ts = self.database.commit(run.tx)
        return value

    def _require_another_try(self, conflict: ConflictError, tries: int) -> None:
        if tries > self.limits.conflict_retries:
            conflict.tries = tries
            raise conflict

    def _pause_s(self, tries: int) -> float:
        return RETRY_PAUSE_S * 2.0 ** (tries - 2) * (0.5 + self.random.random())

    def _action(self, run: Run, args: Any) -> Any:
        if run.definition.is_async:
            return self.engine.run(self._action_async(run, args))
        ready = self._ready_for_action(run, args)
        return self._action_result(run, call_action(run, ready))

    def _ready_for_action(self, run: Run, args: Any) -> dict[str, Any]:
        plain = plain_args(run.definition, args, self.limits)
        return checked_args(run.definition, plain, TablesOf(self.database.readable()))

    def _action_result(self, run: Run, result: Any) -> Any:
        snapshot = self.database.readable()
        run.ts = snapshot.ts
        return checked_result(run, result, self.result_limits, TablesOf(snapshot))

    # -- on an event loop --------------------------------------------------------------------------------------------

    async def execute_async(self, run: Run, args: Any, *, source: str = "call") -> Any:
        """The value of a run, without blocking the loop: a mutation's handler runs at once, its durability is awaited.

        Raises:  as `execute`.
        """
        __tracebackhide__ = True
        self._start(run)
        try:
            kind = run.definition.kind
            if kind == "query":
                return self._query(run, args)
            if kind == "mutation":
                return await self._mutation_async(run, args)
            if run.definition.is_async:
                return await self._action_async(run, args)
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(None, contextvars.copy_context().run, self._action, run, args)
        except BaseException as error:
            run.error = error
            raise
        finally:
            self._finish(run, source)

    async def _mutation_async(self, run: Run, args: Any, tries: int = 0) -> Any:
        sink = run.sink
        while True:
            mark = sink.mark()
            was_held, sink.is_held = sink.is_held, True
            try:
                value = self._attempt(run, args)
                durable = self.accept(run)
            except ConflictError as conflict:
                sink.rewind(mark)
                tries += 1
                self._require_another_try(conflict, tries)
                durable = None
            finally:
                sink.is_held = was_held
                if not was_held:
                    sink.release()
            if durable is None:
                if tries > 1:
                    await asyncio.sleep(self._pause_s(tries))
                continue
            run.ts = await durable
            return value

    def accept(self, run: Run) -> asyncio.Future[int]:
        """Enter the run's transaction into the order of commits; the future has its timestamp once it is durable.

        Raises:  ConflictError.
        """
        loop = asyncio.get_running_loop()
        mailbox = self._mailbox = mailbox_of(loop, self._mailbox)
        future: asyncio.Future[int] = loop.create_future()
        assert run.tx is not None, run.path
        self.database.commit_async(run.tx, partial(mailbox.post, future), is_flushed=False)
        mailbox.once_a_turn(self.database.flush_soon)
        return future

    async def _action_async(self, run: Run, args: Any) -> Any:
        ready = self._ready_for_action(run, args)
        run.loop = asyncio.get_running_loop()
        run.pending = []
        token = CURRENT.set(run)
        try:
            async with asyncio.timeout(self.limits.action_time_s) as patience:
                result = await run.definition.handler(ActionCtx(run), **ready)
        except TimeoutError:
            if not patience.expired():
                raise
            raise LimitExceededError(
                "action_time_s", f"the action {run.definition.name} ran too long", maximum=self.limits.action_time_s,
                cure="Split it into several actions.",
            ) from None  # fmt: skip
        except TypeError as error:
            taught = teaching.awaited_value(run.path, error)
            if taught is None:
                raise
            raise taught.with_traceback(error.__traceback__) from None
        finally:
            CURRENT.reset(token)
            if run.pending:
                await action_calls.settle(run)
        return self._action_result(run, result)

    def start(self, run: Run, args: Any, pending: asyncio.Future[Any]) -> None:
        """Begin a call that an `async def` action makes, now; `pending` gets its value."""
        loop = asyncio.get_running_loop()
        if run.definition.kind == "query":
            try:
                pending.set_result(self.execute(run, args, source="action"))
            except Exception as error:
                pending.set_exception(error)
            return
        if run.definition.kind == "mutation":
            self._start_mutation(run, args, pending)
            return
        action_calls.chain(loop.create_task(self.execute_async(run, args, source="action")), pending)

    def _start_mutation(self, run: Run, args: Any, pending: asyncio.Future[Any]) -> None:
        """The first attempt is made here and now, so that mutations started together are accepted in that order."""
        self._start(run)
        mark = run.sink.mark()
        try:
            value = self._attempt(run, args)
            durable = self.accept(run)
        except ConflictError:
            run.sink.rewind(mark)
            action_calls.chain(asyncio.get_running_loop().create_task(self._repeat_mutation(run, args)), pending)
            return
        except Exception as error:
            run.error = error
            self._finish(run, "action")
            pending.set_exception(error)
            return

        def finish(future: asyncio.Future[int]) -> None:
            run.error = future.exception()
            if run.error is None:
                run.ts = future.result()
            self._finish(run, "action")
            if pending.done():
                return
            if run.error is None:
                pending.set_result(value)
            else:
                pending.set_exception(run.error)

        durable.add_done_callback(finish)

    async def _repeat_mutation(self, run: Run, args: Any) -> Any:
        try:
            return await self._mutation_async(run, args, tries=1)
        except BaseException as error:
            run.error = error
            raise
        finally:
            self._finish(run, "action")

    # -- afterwards --------------------------------------------------------------------------------------------------

    def _finish(self, run: Run, source: str) -> None:
        """Record a run that has ended."""
        clock = self.clock
        run.stopped_s = clock.monotonic_s()
        run.is_ended = True
        duration_s = run.stopped_s - run.started_s
        if run.tx is not None and not run.is_cached:
            self._warn(run, duration_s, is_live=source == "live")
            self.plans.add(run)
        elif duration_s > self.limits.action_time_s and not (run.is_deterministic or run.definition.is_async):
            run.sink.warn(
                f"{run.definition.name} took {duration_s:,.1f} s (limit action_time_s: {self.limits.action_time_s}). "
                "A plain def cannot be stopped from outside; make it async def, or split it into several actions."
            )
        error = run.error
        if error is not None and isinstance(error, Exception):
            mark(error, run)
            self.plans.add_error(run, error)
        self.log.add(
            CallRecord(
                run.request, run.definition.name, run.definition.kind, clock.now_ns() / 1e6 - duration_s * 1e3,
                duration_s * 1e3, run.sink.lines, error, source, run.is_cached,
            )
        )  # fmt: skip

    def log_problem(self, where: str, error: BaseException) -> None:
        """Record an error that happened outside of any call."""
        self._log_outside(where, (), error, "live")

    def log_note(self, where: str, line: str) -> None:
        """Record something that the scheduler has to say."""
        self._log_outside(where, (line,), None, "job")

    def _log_outside(self, where: str, lines: tuple[str, ...], error: BaseException | None, source: str) -> None:
        now_ms = self.clock.now_ns() / 1e6
        self.log.add(CallRecord(next(self._requests), where, "action", now_ms, 0.0, lines, error, source, False))

    def log_hint(self, where: str, hint: str) -> None:
        """Record a sentence for the author that belongs to no call."""
        now_ms = self.clock.now_ns() / 1e6
        self.log.add(CallRecord(next(self._requests), where, "action", now_ms, 0.0, (hint,), None, "hint", False))

    def _warn(self, run: Run, duration_s: float, *, is_live: bool) -> None:
        assert run.tx is not None, run.path
        for note in run.tx.notes:
            run.sink.warn(f"{run.definition.name}: {note}")
        used = run.tx.metrics
        if used.is_near_limit:
            for sentence in used.near_limits():
                run.sink.warn(f"{run.definition.name}: {sentence}.")
        if is_live and duration_s > SLOW_LIVE_QUERY_S:
            run.sink.warn(
                f"{run.definition.name} took {duration_s:.2f} s as a live query, and every other view waited for it. "
                "Read less: through an index, with .take(n), or a page at a time."
            )
        elif duration_s > self.limits.query_time_s:
            is_writing = used.documents_written > used.documents_read
            cure = "Write less at once, one call a batch" if is_writing else "Read less through an index"
            run.sink.warn(
                f"{run.definition.name} took {duration_s:.2f} s (limit query_time_s: {self.limits.query_time_s}). "
                f"{cure}, or do the work in an action."
            )
