"""What came of a call, for those who want more than its value.

Owns:  `Outcome`; what strangers are told of an error.
Must not know: the wire.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nbconvex.errors import CallerError, ConvexError, CursorInvalidError
from nbconvex.functions.logs import request_id
from nbconvex.functions.tracebacks import trim

if TYPE_CHECKING:
    from nbconvex.functions.run import Run
    from nbconvex.functions.runner import Runner


@dataclass(frozen=True, slots=True)
class Outcome:
    """One finished call.

    Shapes:  `value` is None where `error` is not; `ts` is the commit's timestamp, or that of the snapshot read.
    Units:  `ts` in nanoseconds, `duration_ms` in milliseconds.
    """

    value: Any
    ts: int
    log_lines: tuple[str, ...]
    request_id: str
    duration_ms: float
    error: Exception | None = None

    def public_error(self, *, production: bool) -> dict[str, Any]:
        """What a caller outside of this process is told: `errorMessage`, and `errorData` where the error has data.

        In production only the request id, and the data; else the sentence and the user's frames too.
        Source: wire-protocol 1.3, 3.13.
        """
        error = self.error
        if error is None:
            return {}
        prefix = f"[Request ID: {self.request_id}] Server Error"
        told: dict[str, Any] = {"errorMessage": prefix}
        if isinstance(error, ConvexError | CursorInvalidError):
            told["errorData"] = error.data
        if production:
            return told
        if isinstance(error, ConvexError):
            told["errorMessage"] = f"{prefix}\nUncaught ConvexError: {error}"
        elif isinstance(error, CallerError):
            told["errorMessage"] = f"{prefix}\n{error}"
        else:
            frames = "".join(traceback.format_tb(error.__traceback__))
            told["errorMessage"] = f"{prefix}\nUncaught {type(error).__name__}: {error}\n{frames}".rstrip()
        # Half a character, which Python's strings may hold, cannot be sent.
        told["errorMessage"] = told["errorMessage"].encode("utf-8", "replace").decode()
        return told


def outcome_of(runner: Runner, run: Run, args: Any, *, source: str = "call") -> Outcome:
    """What comes of a run, carried out in this thread; its error is kept instead of raised."""
    value, problem = None, None
    try:
        value = runner.execute(run, {} if args is None else args, source=source)
    except (Exception, SystemExit) as error:
        problem = kept_error(run, error)
    return _ended(run, value, problem)


async def outcome_of_async(runner: Runner, run: Run, args: Any, *, source: str = "call") -> Outcome:
    """As `outcome_of`, in an event loop."""
    value, problem = None, None
    try:
        value = await runner.execute_async(run, {} if args is None else args, source=source)
    except (Exception, SystemExit) as error:
        problem = kept_error(run, error)
    return _ended(run, value, problem)


def _ended(run: Run, value: Any, error: Exception | None) -> Outcome:
    duration_ms = (run.stopped_s - run.started_s) * 1e3
    return Outcome(value, run.ts, run.sink.lines, request_id(run.request), duration_ms, error)


def kept_error(run: Run, error: Exception | SystemExit) -> Exception:
    """The error of a run, to be kept: without our frames, and not one that would end the program."""
    if isinstance(error, SystemExit):
        return CallerError(
            f"{run.definition.name} called exit(): a function ends with return, or fails with an error.",
            hint='raise ConvexError("what went wrong")',
        )
    trim(error)
    return error
