"""`ctx.scheduler`: promising a call for later.

Owns:  `FunctionScheduler`, what `ctx` holds; `Promise` and `Retry`; the checks of times, targets and arguments; the
protocol `Schedules`, which says what keeps the promises.
Must not know: how a promise is kept, and when.
Invariants: in a mutation a promise is a part of the transaction, so a nested mutation that fails takes its promises
back. In an action it stands at once, and stays if the action then fails. Arguments are not validated before the call is
due; that the function exists is. Source: semantics 7.1.
Threads: that of the run.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol

from nbconvex.errors import CallerError, ConflictError, FunctionNotFoundError, LimitExceededError
from nbconvex.functions import teaching
from nbconvex.functions.action_calls import PendingCall, loop_here
from nbconvex.functions.definition import FunctionDefinition
from nbconvex.functions.handler import plain_args
from nbconvex.values.codec import size_of

if TYPE_CHECKING:
    from nbconvex.database.transaction import Transaction
    from nbconvex.functions.run import Run
    from nbconvex.functions.runner import Runner

#: How far from now a call may be scheduled, in both directions. Source: semantics 7.1.
YEARS_MAX: Final = 5
_YEAR_MS: Final = 365.25 * 86_400_000
#: What `retry=True` means. Source: semantics 11.2, action retrier.
DEFAULT_ATTEMPTS: Final = 4
#: An attempt later than this is no attempt any more.
_PAUSE_MAX_MS: Final = 3_600_000.0


@dataclass(frozen=True, slots=True)
class Retry:
    """How often an action is begun again that failed, or was interrupted, and after which pauses.

    Units:  `pause_ms` in milliseconds, before the second attempt; each later pause is `factor` times as long.
    """

    attempts: int = DEFAULT_ATTEMPTS
    pause_ms: float = 250.0
    factor: float = 2.0

    def pause_after_ms(self, attempts: int) -> float:
        """How long to wait when so many attempts have failed; an hour at most."""
        return float(min(self.pause_ms * self.factor ** min(attempts - 1, 64), _PAUSE_MAX_MS))


@dataclass(frozen=True, slots=True)
class Promise:
    """A call that is to be made later.

    Units:  `time_ms` in milliseconds since 1970 UTC.
    """

    path: str
    args: dict[str, Any]
    time_ms: float
    retry: Retry | None = None
    args_bytes: int = 0
    #: The cron that this is a run of.
    cron: str | None = None


class Schedules(Protocol):
    """What keeps promises."""

    def add(self, tx: Transaction, promise: Promise, *, parent: str | None = None) -> str:
        """Write a promise down in `tx`; its id. `parent` is the job that makes it."""

    def cancel(self, tx: Transaction, job: str, *, by: str | None = None) -> str:
        """Cancel a job in `tx`; what is to be said about it, or nothing. `by` is the job that does so."""


class FunctionScheduler:
    """`ctx.scheduler` of a mutation or an action. In an `async def` action its calls are awaited."""

    __slots__ = ("_run",)

    def __init__(self, run: Run) -> None:
        self._run = run

    def run_after(
        self,
        delay: float | timedelta,
        target: Any,
        args: Mapping[str, Any] | None = None,
        /,
        *,
        retry: Any = None,
        **named: Any,
    ) -> Any:
        """Call a mutation or an action after `delay`, in milliseconds; the id of the job. 0: right after the commit.

        Raises:  CallerError, FunctionNotFoundError, LimitExceededError.
        """
        __tracebackhide__ = True
        return self._promise("run_after", lambda now_ms: time_after(now_ms, delay), target, args, named, retry)

    def run_at(
        self,
        time: float | datetime,
        target: Any,
        args: Mapping[str, Any] | None = None,
        /,
        *,
        retry: Any = None,
        **named: Any,
    ) -> Any:
        """Call a mutation or an action at a time: milliseconds since 1970 UTC, or a datetime. The past means now.

        Raises:  as `run_after`.
        """
        __tracebackhide__ = True
        return self._promise("run_at", lambda now_ms: time_at(now_ms, time), target, args, named, retry)

    def cancel(self, job: str, /) -> Any:
        """Cancel a job: one that waits will not run; one that runs goes on; one that has ended is left alone.

        Raises:  CallerError for what is no job's id, and for a job that would cancel itself.
        """
        __tracebackhide__ = True
        run = self._run

        def change(tx: Transaction) -> None:
            told = _schedules(run.runner).cancel(tx, job, by=run.job)
            if told:
                run.sink.add(told)

        return self._do("cancel", change)

    def _promise(
        self,
        verb: str,
        when: Callable[[float], float],
        target: Any,
        args: Mapping[str, Any] | None,
        named: dict[str, Any],
        retry: Any,
    ) -> Any:
        __tracebackhide__ = True
        run = self._run

        def change(tx: Transaction) -> str:
            promise = promised(run.runner, when(tx.now_ms), target, args, named, retry)
            recommend_internal(run, promise.path)
            return _schedules(run.runner).add(tx, promise, parent=run.job)

        return self._do(verb, change)

    def _do(self, verb: str, change: Callable[[Transaction], Any]) -> Any:
        __tracebackhide__ = True
        run = self._run
        if run.tx is None:
            return _at_once(run, change, f"ctx.scheduler.{verb}(...)")
        if run.root.is_ended:
            raise teaching.ended(run.path)
        return change(run.tx)

    if not TYPE_CHECKING:  # to a type checker any name would look right

        def __getattr__(self, name: str) -> NoReturn:
            if name.startswith("_"):
                raise AttributeError(name)
            raise teaching.unknown_name("ctx.scheduler", name, ("run_after", "run_at", "cancel"))


def _schedules(runner: Runner) -> Schedules:
    assert runner.schedules is not None, "a backend has given its runner something that keeps promises"
    return runner.schedules


def _at_once(run: Run, change: Callable[[Transaction], Any], text: str) -> Any:
    """What an action does to the schedule: a transaction of its own."""
    runner = run.runner
    if run.loop is None or loop_here() is not run.loop:
        return in_own_transaction(runner, run.path, change)
    while True:
        inner = run.separate(run.definition)
        tx = inner.tx = runner.database.begin(writable=True, reader=run.path)
        value = change(tx)
        try:
            durable = runner.accept(inner)
        except ConflictError:
            continue
        return _pending(run, durable, value, text)


def in_own_transaction(runner: Runner, reader: str, change: Callable[[Transaction], Any]) -> Any:
    """The value of `change`, made and committed as a transaction of its own, however often somebody is in the way."""
    while True:
        tx = runner.database.begin(writable=True, reader=reader)
        value = change(tx)
        try:
            runner.database.commit(tx)
        except ConflictError:
            continue
        return value


def _pending(run: Run, durable: asyncio.Future[int], value: Any, text: str) -> PendingCall:
    pending = PendingCall(run, text)
    assert run.pending is not None, run.path
    run.pending.append(pending)

    def finish(future: asyncio.Future[int]) -> None:
        error = future.exception()
        if pending.done():
            return
        if error is None:
            pending.set_result(value)
        else:
            pending.set_exception(error)

    durable.add_done_callback(finish)
    return pending


# -- checks ----------------------------------------------------------------------------------------------------------


def promised(
    runner: Runner,
    time_ms: float,
    target: Any,
    args: Mapping[str, Any] | None,
    named: Mapping[str, Any],
    retry: Any,
) -> Promise:
    """What was asked for, checked as far as it is checked before it is due.

    Raises:  FunctionNotFoundError, CallerError, ArgumentsInvalidError, LimitExceededError.
    """
    definition = _existing(runner, target)
    given: Any = dict(named) if args is None else args if not named else {**args, **named}
    plain = plain_args(definition, given, runner.limits)
    args_bytes = size_of(plain)
    maximum = runner.limits.scheduled_call_bytes
    if args_bytes > maximum:
        raise LimitExceededError(
            "scheduled_call_bytes", f"the arguments of the scheduled {definition.name} have {args_bytes:,} bytes",
            maximum=maximum, actual=args_bytes, cure="Store the data and pass its id.",
        )  # fmt: skip
    return Promise(definition.path, plain, time_ms, retry_of(retry, definition), args_bytes)


def _existing(runner: Runner, target: Any) -> FunctionDefinition:
    try:
        return runner.registry.find(target)
    except FunctionNotFoundError as error:
        raise FunctionNotFoundError(
            error.path, suggestion=error.suggestion,
            detail=" So it cannot be scheduled: has the cell or module been run that defines it?",
        ) from None  # fmt: skip


def time_after(now_ms: float, delay: Any) -> float:
    """When a call is due that was asked for with a delay in milliseconds.

    Raises:  CallerError.
    """
    if isinstance(delay, timedelta):
        delay = delay.total_seconds() * 1e3
    if isinstance(delay, bool) or not isinstance(delay, int | float):
        raise CallerError(
            f"`delay_ms` must be a number of milliseconds or a timedelta, got {type(delay).__name__} {delay!r:.50}.",
            hint="ctx.scheduler.run_after(60_000, internal.module.function, name=value)",
        )
    if not math.isfinite(delay):
        raise CallerError(f"`delay_ms` must be finite, got {delay}.")
    if delay < 0:
        raise CallerError(f"`delay_ms` must be non-negative, got {delay:,}.")
    return _within_years(now_ms, now_ms + delay)


def time_at(now_ms: float, time: Any) -> float:
    """When a call is due that was asked for with a time. A datetime without a zone is local, as everywhere in Python.

    Raises:  CallerError.
    """
    if isinstance(time, datetime):
        time = time.timestamp() * 1e3
    if isinstance(time, bool) or not isinstance(time, int | float):
        raise CallerError(
            f"`time` must be milliseconds since 1970 UTC or a datetime, got {type(time).__name__} {time!r:.50}.",
            hint="ctx.scheduler.run_at(ctx.now() + 60_000, internal.module.function, name=value)",
        )
    if not math.isfinite(time):
        raise CallerError(f"`time` must be finite, got {time}.")
    return _within_years(now_ms, float(time))


def _within_years(now_ms: float, time_ms: float) -> float:
    if abs(time_ms - now_ms) > YEARS_MAX * _YEAR_MS:
        raise CallerError(
            f"a function can be scheduled at most {YEARS_MAX} years from now; is the time in milliseconds?"
        )
    return float(time_ms)


def retry_of(given: Any, definition: FunctionDefinition) -> Retry | None:
    """What `retry=` means: True, a number of attempts, a dict of `Retry`'s fields, or a `Retry`.

    Raises:  CallerError.
    """
    if given is None or given is False:
        return None
    if definition.kind != "action":
        raise CallerError(
            f"retry= is for actions: {definition.name} is {teaching.ARTICLES[definition.kind]}: it runs exactly once "
            "and is repeated on conflicts anyway."
        )
    retry = given
    if given is True:
        retry = Retry()
    elif isinstance(given, int):
        retry = Retry(given)
    elif isinstance(given, Mapping) and given.keys() <= {"attempts", "pause_ms", "factor"}:
        retry = Retry(**given)
    if not isinstance(retry, Retry) or not (retry.attempts >= 1 and retry.pause_ms >= 0 and retry.factor >= 1):
        raise CallerError(
            f"retry= takes a number of attempts, or attempts, pause_ms and factor; got {given!r:.80}.",
            hint='retry=3   or   retry={"attempts": 5, "pause_ms": 1_000, "factor": 2}',
        )
    return retry


def recommend_internal(run: Run, path: str) -> None:
    """Say once that a scheduled function need not be open to clients. Source: semantics 15.5."""
    runner = run.runner
    definition = runner.registry.get(path)
    if definition is None or definition.is_internal or (run.path, path) in runner.recommended:
        return
    runner.recommended.add((run.path, path))
    run.sink.add(
        f"[INFO] {run.path} schedules {definition.name}, which any client may call too. If only your own functions "
        f"need it, make it internal: %%{definition.kind} --internal"
    )
