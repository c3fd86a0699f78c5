"""What came of a call, and what the log remembers of calls, as a page shows it.

Owns:  `record_json`, `error_json`, `request_json`: one call, one error, one request with all its calls.
Must not know: panels; how a function is run.
Invariants: values of the environment never reach a page: they are masked in errors as they are in what was printed.
Everything is bounded.
Units:  times in milliseconds since 1970 UTC, durations in milliseconds.
Threads: any.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from nbconvex.errors import NbconvexError
from nbconvex.values.cells import cut_text

if TYPE_CHECKING:
    from nbconvex.functions.logs import CallRecord

#: Characters of an error's first line in a list, and of its text and its frames where it is shown whole.
ERROR_LINE_MAX: Final = 200
ERROR_TEXT_MAX: Final = 10_000
#: Lines that a call printed: in a list, and where it is shown whole; and characters of one, in either.
LINES_LISTED: Final = 3
LINES_SHOWN: Final = 300
LISTED_LINE_MAX: Final = 200
LINE_MAX: Final = 2_000
#: Calls of one request.
CALLS_MAX: Final = 100

#: What hides values of the environment.
Masked = Callable[[str], str]
_WARNING: Final = "[WARN] "


def kind_of(record: CallRecord) -> str:
    """The kind of what was called: an endpoint is run as an action, and is none."""
    return "endpoint" if record.path.partition(" ")[2].startswith("/") else record.kind


def lines_of(record: CallRecord) -> tuple[str, ...]:
    """What a call printed. Calls that an action makes print into its lines, and have none of their own."""
    return () if record.source == "action" else record.lines


def is_warned(record: CallRecord) -> bool:
    """Whether nbconvex had to warn in a call."""
    return any(line.startswith(_WARNING) for line in lines_of(record))


def record_json(record: CallRecord, masked: Masked) -> dict[str, Any]:
    """One call as it is listed; its error as one line."""
    return _record(record, masked, LINES_LISTED, LISTED_LINE_MAX)


def _record(record: CallRecord, masked: Masked, lines_max: int, line_max: int) -> dict[str, Any]:
    error, lines = record.error, lines_of(record)
    told = "" if error is None else masked(f"{type(error).__name__}: {error}".partition("\n")[0])
    return {
        "request": record.request_id,
        "function": record.path,
        "kind": kind_of(record),
        "source": record.source,
        "at": record.started_ms,
        "ms": record.duration_ms,
        "ok": error is None,
        "error": cut_text(told, ERROR_LINE_MAX),
        "lines": [cut_text(line, line_max) for line in lines[:lines_max]],
        "moreLines": max(len(lines) - lines_max, 0),
        "warned": is_warned(record),
        "cached": record.is_cached,
    }


def error_json(error: BaseException, masked: Masked, place_of: Callable[[str], str] | None = None) -> dict[str, Any]:
    """One error whole: its name, its text, and the frames of the user's code, the innermost last."""
    frames = [] if isinstance(error, NbconvexError) and not error.__traceback__ else [
        {
            "place": f"{(place_of or str)(frame.filename)}, line {frame.lineno}, in {frame.name}",
            "line": masked(frame.line or ""),
        }
        for frame in traceback.extract_tb(error.__traceback__)[-20:]
    ]  # fmt: skip
    return {"name": type(error).__name__, "text": cut_text(masked(str(error)), ERROR_TEXT_MAX), "frames": frames}


def calls_of(records: Iterable[CallRecord], request_id: str) -> list[CallRecord]:
    """The calls of one request in the order in which they began, the outermost first."""
    found = [each for each in records if each.request_id == request_id]
    # What an action calls begins at the same moment or later, but never before; it ends before.
    return sorted(found, key=lambda each: (each.source == "action", each.started_ms))


def request_json(
    calls: Sequence[CallRecord], masked: Masked, place_of: Callable[[str], str] | None = None
) -> dict[str, Any]:
    """One request whole: its outermost call, with its error, and the calls that it made."""
    outermost = calls[0]
    whole = _record(outermost, masked, LINES_SHOWN, LINE_MAX)
    whole["problem"] = None if outermost.error is None else error_json(outermost.error, masked, place_of)
    whole["calls"] = [_record(each, masked, 0, 0) for each in calls[1 : CALLS_MAX + 1]]
    whole["moreCalls"] = max(len(calls) - 1 - CALLS_MAX, 0)
    return whole
