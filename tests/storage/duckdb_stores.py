"""DuckDB stores for tests: opened with nothing in the background, abandoned as by a kill, held by another process."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from nbconvex.storage.duckdb import ApplySettings, DuckdbPersistence
from tests.storage.persistence_suite import taken

#: Nothing moves by itself.
BY_HAND = ApplySettings(pending_bytes=1 << 60, age_s=1e6)


def opened(path: Path, **settings) -> DuckdbPersistence:
    return DuckdbPersistence.open(path, **{"apply": BY_HAND, **settings})


def loaded(path: Path, **settings) -> DuckdbPersistence:
    store = opened(path, **settings)
    taken(store.load())
    return store


def abandon(store: DuckdbPersistence) -> None:
    """What a killed process leaves: the files as they are, and no lock."""
    store._closing.set()
    store._due.set()
    if store._worker is not None:
        store._worker.join()
    store._close_reader()
    store._journal.close()


def contents(path: Path) -> tuple[int, dict]:
    store = opened(path)
    try:
        return taken(store.load())
    finally:
        abandon(store)


def eventually(condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + 20
    while not condition() and time.monotonic() < until:
        time.sleep(0.01)
    return condition()


@contextmanager
def child(code: str, *args: object) -> Iterator[subprocess.Popen[str]]:
    """Another process that has said a line, and ends with the block."""
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, args)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().strip() == "ready"
        try:
            yield process
        finally:
            process.kill()


HOLD = """
    import sys
    from nbconvex.storage.duckdb import DuckdbPersistence
    store = DuckdbPersistence.open(sys.argv[1])
    store.load()
    print("ready", flush=True)
    sys.stdin.read()
"""
