"""kill -9 at random moments of the whole product: every acknowledged mutation is there, no partial one."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

import nbconvex
from nbconvex.database.loading import load_snapshot
from nbconvex.storage.duckdb import DuckdbPersistence
from tests.acceptance.killed_backend import COROUTINES, THREADS, body_of, numbers_left
from tests.database.snapshot_checks import check_consistent, contents

ROOT = Path(__file__).parents[2]
WRITERS = range(THREADS + COROUTINES)
#: Of so many rounds, one kills while the store is being closed, and the last leaves the check to the next.
CYCLE = 3


def killed_run(path: Path, rng: random.Random, *, while_closing: bool) -> dict[int, int]:
    """The newest mutation that each writer acknowledged before the kill."""
    command = [sys.executable, "-m", "tests.acceptance.killed_backend", str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(rng.random() * 0.5)
        if while_closing:
            process.stdin.write(b"\n")
            process.stdin.flush()
            while first and not first.endswith(b"closing\n"):
                first += process.stdout.readline()
            time.sleep(rng.random() * 0.15)
        process.kill()
        lines = (first + process.stdout.read()).split(b"\n")[:-1]
        assert process.wait() == -signal.SIGKILL, "it ran until it was killed"
    return dict(map(int, line.split()) for line in lines if line[:1].isdigit())


def check(backend: nbconvex.Backend, acknowledged: Counter[int], round_: int, runs: int) -> None:
    """What is there is what some run of mutations one after another has left, the acknowledged ones included."""
    snapshot = backend.database.snapshot
    check_consistent(snapshot)
    transaction = backend.database.begin(writable=False)
    transaction.metrics.documents_read_max = transaction.metrics.read_bytes_max = 1 << 62
    counts = {int(each["writer"]): int(each["count"]) for each in transaction.query("counters").collect()}
    expected = {(writer, number) for writer, count in counts.items() for number in numbers_left(count)}
    for side in ("left", "right"):
        found = {(int(each["writer"]), int(each["number"])): each["body"] for each in transaction.query(side).collect()}
        assert found.keys() == expected, f"round {round_}: {side} has what the counters say"
        assert all(body == body_of(*key) for key, body in found.items()), f"round {round_}: {side} has it whole"
    for writer in WRITERS:
        count = counts.get(writer, 0)
        assert count >= acknowledged[writer], f"round {round_}: writer {writer} was told {acknowledged[writer]}"
        # What was under way may have arrived: one mutation a writer and a run.
        assert count <= acknowledged[writer] + runs, f"round {round_}: writer {writer} did {count}"
        acknowledged[writer] = count


@pytest.mark.timeout(3600)
def test_a_killed_backend_keeps_every_acknowledged_mutation(tmp_path, is_long):
    """Rounds on one file. One in three is followed by another before anybody looks, so that what a run recovers has
    been recovered before.
    """
    path, rng = tmp_path / "app.duckdb", random.Random(2)
    journal = path.with_name(path.name + ".journal")
    acknowledged: Counter[int] = Counter()
    rounds, runs = 200 if is_long else 10, 0
    for round_ in range(rounds):
        newest = killed_run(path, rng, while_closing=round_ % CYCLE == 1)
        assert newest, "somebody wrote"
        acknowledged |= Counter(newest)
        runs += 1
        if round_ % CYCLE == CYCLE - 1 and round_ < rounds - 1:
            continue
        with nbconvex.open(path) as backend:
            check(backend, acknowledged, round_, runs)
            before, runs = contents(backend.database.snapshot), 0
        assert not journal.exists(), "after a clean close the one file is everything"
        if round_ % 4 == 0:
            store = DuckdbPersistence.open(path)
            assert contents(load_snapshot(store)) == before, "rebuilt equals live"
            store.close()
