"""kill -9 at random moments: every acknowledged commit is there, whole and in order, and nothing else."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nbconvex.storage.duckdb import DuckdbPersistence
from nbconvex.storage.persistence import Commit
from tests.acceptance.killed_writer import commit_at
from tests.storage.persistence_suite import fold, taken

ROOT = Path(__file__).parents[2]


def killed_run(path: Path, seconds: float) -> int:
    """The last commit that a writer acknowledged before it was killed."""
    command = [sys.executable, "-m", "tests.acceptance.killed_writer", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(seconds)
        process.kill()
        lines = first + process.stdout.read()
    whole = lines[: lines.rfind(b"\n")]
    return int(whole.split(b"\n")[-1])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kill -9 is a thing of POSIX")
@pytest.mark.timeout(1200)
def test_a_killed_writer_loses_nothing_it_acknowledged(tmp_path, is_long):
    path, rng = tmp_path / "app.duckdb", random.Random(4)
    log: list[Commit] = []
    for round_ in range(200 if is_long else 10):
        acknowledged = killed_run(path, rng.random() * 0.4)
        store = DuckdbPersistence.open(path)
        head, documents = taken(store.load())
        log += [commit_at(ts) for ts in range(len(log) + 1, head + 1)]
        assert head >= acknowledged > 0, round_
        assert documents == fold(log), round_
        if round_ % 3 == 2:
            store.close()
            assert not path.with_name(path.name + ".journal").exists()
        else:
            store._journal.close()  # the next writer finds the journal as the killed one left it
