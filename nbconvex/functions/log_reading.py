"""The call log as it is read: which calls are wanted, the newest of them, each as it ends, a call as lines of text.

Owns:  `Wanted`, `newest`, `follow`, `call_text`, `ended_text`.
Must not know: how a call is recorded; where the text is printed.
Threads: any.
Source: semantics 12.1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from queue import Empty, Full, Queue
from typing import Final

from nbconvex.functions.logs import CALLS_KEPT_MAX, CallLog, CallRecord

#: Characters of an error in the log: the traceback and the error itself have the rest.
_ENDED_MAX: Final = 100
#: How often somebody who follows looks whether to stop.
_LOOK_S: Final = 0.5
#: Calls that wait for somebody who follows: as many as a log has.
_WAITING_MAX: Final = CALLS_KEPT_MAX


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which calls to show: those of one function, or of one module; those that failed."""

    path: str | None = None
    only_errors: bool = False

    def __call__(self, record: CallRecord) -> bool:
        if self.only_errors and record.error is None:
            return False
        return self.path is None or record.path == self.path or record.path.partition(":")[0] == self.path


def newest(log: CallLog, wanted: Wanted, limit: int) -> list[CallRecord]:
    """The newest calls that are wanted, by the time when they began."""
    records = list(islice(filter(wanted, reversed(list(log))), max(1, limit)))
    # The log has them in the order in which they ended; the time that is shown is that of their beginning.
    return sorted(records, key=lambda record: record.started_ms)


def follow(log: CallLog, wanted: Wanted, *, first: int, is_over: Callable[[], bool]) -> Iterator[CallRecord]:
    """The newest calls, `first` at most, and then each wanted call as it ends, until `is_over`; each of them once.

    Calls that end far faster than they are taken are left out.
    """
    ended: Queue[CallRecord] = Queue(_WAITING_MAX)

    def put(record: CallRecord) -> None:
        with suppress(Full):
            ended.put_nowait(record)

    # Before the newest are looked at: a call that ends meanwhile is in both, and none is in neither.
    stop = log.listen(put)
    try:
        shown = newest(log, wanted, first) if first > 0 else []
        yield from shown
        while not is_over():
            try:
                record = ended.get(timeout=_LOOK_S)
            except Empty:
                continue
            if wanted(record) and not any(record is each for each in shown):
                yield record
    finally:
        stop()


def ended_text(record: CallRecord, masked: Callable[[str], str]) -> str:
    """How a call ended, in one line: `ok`, or its error."""
    if record.error is None:
        return "ok"
    text = masked(f"{type(record.error).__name__}: {record.error}".splitlines()[0])
    return text if len(text) <= _ENDED_MAX else f"{text[: _ENDED_MAX - 1]}…"


def time_text(record: CallRecord) -> str:
    """When a call began, as a clock on the wall says it."""
    return f"{datetime.fromtimestamp(record.started_ms / 1e3).astimezone():%H:%M:%S}"


def path_text(record: CallRecord) -> str:
    """Which function was called; a query that ran for its live views is marked."""
    return f"{record.path} (live)" if record.source == "live" else record.path


def call_text(record: CallRecord, masked: Callable[[str], str]) -> str:
    """A call as lines of text: what it was, how it ended, and below that what it printed."""
    head = (
        f"{time_text(record)}  {record.kind} {path_text(record)}  {record.duration_ms:.1f} ms  "
        f"{ended_text(record, masked)}  [{record.request_id}]"
    )
    return "\n".join([head, *(f"  {line}" for line in record.lines)])
