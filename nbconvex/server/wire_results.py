"""What functions gave, as the sync protocol tells it.

Owns:  the way from an `Outcome` or a `LiveUpdate` to a `Result`.
Must not know: which message a result travels in.
Threads: pure; called where the function ran, so that large values keep no event loop waiting.
"""

from __future__ import annotations

from nbconvex.functions.live_query import LiveUpdate
from nbconvex.functions.outcome import Outcome
from nbconvex.sync.log_lines import wire_lines
from nbconvex.sync.session import Result
from nbconvex.values.codec import json_dumps, normalize

#: What stands for the data of a ConvexError that is no value.
_NO_VALUE = b"null"


def result_of(outcome: Outcome, *, production: bool) -> Result:
    """The result of a call. In production clients are told neither log lines nor the text of errors."""
    lines = () if production else tuple(wire_lines(outcome.log_lines))
    if outcome.error is None:
        return Result(json_dumps(outcome.value).encode(), lines, ts=outcome.ts)
    return _failed(outcome, lines, None, production=production)


def result_of_update(update: LiveUpdate, *, production: bool) -> Result:
    """The result of a live query. Its JSON is written once for everybody who is told."""
    lines = () if production else tuple(wire_lines(update.log_lines))
    error = update.error
    if error is None:
        return Result(update.value_json, lines, journal=update.journal)
    outcome = Outcome(None, update.ts, update.log_lines, getattr(error, "request_id", "0" * 16), 0.0, error)
    return _failed(outcome, lines, update.journal, production=production)


def _failed(outcome: Outcome, lines: tuple[str, ...], journal: str | None, *, production: bool) -> Result:
    told = outcome.public_error(production=production)
    data = None
    if "errorData" in told:
        try:
            data = json_dumps(normalize(told["errorData"])).encode()
        except Exception:  # what user code raised may hold anything
            data = _NO_VALUE
    return Result(None, lines, told["errorMessage"], data, journal)
