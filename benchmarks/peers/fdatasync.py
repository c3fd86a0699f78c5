"""No database: 200 bytes into a preallocated file and an fdatasync. The floor under every durable commit."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from benchmarks.peers.contract import Peer

_FRAME = b"x" * 200
_FILE_BYTES = 64 * 1024 * 1024


class BareSync(Peer):
    name = "bare fdatasync"

    def version(self) -> str:
        return os.uname().release

    def open(self, folder: Path) -> None:
        self._fd = os.open(folder / "bare", os.O_RDWR | os.O_CREAT)
        os.posix_fallocate(self._fd, 0, _FILE_BYTES)
        # Written once, so that no later sync has to turn a reserved block into a written one.
        for _ in range(_FILE_BYTES >> 20):
            os.write(self._fd, bytes(1 << 20))
        os.fsync(self._fd)
        self._at = 0
        self._written = 0

    def insert(self, document: dict[str, Any]) -> int:
        os.pwrite(self._fd, _FRAME, self._at)
        os.fdatasync(self._fd)
        self._at = (self._at + len(_FRAME)) % (_FILE_BYTES - len(_FRAME))
        self._written += 1
        return self._written

    def count(self) -> int:
        return self._written

    def close(self) -> None:
        os.close(self._fd)
