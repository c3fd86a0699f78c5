"""What a workload asks of a peer, and how an adapter says that its peer cannot be had."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar


class PeerMissingError(Exception):
    """The peer cannot be measured on this machine; the message says why."""


class Peer:
    """One store behind one adapter.

    `durable` is a claim: an operation has been synced when it returns (`--check-durable` checks it with strace).
    `styles` says how many callers at once may call: "threads", "async" (coroutines on one loop), or both.
    """

    name: ClassVar[str] = ""
    durable: ClassVar[bool] = True
    styles: ClassVar[tuple[str, ...]] = ("threads",)

    def version(self) -> str:
        raise NotImplementedError

    def open(self, folder: Path) -> None:
        """Create or open the store in `folder`. Raises: PeerMissingError."""
        raise NotImplementedError

    def insert(self, document: dict[str, Any]) -> Any:
        """Store one document and its index entry; returns its key."""
        raise NotImplementedError

    def load(self, documents: Iterable[dict[str, Any]]) -> list[Any]:
        """Store many documents in as few commits as the peer likes; returns their keys. Not timed."""
        return [self.insert(document) for document in documents]

    def import_rows(self, path: str, source: str) -> dict[str, float]:
        """Store the rows of a Parquet file, durably, and say in how many seconds; `source` is "parquet", "arrow" for
        the same as an Arrow table that is in memory before, or "indexed" for a table that costs the peer more.
        Raises: PeerMissingError.
        """
        raise PeerMissingError("has no adapter for imports")

    def get(self, key: Any) -> Any:
        raise NotImplementedError

    def newest(self, channel: str) -> list[Any]:
        """The newest ten documents of a channel, newest first, by the index."""
        raise NotImplementedError

    def count(self) -> int:
        raise NotImplementedError

    def make_counter(self) -> Any:
        """A new counter at 0; returns its key."""
        raise NotImplementedError

    def add_one(self, key: Any) -> None:
        """Read the counter, write it back plus one, as one transaction."""
        raise NotImplementedError

    def counter_value(self, key: Any) -> int:
        raise NotImplementedError

    # Coroutines for the style "async". An embedded store without them does its work on the loop.

    async def connect_callers(self, callers: int) -> None:
        """Get ready for `callers` coroutines."""

    async def insert_async(self, caller: int, document: dict[str, Any]) -> None:
        self.insert(document)

    async def add_one_async(self, caller: int, key: Any) -> None:
        self.add_one(key)

    async def disconnect_callers(self) -> None:
        """Undo `connect_callers`."""

    def close(self) -> None:
        """Let go of everything."""
