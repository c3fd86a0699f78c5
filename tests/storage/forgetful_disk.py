"""A file system in memory that does to unsynced writes what a loss of power may do.

Only files whose name ends in ".journal" live here; the rest (DuckDB keeps its own file) goes to the real disk.
"""

from __future__ import annotations

import errno
import os
import random
from dataclasses import dataclass, field
from pathlib import Path

from nbconvex.storage.files import Disk

SECTOR = 512


class PowerCut(BaseException):
    """The machine stops here: nothing in the program may handle this."""


@dataclass
class Inode:
    """A file: what survives for certain, and what was written since."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes] | int] = field(default_factory=list)  # a write, or a truncation to a size
    locked_by: int | None = None

    def content(self) -> bytearray:
        return apply(bytearray(self.durable), self.pending)


def apply(content: bytearray, writes: list[tuple[int, bytes] | int]) -> bytearray:
    """Carry out writes, in order and in place."""
    for write in writes:
        if isinstance(write, int):
            del content[write:]
        else:
            offset, data = write
            content.extend(bytes(max(0, offset - len(content))))
            content[offset : offset + len(data)] = data
    return content


class ForgetfulDisk:
    """Counts what is asked of it, fails or stops where it is told to, and shows what a crash may leave."""

    def __init__(self) -> None:
        self._disk = Disk()
        self.names: dict[Path, Inode] = {}
        self.durable_names: dict[Path, Inode] = {}
        self._open: dict[int, Inode] = {}
        self._cache: dict[int, bytearray] = {}
        self.operations: list[str] = []
        self.stop_at: int | None = None
        self.failures: dict[str, int] = {}  # operation -> errno, from now on

    # What the journal asks for ---------------------------------------------------------------------------------------

    def open(self, path: Path, *, create: bool) -> int:
        self._step("open")
        if path not in self.names:
            if not create:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            self.names[path] = Inode()
        file = 1000 + len(self._open)
        self._open[file] = self.names[path]
        return file

    def close(self, file: int) -> None:
        if self._open[file].locked_by == file:
            self._open[file].locked_by = None

    def lock(self, file: int) -> bool:
        inode = self._open[file]
        inode.locked_by = inode.locked_by or file
        return inode.locked_by == file

    def is_at(self, file: int, path: Path) -> bool:
        return self.names.get(path) is self._open[file]

    def size(self, file: int) -> int:
        return len(self._content(file))

    def read(self, file: int, offset: int, length: int) -> bytes:
        return bytes(memoryview(self._content(file))[offset : offset + length])

    def write(self, file: int, offset: int, data: bytes) -> None:
        self._step("write")
        inode, content = self._open[file], self._content(file)
        inode.pending.append((offset, data))
        content.extend(bytes(max(0, offset - len(content))))
        content[offset : offset + len(data)] = data

    def sync(self, file: int) -> None:
        self._step("sync")
        self._make_durable(file)

    def write_durably(self, file: int, offset: int, data: bytes) -> None:
        self.write(file, offset, data)
        self._step("sync")
        self._make_durable(file, last=1)

    def allocate(self, file: int, offset: int, length: int) -> None:
        self._step("allocate")
        content = self._content(file)
        content[offset:] = bytes(length)
        self._open[file].pending.append((offset, bytes(length)))
        self._step("allocated")
        self._make_durable(file)

    def truncate(self, file: int, size: int) -> None:
        self._step("truncate")
        del self._content(file)[size:]
        self._open[file].pending.append(size)

    def rename(self, old: Path, new: Path) -> None:
        self._step("rename")
        self._disk.rename(old, new)

    def remove(self, path: Path) -> None:
        self._step("remove")
        self._disk.remove(path)

    def discard(self, file: int, path: Path) -> None:
        self._step("discard")
        self.names.pop(path, None)
        self.close(file)

    def sync_folder(self, path: Path) -> None:
        self._step("sync_folder")
        self.durable_names = dict(self.names)

    # What a test asks for --------------------------------------------------------------------------------------------

    def after_crash(self, rng: random.Random, mode: str) -> ForgetfulDisk:
        """A disk as it may be found after the crash.

        `forget`: only what was synced; `keep`: everything, as when only the process died; `tear`: the last write is
        cut at some byte; `reorder`: any of the unsynced sectors, in any combination.
        """
        survivor = ForgetfulDisk()
        names = self.names if mode == "keep" else dict(self.durable_names)
        if mode in {"tear", "reorder"} and rng.random() < 0.5:
            names = self.names  # a name that nobody synced may be there or not
        for path, inode in names.items():
            survivor.names[path] = Inode(_left(inode, rng, mode))
        survivor.durable_names = dict(survivor.names)
        return survivor

    def inode(self, path: Path) -> Inode:
        return self.names[path]

    def reset_cache(self) -> None:
        """To be called after a test has changed an inode behind our back."""
        self._cache.clear()

    def _content(self, file: int) -> bytearray:
        if file not in self._cache:
            self._cache[file] = self._open[file].content()
        return self._cache[file]

    def _make_durable(self, file: int, last: int = 0) -> None:
        """What is written is durable from here on: all of it, or the `last` few writes."""
        inode = self._open[file]
        apply(inode.durable, inode.pending[-last:])
        del inode.pending[-last:]

    def _step(self, operation: str) -> None:
        if self.stop_at is not None and len(self.operations) >= self.stop_at:
            raise PowerCut(operation)
        self.operations.append(operation)
        if operation in self.failures:
            number = self.failures[operation]
            raise OSError(number, os.strerror(number))


def _left(inode: Inode, rng: random.Random, mode: str) -> bytearray:
    if mode == "forget":
        return bytearray(inode.durable)
    if mode == "keep":
        return inode.content()
    if mode == "tear":
        kept = inode.pending[: rng.randint(0, len(inode.pending))]
        if kept and isinstance(kept[-1], tuple):
            offset, data = kept[-1]
            kept[-1] = (offset, data[: rng.randint(0, len(data))])
        return apply(bytearray(inode.durable), kept)
    sectors = [piece for write in inode.pending for piece in _sectors(write)]
    return apply(bytearray(inode.durable), [piece for piece in sectors if rng.random() < 0.5])


def _sectors(write: tuple[int, bytes] | int) -> list[tuple[int, bytes] | int]:
    """A write as the drive sees it: pieces that end where sectors end."""
    if isinstance(write, int):
        return [write]
    offset, data = write
    ends = [*range(SECTOR - offset % SECTOR, len(data), SECTOR), len(data)]
    return [(offset + begin, data[begin:end]) for begin, end in zip([0, *ends], ends, strict=False)]
