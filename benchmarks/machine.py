"""What the figures were taken on: versions, and a probe of the machine beside each round."""

from __future__ import annotations

import os
import platform
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

_LOOP = 200_000


class Probe:
    """How fast the machine is right now: an fdatasync of 200 bytes, and a fixed loop."""

    def __init__(self, folder: Path) -> None:
        self._fd = os.open(folder / "probe", os.O_RDWR | os.O_CREAT)
        os.pwrite(self._fd, bytes(1 << 20), 0)
        os.fsync(self._fd)
        self.rounds: list[dict[str, float]] = []

    def take(self) -> dict[str, float]:
        """Measure once and remember it; about 50 ms."""
        syncs = []
        for place in range(100):
            started = time.perf_counter_ns()
            os.pwrite(self._fd, b"x" * 200, place * 200)
            os.fdatasync(self._fd)
            syncs.append(time.perf_counter_ns() - started)
        started = time.perf_counter_ns()
        total = 0
        for number in range(_LOOP):
            total += number & 7
        taken = {"fdatasync_us": median(syncs) / 1000, "loop_ms": (time.perf_counter_ns() - started) / 1e6}
        self.rounds.append(taken)
        return taken

    def close(self) -> None:
        os.close(self._fd)


def describe_machine() -> dict[str, str | int]:
    """Facts that belong beside every figure; no names of hosts or folders."""
    facts: dict[str, str | int] = {
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": os.cpu_count() or 0,
        "memory_gb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 10**9,
        "python": platform.python_version(),
    }
    for package in ("nbconvex", "duckdb", "pyarrow", "msgspec", "ipykernel", "ipywidgets"):
        try:
            facts[package] = version(package)
        except PackageNotFoundError:
            facts[package] = "not installed as a package"
    return facts


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
