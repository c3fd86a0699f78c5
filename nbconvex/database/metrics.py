"""What one transaction has used of its limits.

Owns:  `TransactionMetrics`: the counters, their limits, the errors when they are reached.
Must not know: what is being counted for.
Invariants: reads are charged for every document scanned, before any filter; writes of a rolled-back sub-transaction are
given back. Source: semantics 1.9, 1.4.
Threads: belongs to one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from nbconvex.errors import CallerError, LimitExceededError
from nbconvex.limits import Limits

#: What a transaction may be limited in: the wire's name and ours. Source: semantics 1.2 (transaction metrics).
METRICS: Mapping[str, str] = {
    "bytesRead": "read_bytes",
    "documentsRead": "documents_read",
    "databaseQueries": "database_queries",
    "bytesWritten": "written_bytes",
    "documentsWritten": "documents_written",
    "functionsScheduled": "functions_scheduled",
    "scheduledFunctionArgsBytes": "scheduled_arguments_bytes",
}
_WIRE_NAMES = {name: wire for wire, name in METRICS.items()}
_PROBLEMS = {
    "read_bytes": ("Read too much data in one function run", "Take fewer documents, paginate, or use an index range."),
    "documents_read": (
        "Scanned too many documents in one function run",
        "Documents that a filter drops count too: use .with_index(...), .take(n) or .paginate(...).",
    ),
    "database_queries": (
        "Too many index ranges read in one function run",
        "Each db.get and each db.query counts one: read a range at once instead of one document at a time.",
    ),
    "written_bytes": ("Wrote too much data in one function run", "Split the work over several mutations."),
    "documents_written": ("Wrote too many documents in one function run", "Split the work over several mutations."),
    "functions_scheduled": ("Scheduled too many functions in one function run", "Schedule one that schedules more."),
    "scheduled_arguments_bytes": (
        "Scheduled functions with too many bytes of arguments",
        "Store the data and pass its id.",
    ),
}
_WRITTEN = ("written_bytes", "documents_written", "functions_scheduled", "scheduled_arguments_bytes")


class TransactionMetrics:
    """Counters of one transaction; each name of `METRICS` is an attribute, its limit has `_max` behind it."""

    __slots__ = (
        "database_queries", "database_queries_max", "documents_read", "documents_read_max", "documents_written",
        "documents_written_max", "functions_scheduled", "functions_scheduled_max", "last_read_bytes",
        "read_bytes", "read_bytes_max",
        "scheduled_arguments_bytes", "scheduled_arguments_bytes_max", "written_bytes", "written_bytes_max",
    )  # fmt: skip

    def __init__(self, limits: Limits) -> None:
        self.read_bytes = self.documents_read = self.database_queries = self.last_read_bytes = 0
        self.written_bytes = self.documents_written = 0
        self.functions_scheduled = self.scheduled_arguments_bytes = 0
        self.read_bytes_max = limits.read_bytes
        self.documents_read_max = limits.documents_read
        self.database_queries_max = limits.database_queries
        self.written_bytes_max = limits.written_bytes
        self.documents_written_max = limits.documents_written
        self.functions_scheduled_max = limits.functions_scheduled
        self.scheduled_arguments_bytes_max = limits.scheduled_arguments_bytes

    def charge_query(self) -> None:
        """Count one index range."""
        self.database_queries += 1
        if self.database_queries > self.database_queries_max:
            self._refuse("database_queries")

    def charge_read(self, documents: int, size_bytes: int) -> None:
        """Count documents that were scanned."""
        self.documents_read += documents
        self.read_bytes += size_bytes
        self.last_read_bytes = size_bytes
        if self.documents_read > self.documents_read_max:
            self._refuse("documents_read")
        if self.read_bytes > self.read_bytes_max:
            self._refuse("read_bytes")

    def charge_write(self, size_bytes: int) -> None:
        """Count one document written."""
        self.documents_written += 1
        self.written_bytes += size_bytes
        if self.documents_written > self.documents_written_max:
            self._refuse("documents_written")
        if self.written_bytes > self.written_bytes_max:
            self._refuse("written_bytes")

    def charge_scheduled(self, arguments_bytes: int) -> None:
        """Count one function scheduled."""
        self.functions_scheduled += 1
        self.scheduled_arguments_bytes += arguments_bytes
        if self.functions_scheduled > self.functions_scheduled_max:
            self._refuse("functions_scheduled")
        if self.scheduled_arguments_bytes > self.scheduled_arguments_bytes_max:
            self._refuse("scheduled_arguments_bytes")

    def _refuse(self, name: str) -> None:
        problem, cure = _PROBLEMS[name]
        maximum = getattr(self, f"{name}_max")
        raise LimitExceededError(name, problem, maximum=maximum, actual=getattr(self, name), cure=cure)

    def written(self) -> tuple[int, ...]:
        """The counters that a rollback gives back."""
        return tuple(getattr(self, name) for name in _WRITTEN)

    def restore_written(self, written: tuple[int, ...]) -> None:
        """Give back what was written since `written` was taken."""
        for name, value in zip(_WRITTEN, written, strict=True):
            setattr(self, name, value)

    @contextmanager
    def limited(self, limits: Mapping[str, int] | None) -> Iterator[None]:
        """Lower the limits inside: each is what is used now plus the number given, never above the one in force.

        Shapes:  `limits` by wire name (`documentsRead`) or ours (`documents_read`).
        Raises:  CallerError for an unknown name.
        """
        if not limits:
            yield
            return
        lowered = {METRICS.get(given, given): allowed for given, allowed in limits.items()}
        unknown = next((given for given in limits if METRICS.get(given, given) not in _WIRE_NAMES), None)
        if unknown is not None:
            known = ", ".join(_WIRE_NAMES)
            raise CallerError(f"transaction_limits has no limit {unknown!r}. The limits are: {known}.")
        outer: dict[str, int] = {}
        for name, allowed in lowered.items():
            attribute = f"{name}_max"
            outer[attribute] = getattr(self, attribute)
            setattr(self, attribute, min(outer[attribute], getattr(self, name) + int(allowed)))
        try:
            yield
        finally:
            for attribute, maximum in outer.items():
                setattr(self, attribute, maximum)

    def report(self) -> dict[str, dict[str, int]]:
        """Each metric by its wire name, with what is used and what remains."""
        return {
            wire: {"used": getattr(self, name), "remaining": max(getattr(self, f"{name}_max") - getattr(self, name), 0)}
            for wire, name in METRICS.items()
        }

    @property
    def is_near_limit(self) -> bool:
        """Whether `near_limits` may have something to say. Asked after every run."""
        return bool(
            self.database_queries
            and (
                self.documents_read * 5 > self.documents_read_max * 4
                or self.read_bytes * 5 > self.read_bytes_max * 4
                or self.database_queries * 5 > self.database_queries_max * 4
            )
        ) or bool(
            self.documents_written
            and (
                self.documents_written * 5 > self.documents_written_max * 4
                or self.written_bytes * 5 > self.written_bytes_max * 4
            )
        )

    def near_limits(self, share: float = 0.8) -> list[str]:
        """A sentence for each limit of which more than `share` is used."""
        used: Callable[[str], Any] = lambda name: getattr(self, name)  # noqa: E731 - a name for a getter
        return [
            f"{used(name):,} of {used(f'{name}_max'):,} {name} used in one function run"
            for name in _WIRE_NAMES
            if used(name) > share * used(f"{name}_max")
        ]
