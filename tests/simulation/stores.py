"""What the simulated database stands on, and what a crash leaves of it."""

from __future__ import annotations

import errno
import random
from pathlib import Path
from typing import Protocol

from nbconvex.storage.duckdb import DuckdbPersistence
from nbconvex.storage.memory import MemoryPersistence
from nbconvex.storage.persistence import Persistence
from tests.storage.faulty import Fault, FaultyPersistence
from tests.storage.forgetful_disk import ForgetfulDisk

CRASHES = ("forget", "keep", "tear", "reorder")


class SimulatedStore(Protocol):
    """A place that outlives the process."""

    def open(self) -> Persistence:
        """A new process opens it. May raise PowerCut."""

    def crash(self) -> None:
        """The process is gone, or the machine."""

    def forbode(self) -> None:
        """Something will go wrong soon."""

    def rebuilt(self) -> Persistence | None:
        """The store as another process would find it now, without disturbing it; None where that costs too much."""


class LogInMemory:
    """Keeps what was appended, and breaks off in the middle of a batch."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._log = _Kept()
        self._faults: list[Fault | None] = []

    def open(self) -> Persistence:
        self._faults.clear()
        return FaultyPersistence(self._log, self._drawn_faults())

    def _drawn_faults(self):
        while True:
            yield self._faults.pop() if self._faults else None

    def crash(self) -> None:
        pass

    def forbode(self) -> None:
        self._faults.append(self._rng.choice(list(Fault)))

    def rebuilt(self) -> Persistence:
        return self._log


class _Kept(MemoryPersistence):
    """Outlives the process that closes it."""

    def close(self, finish=None) -> None:
        pass


class FileWithJournal:
    """The product's own store; its journal is on a disk that forgets, tears and reorders what was not synced."""

    def __init__(self, rng: random.Random, folder: Path) -> None:
        self._rng = rng
        self._disk = ForgetfulDisk()
        folder.mkdir()
        self._path = folder / "app.duckdb"

    def open(self) -> Persistence:
        if self._rng.random() < 0.1:
            self._disk.stop_at = len(self._disk.operations) + self._rng.randint(0, 8)
        persistence = _WithoutThread.open(self._path, files=self._disk)
        self._disk.stop_at = None
        return persistence

    def crash(self) -> None:
        self._disk = self._disk.after_crash(self._rng, self._rng.choice(CRASHES))

    def forbode(self) -> None:
        if self._rng.random() < 0.7:
            self._disk.stop_at = len(self._disk.operations) + self._rng.randint(0, 6)
        else:
            self._disk.failures[self._rng.choice(["write", "sync"])] = self._rng.choice([errno.ENOSPC, errno.EIO])

    def rebuilt(self) -> Persistence | None:
        if self._path.exists():  # reading a DuckDB file takes some 20 ms
            return None
        return _WithoutThread.open(self._path, files=self._disk.after_crash(random.Random(0), "keep"))


class _WithoutThread(DuckdbPersistence):
    """Moves commits into the file when a step of the simulation says so, and never by itself."""

    def _start_worker(self) -> None:
        pass
