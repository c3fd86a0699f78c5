"""The panel Logs: the newest calls, what they printed, how they ended.

Owns:  `LogsPanel`: filters, the list, one request with all its calls.
Must not know: pages; how calls are recorded.
Units:  times in milliseconds since 1970 UTC, durations in milliseconds.
Limits:  the log has the newest 1,000 calls; a list has 500 of them at most.
Threads: any.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from nbconvex.dashboard.asked import choice_in, count_in, flag_in, refuse_action, text_in
from nbconvex.dashboard.call_report import calls_of, is_warned, kind_of, lines_of, record_json, request_json

if TYPE_CHECKING:
    from nbconvex.backend import Backend
    from nbconvex.functions.logs import CallRecord

#: Calls in a list: unless told otherwise, and at most.
CALLS_SHOWN: Final = 100
CALLS_SHOWN_MAX: Final = 500
KINDS: Final = ("query", "mutation", "action", "endpoint")
#: What a call has to have: an error, a warning or an error, anything printed.
LEVELS: Final = ("error", "warning", "printed")


class LogsPanel:
    """The call log, as a dashboard shows it."""

    name = "logs"
    title = "Logs"
    follows_calls = True

    def __init__(self, backend: Backend, *, place_of: Callable[[str], str] | None = None) -> None:
        """`place_of` names files for people."""
        self._backend = backend
        self._place_of = place_of

    def view(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The newest calls, newest first, that pass the filters; with `request`, that one whole.

        Shapes:  filters are `function` (a path or a module), `kind`, `level`, `errors`, `text`, which is looked for in
        paths, lines, errors and request ids, and `outermost`: calls that actions made stand below them only.
        Raises:  CallerError for a request that makes no sense.
        """
        masked = self._backend.runner.environment.masked
        passes = self._filter(request, masked)
        limit = count_in(request, "limit", CALLS_SHOWN, most=CALLS_SHOWN_MAX)
        records = list(self._backend.logs)
        found = sorted(filter(passes, records), key=lambda each: -each.started_ms)
        inner: dict[int, int] = {}
        for each in records:
            if each.source == "action":
                inner[each.request] = inner.get(each.request, 0) + 1
        rows = []
        for each in found[:limit]:
            row = record_json(each, masked)
            row["inner"] = inner.get(each.request, 0) if each.source != "action" else 0
            rows.append(row)
        wanted = text_in(request, "request")
        calls = calls_of(records, wanted) if wanted else []
        return {
            "calls": rows,
            "found": len(found),
            "logged": len(records),
            "count": self._backend.logs.count,
            "request": request_json(calls, masked, self._place_of) if calls else None,
            "gone": bool(wanted) and not calls,
            "functions": sorted({each.path for each in records})[:CALLS_SHOWN_MAX],
        }

    @staticmethod
    def _filter(request: Mapping[str, Any], masked: Callable[[str], str]) -> Callable[[CallRecord], bool]:
        function = text_in(request, "function").strip()
        kind = choice_in(request, "kind", KINDS)
        level = "error" if flag_in(request, "errors") else choice_in(request, "level", LEVELS)
        text = text_in(request, "text").casefold().strip()
        is_outermost = flag_in(request, "outermost")

        def passes(record: CallRecord) -> bool:
            if function and function not in {record.path, record.path.partition(":")[0]}:
                return False
            if (kind and kind_of(record) != kind) or (is_outermost and record.source == "action"):
                return False
            if level == "error" and record.error is None:
                return False
            if level == "warning" and record.error is None and not is_warned(record):
                return False
            if level == "printed" and not lines_of(record):
                return False
            return not text or text in _searched(record, masked)

        return passes

    def act(self, action: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Nothing can be done to a log.

        Raises:  CallerError.
        """
        refuse_action(self.title, action, ())


def _searched(record: CallRecord, masked: Callable[[str], str]) -> str:
    error = "" if record.error is None else masked(f"{type(record.error).__name__}: {record.error}")
    return "\n".join((record.path, record.request_id, error, *lines_of(record))).casefold()
