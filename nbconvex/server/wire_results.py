"""What functions gave, as the sync protocol tells it.

Owns:  the way from an `Outcome` or a `LiveUpdate` to a `Result`; `Results`, which remembers the last one.
Must not know: which message a result travels in.
Threads: pure; called where the function ran, so that large values keep no event loop waiting.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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


class Results:
    """Results of live queries, for the live thread alone: a thousand clients who are told the same share one."""

    def __init__(self, *, production: bool) -> None:
        self._production = production
        self._last: tuple[LiveUpdate, Result] | None = None
        self._last_all: tuple[Mapping[Any, LiveUpdate], Mapping[Any, Result]] = ({}, {})

    def of_all(self, updates: Mapping[Any, LiveUpdate]) -> Mapping[Any, Result]:
        """The results of updates, by the same keys. Who is told the same is given the same, so it must not change."""
        last, results = self._last_all
        if last is not updates:
            results = {key: self.of(update) for key, update in updates.items()}
            self._last_all = (updates, results)
        return results

    def of(self, update: LiveUpdate) -> Result:
        """The result of an update."""
        last = self._last
        if last is not None and last[0] is update:
            return last[1]
        result = result_of_update(update, production=self._production)
        self._last = (update, result)
        return result


def _failed(outcome: Outcome, lines: tuple[str, ...], journal: str | None, *, production: bool) -> Result:
    told = outcome.public_error(production=production)
    data = None
    if "errorData" in told:
        try:
            data = json_dumps(normalize(told["errorData"])).encode()
        except Exception:  # what user code raised may hold anything
            data = _NO_VALUE
    return Result(None, lines, told["errorMessage"], data, journal)
