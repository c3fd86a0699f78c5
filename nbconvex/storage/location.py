"""What a path means: which persistence keeps a store, and how much of it may be in memory.

Owns:  `persistence_at`, `memory_budget`.
Must not know: what is kept.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from nbconvex.errors import CallerError, StoragePathError
from nbconvex.limits import UNLIMITED
from nbconvex.storage.memory import MemoryPersistence

if TYPE_CHECKING:
    from nbconvex.clock import Clock
    from nbconvex.storage.persistence import Persistence

IN_MEMORY = ":memory:"
#: What part of the machine's memory one backend may fill by default. Source: performance.md 2.5.
_MEMORY_SHARE = 4


def persistence_at(path: str | os.PathLike[str], *, clock: Clock) -> Persistence:
    """The persistence that keeps the store at `path`.

    Raises:  StorageError; CallerError for an address that no persistence can open.
    """
    text = os.fspath(path)
    if text == IN_MEMORY:
        return MemoryPersistence()
    if not text.strip():
        raise StoragePathError("the path of the store is empty: name a file, as app.duckdb, or write :memory:.")
    scheme = text.partition("://")[0] if "://" in text else ""
    if scheme:
        raise CallerError(
            f"{scheme}:// is no store that this build of nbconvex can open: a DuckDB file, or memory.",
            hint='nbconvex.open("app.duckdb")   or   nbconvex.open(":memory:")',
        )
    # Imported when a file is opened: a backend in memory must not need DuckDB.
    from nbconvex.storage.duckdb import DuckdbPersistence

    return DuckdbPersistence.open(text, clock=clock)


def memory_budget() -> int:
    """What documents and indexes may take by default: a share of the machine's memory, or of the container's."""
    try:
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return UNLIMITED
    try:
        container = int(Path("/sys/fs/cgroup/memory.max").read_text())
    except (OSError, ValueError):
        container = machine
    return min(machine, container) // _MEMORY_SHARE
