"""What an action calls: queries, mutations and other actions, each on its own.

Owns:  `PendingCall`, which an `async def` action awaits; that calls start in the order in which they are written.
Must not know: how the called function is run.
Mechanism: a plain `def` action gets values. An `async def` action gets a future, because it may wait for several at
once; but the call has begun before it gets it: a query has run, a mutation has been accepted in its place in the
order of commits and only its durability is still awaited. A thread that such an action started has no loop to await on,
so it gets values.
Threads: futures are made and resolved in the action's loop.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from nbconvex.functions import teaching
from nbconvex.functions.run import Run

if TYPE_CHECKING:
    from nbconvex.functions.definition import FunctionDefinition


class PendingCall(asyncio.Future[Any]):
    """A call that an `async def` action has started. Using it like its value is answered with the missing `await`."""

    def __init__(self, run: Run, text: str) -> None:
        super().__init__(loop=run.loop)
        self.text = text
        self.path = run.path
        self.is_awaited = False

    def __await__(self) -> Generator[Any, None, Any]:
        self.is_awaited = True
        return super().__await__()

    def add_done_callback(self, *given: Any, **named: Any) -> None:
        """Have a callback called when the call is done, which is how asyncio.gather and asyncio.wait await."""
        self.is_awaited = True
        super().add_done_callback(*given, **named)

    def _refuse(self, *_: object) -> NoReturn:
        raise teaching.unawaited(self.path, self.text)

    __len__ = __getitem__ = __contains__ = __add__ = __sub__ = __lt__ = __gt__ = _refuse

    def __iter__(self) -> NoReturn:
        self._refuse()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        self._refuse()


def call_from_action(run: Run, definition: FunctionDefinition, args: Any, limits: Mapping[str, int] | None) -> Any:
    """The result of a function that an action calls, or the future that will have it."""
    __tracebackhide__ = True
    child = run.separate(definition)
    child.limits = limits
    if run.loop is None or loop_here() is not run.loop:
        return run.runner.execute(child, args, source="action")
    pending = PendingCall(run, f"ctx.run_{definition.kind}({definition.name}, ...)")
    assert run.pending is not None, run.path
    run.pending.append(pending)
    run.runner.start(child, args, pending)
    return pending


def outside_call(run: Run, text: str, job: Callable[[], Any]) -> Any:
    """What `job`, which may block, gives; in an `async def` action, the future that will have it."""
    __tracebackhide__ = True
    if run.loop is None or loop_here() is not run.loop:
        return job()
    pending = PendingCall(run, text)
    assert run.pending is not None, run.path
    run.pending.append(pending)
    working = run.loop.run_in_executor(None, contextvars.copy_context().run, job)
    working.add_done_callback(lambda done: _hand_over(done, pending))
    return pending


def _hand_over(done: asyncio.Future[Any], pending: PendingCall) -> None:
    if pending.done() or done.cancelled():
        asyncio.Future.cancel(pending)
        return
    error = done.exception()
    if error is None:
        pending.set_result(done.result())
    else:
        pending.set_exception(error)


def loop_here() -> asyncio.AbstractEventLoop | None:
    """The event loop that runs in this thread, if one does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def chain(task: asyncio.Task[Any], pending: asyncio.Future[Any]) -> None:
    """Let `pending` have the outcome of `task`, and let cancelling `pending` cancel it."""

    def done(finished: asyncio.Task[Any]) -> None:
        if pending.done():
            if not finished.cancelled():
                finished.exception()
        elif finished.cancelled():
            asyncio.Future.cancel(pending)
        elif finished.exception() is not None:
            pending.set_exception(finished.exception())  # type: ignore[arg-type]
        else:
            pending.set_result(finished.result())

    def given_up(future: asyncio.Future[Any]) -> None:
        if future.cancelled():
            task.cancel()

    task.add_done_callback(done)
    asyncio.Future.add_done_callback(pending, given_up)


async def settle(run: Run) -> None:
    """Wait for what an action started and did not await, and tell its author."""
    forgotten = [pending for pending in run.pending or () if not pending.is_awaited]
    for pending in forgotten:
        unfinished = not pending.done()
        if unfinished and ".run_action(" in pending.text:
            asyncio.Future.cancel(pending)
        await asyncio.wait([pending])
        error = None if pending.cancelled() else pending.exception()
        ending = "was stopped" if pending.cancelled() else f"failed: {error}" if error else "has finished"
        run.sink.warn(f"{run.path} did not await {pending.text}, which {ending}. Write: await {pending.text}")
