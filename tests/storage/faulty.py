"""A store that fails when it is told to: for tests of what stands above it."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Sequence

from nbconvex.errors import HeadMovedError, StorageFailedError
from nbconvex.storage.persistence import Commit, Finish, Loaded, Persistence


class Fault(enum.Enum):
    """What happens to one append."""

    BEFORE = "nothing is written"
    PARTLY = "the first half of the batch is written"
    AFTER = "everything is written, and nobody hears of it"
    MOVED = "somebody else has appended; the store goes on"


class FaultyPersistence:
    """`inner`, with one of `faults` drawn for each append, None for none; when they run out, all goes well.

    After a fault every append is refused, as the port says. What survived is `inner`: `reopened()` looks at it again.
    """

    def __init__(self, inner: Persistence, faults: Iterable[Fault | None] = ()) -> None:
        self.inner = inner
        self._faults: Iterator[Fault | None] = iter(faults)
        self._has_failed = False

    @property
    def name(self) -> str:
        return f"faulty {self.inner.name}"

    def reopened(self, faults: Iterable[Fault | None] = ()) -> FaultyPersistence:
        """The same store after a restart."""
        return FaultyPersistence(self.inner, faults)

    def load(self) -> Loaded:
        return self.inner.load()

    def append(self, commits: Sequence[Commit], expected_head: int) -> None:
        if self._has_failed:
            raise StorageFailedError(f"{self.name}: an earlier append failed; open the store again.")
        fault = next(self._faults, None)
        if fault is Fault.MOVED:
            raise HeadMovedError(expected_head)
        if fault is None:
            self.inner.append(commits, expected_head)
            return
        self._has_failed = True
        written = {Fault.BEFORE: 0, Fault.PARTLY: len(commits) // 2, Fault.AFTER: len(commits)}[fault]
        if written:
            self.inner.append(commits[:written], expected_head)
        raise StorageFailedError(f"{self.name}: {fault.value}; open the store again.")

    def changes(self, since: int) -> list[Commit]:
        return self.inner.changes(since)

    def wait_for_change(self, timeout_s: float) -> bool:
        return self.inner.wait_for_change(timeout_s)

    def trim(self, before: int) -> None:
        self.inner.trim(before)

    def get_global(self, key: str) -> bytes | None:
        return self.inner.get_global(key)

    def put_global(self, key: str, value: bytes) -> None:
        self.inner.put_global(key, value)

    def checkpoint(self, finish: Finish | None = None) -> None:
        self.inner.checkpoint(finish)

    def size_bytes(self) -> int:
        return self.inner.size_bytes()

    def close(self, finish: Finish | None = None) -> None:
        self.inner.close(finish)
