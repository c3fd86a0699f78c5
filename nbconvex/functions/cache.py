"""Results of queries, kept until something they read is written.

Owns:  `QueryCache`.
Must not know: how a query is run.
Invariants: a result is given out only if no commit since it was computed touched what it read, if the functions it ran
are still the ones defined, and if the globals that these name are still the same objects. A result that drew random
numbers is not kept; one that read the clock is kept for seconds. Source: semantics 1.5, 4.
Threads: any; a lost race costs a run.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nbconvex.functions.closure import Closure, closure_of, is_unchanged
from nbconvex.functions.identity import Identity
from nbconvex.functions.result import encoded_result
from nbconvex.values.codec import decode_value, encode_value

if TYPE_CHECKING:
    from nbconvex.clock import Clock
    from nbconvex.database.database import Database
    from nbconvex.database.reads import ReadSet
    from nbconvex.functions.definition import FunctionDefinition
    from nbconvex.functions.registry import Registry
    from nbconvex.functions.run import Run

#: Results kept, and their bytes: enough for a session's views, little beside the data.
ENTRIES_MAX = 2_000
BYTES_MAX = 32 * 1024 * 1024
#: Commits that are looked through for a kept result; beyond, running the query again is as fast.
COMMITS_CHECKED_MAX = 64
#: How long a result that read the clock is good.
CLOCK_RESULT_S = 5.0

Key = tuple[str, bytes, bytes | None]


class _Entry:
    """One kept result."""

    __slots__ = ("closures", "definitions", "expires_s", "reads", "result", "ts")

    def __init__(
        self, result: bytes, ts: int, reads: ReadSet, definitions: tuple[FunctionDefinition, ...],
        closures: tuple[Closure, ...], expires_s: float | None,
    ) -> None:  # fmt: skip
        self.result = result
        self.ts = ts
        self.reads = reads
        self.definitions = definitions
        self.closures = closures
        self.expires_s = expires_s


class QueryCache:
    """The newest results of one backend's queries."""

    def __init__(self, database: Database, registry: Registry, clock: Clock) -> None:
        self._database = database
        self._registry = registry
        self._clock = clock
        self._entries: OrderedDict[Key, _Entry] = OrderedDict()
        #: Paths whose result depends on who asks, as far as is known.
        self._by_identity: set[str] = set()
        self._closures: dict[int, tuple[FunctionDefinition, Closure | None]] = {}
        self._bytes = 0
        self.hits = 0

    def key(self, path: str, args: dict[str, Any], identity: Identity | None) -> Key:
        """What a result is kept under."""
        who = identity.key if identity is not None and path in self._by_identity else None
        return path, encode_value(args) if args else b"", who

    def find(self, key: Key, missing: Any) -> tuple[Any, int]:
        """The kept result and its timestamp if it still holds, else `missing`."""
        entry = self._entries.get(key)
        if entry is None:
            return missing, 0
        if not self._holds(entry):
            self._drop(key)
            return missing, 0
        self.hits += 1
        return decode_value(entry.result), entry.ts

    def _holds(self, entry: _Entry) -> bool:
        head = self._database.head
        if entry.expires_s is not None and self._clock.monotonic_s() > entry.expires_s:
            return False
        get = self._registry.get
        for definition in entry.definitions:
            if get(definition.path) is not definition:
                return False
        for closure in entry.closures:
            if not is_unchanged(closure):
                return False
        if head == entry.ts:
            return True
        records = self._database.write_log.since(entry.ts, head)
        if records is None or len(records) > COMMITS_CHECKED_MAX:
            return False
        for record in records:
            if entry.reads.overlaps(record):
                return False
        entry.ts = head
        return True

    def keep(self, key: Key, run: Run, value: Any) -> None:
        """Keep the result of `run`, if it may be."""
        if run.random_read or run.tx is None:
            return
        path, args, who = key
        if run.identity_read:
            self._by_identity.add(path)
            who = run.identity.key if run.identity is not None else None
        definitions = (run.definition, *(run.definitions or ()))
        closures = []
        for definition in definitions:
            closure = self._closure(definition)
            if closure is None:
                return
            closures.append(closure)
        result = encoded_result(run, value)
        if len(result) > BYTES_MAX // 8:
            return
        expires_s = self._clock.monotonic_s() + CLOCK_RESULT_S if run.clock_read else None
        self._database.note_fields(run.tx.reads)
        self._drop((path, args, who))
        self._entries[path, args, who] = _Entry(result, run.ts, run.tx.reads, definitions, tuple(closures), expires_s)
        self._bytes += len(result)
        while len(self._entries) > ENTRIES_MAX or self._bytes > BYTES_MAX:
            self._drop(next(iter(self._entries)))

    def _closure(self, definition: FunctionDefinition) -> Closure | None:
        """The function's closure, anew where a global was bound anew; None where its results cannot be kept."""
        handler: Callable[..., Any] = definition.handler
        known = self._closures.get(id(handler))
        if known is not None and known[0] is definition and (known[1] is None or is_unchanged(known[1])):
            return known[1]
        closure = closure_of(handler)
        if len(self._closures) > ENTRIES_MAX:
            self._closures.clear()
        self._closures[id(handler)] = (definition, closure)
        return closure

    def _drop(self, key: Key) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= len(entry.result)

    def clear(self) -> None:
        """Forget everything: the schema or the store has changed under all of it."""
        self._entries.clear()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._entries)
