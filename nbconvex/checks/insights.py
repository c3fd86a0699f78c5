"""How functions fare: calls, errors, cache hits, latency, and how they find their documents.

Owns:  `FunctionStats`, `ReadStats`; both from the call log and the plan log.
Must not know: how a table is shown.
Units:  latencies in milliseconds. A percentile is the smallest latency that so many percent of calls did not exceed.
Limits:  the call log has the newest 1,000 calls; what is counted is among them.
Threads: the caller's.
Source: semantics 12.1 (insights), 12.2 (functions page), 14 row 5.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from nbconvex.checks.indexes import DROPPED_SHARE, SCANNED_NOTED

if TYPE_CHECKING:
    from nbconvex.backend import Backend
    from nbconvex.functions.logs import CallRecord

_MEDIAN, _SLOW = 0.5, 0.95
_PERCENT: Final = 100


@dataclass
class FunctionStats:
    """The calls of one function that the log remembers."""

    path: str
    kind: str
    calls: int = 0
    errors: int = 0
    cache_hits: int = 0
    newest_error: CallRecord | None = None
    durations_ms: list[float] = field(default_factory=list)
    #: What is remarkable about how it reads, in a few words.
    remarks: tuple[str, ...] = ()

    @property
    def p50_ms(self) -> float:
        """What half of the calls did not exceed."""
        return percentile(self.durations_ms, _MEDIAN)

    @property
    def p95_ms(self) -> float:
        """What 95 of 100 calls did not exceed."""
        return percentile(self.durations_ms, _SLOW)


@dataclass(frozen=True, slots=True)
class ReadStats:
    """One way in which a function reads a table. `index` is empty for a full scan; counts may be unknown."""

    path: str
    table: str
    index: str
    fields: tuple[str, ...] = ()
    queries: int | None = None
    looked_at: int | None = None
    given: int | None = None

    @property
    def remark(self) -> str:
        """What is remarkable, in a few words; nothing where nothing is."""
        if self.looked_at is None or self.given is None or self.queries is None or not self.looked_at:
            return ""
        dropped = 1 - self.given / self.looked_at
        parts = []
        is_costly = self.looked_at >= SCANNED_NOTED * self.queries
        if not self.index and is_costly:
            parts.append(f"full scan of {self.table}")
        if dropped > DROPPED_SHARE and is_costly:
            # Down, so that 100 % means that nothing was left.
            parts.append(f"filter drops {math.floor(dropped * _PERCENT)}%")
        return ", ".join(parts)


def percentile(values: list[float], share: float) -> float:
    """The smallest of `values` that at least `share` of them do not exceed; 0 for none."""
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)] if ordered else 0.0


def function_stats(backend: Backend, wanted: str | None = None) -> list[FunctionStats]:
    """The functions that were called or have a remark, those with errors first, then the slowest in all.

    `wanted` is a function's path, or a module.
    """
    found: dict[str, FunctionStats] = {}
    for record in backend.logs:
        if not _is_of(record.path, wanted):
            continue
        stats = found.setdefault(record.path, FunctionStats(record.path, record.kind))
        stats.calls += 1
        stats.durations_ms.append(record.duration_ms)
        stats.cache_hits += record.is_cached
        if record.error is not None:
            stats.errors += 1
            stats.newest_error = record
    for stats in found.values():
        stats.remarks = tuple(each.remark for each in read_stats(backend, stats.path) if each.remark)
    return sorted(found.values(), key=lambda each: (-each.errors, -sum(each.durations_ms), each.path))


def read_stats(backend: Backend, wanted: str) -> list[ReadStats]:
    """How a function, or those of a module, read: each table and index, with what filters cost where there were any."""
    return [
        each
        for path, _ in sorted(backend.registry.functions.items())
        if _is_of(path.removesuffix(":default"), wanted)
        for each in _reads_of(backend, path)
    ]


def _reads_of(backend: Backend, path: str) -> Iterator[ReadStats]:
    definition = backend.registry.get(path)
    plans, snapshot = backend.runner.plans, backend.database.snapshot
    counted = set()
    for key, (queries, looked_at, given) in plans.scans(path, definition).items():
        yield ReadStats(path, key.table, key.by, key.fields, queries, looked_at, given)
        counted.add((key.table, key.by or "by_creation_time"))
    for number, index in sorted(plans.of(path, definition).indexes):
        table = snapshot.table_name(number)
        if table is not None and not table.startswith("_") and (table, index) not in counted:
            yield ReadStats(path, table, index)


def _is_of(path: str, wanted: str | None) -> bool:
    return wanted is None or path == wanted or path.partition(":")[0] == wanted
