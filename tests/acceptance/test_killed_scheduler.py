"""kill -9 at random moments while functions are scheduled and run: mutations ran exactly once, actions at most once."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import nbconvex
from tests.acceptance.killed_scheduler import declare
from tests.database.snapshot_checks import check_consistent

ROOT = Path(__file__).parents[2]


def killed_run(path: Path, outside: Path, rng: random.Random) -> int:
    """The newest plan that was acknowledged before the kill."""
    command = [sys.executable, "-m", "tests.acceptance.killed_scheduler", str(path), str(outside)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first, "it planned something"
        time.sleep(rng.random() * 0.4)
        process.kill()
        lines = (first + process.stdout.read()).split(b"\n")[:-1]
        assert process.wait() == -signal.SIGKILL, "it ran until it was killed"
    return max(map(int, lines))


def documents(backend: nbconvex.Backend, table: str) -> Counter[int]:
    found = backend.database.snapshot.table(table)
    if found is None:
        return Counter()
    transaction = backend.database.begin(writable=False)
    transaction.metrics.documents_read_max = transaction.metrics.read_bytes_max = 1 << 62
    return Counter(int(each["n"]) for each in transaction.query(table).collect())


def check(backend: nbconvex.Backend, outside: Path, acknowledged: int) -> Counter[str]:
    """What is there when everything has run; how the jobs ended, by function."""
    check_consistent(backend.database.snapshot)
    assert (backend.scheduler.count("pending"), backend.scheduler.count("inProgress")) == (0, 0)
    planned = documents(backend, "planned")
    assert set(planned.values()) == {1}
    assert [*sorted(planned)] == [*range(len(planned))]
    assert acknowledged in planned, "what was acknowledged is there"
    assert documents(backend, "counted") == planned, "each mutation ran exactly once"
    begun = Counter(outside.read_text().splitlines())
    acted, ends = documents(backend, "acted"), Counter[str]()
    by_target: dict[str, dict[int, dict[str, Any]]] = {}
    for job in backend.scheduler.documents():
        ends[f"{job['name']} {job['state']['kind']}"] += 1
        by_target.setdefault(job["name"], {})[int(job["args"][0]["n"])] = job
    for n in planned:
        assert begun[f"act {n}"] <= 1, "an action ran at most once"
        assert acted[n] <= begun[f"act {n}"]
        state = by_target["main:act"][n]["state"]
        if state["kind"] == "success":
            assert acted[n] == 1
        else:
            assert state["error"].startswith("Transient error"), state
        assert by_target["main:safe"][n]["state"]["kind"] == "success", "what may be repeated was, until it succeeded"
        assert begun[f"safe {n}"] >= 1
    return ends


@pytest.mark.timeout(3600)
@pytest.mark.case("scheduler/mutation_not_rerun_after_commit", "scheduler/action_at_most_once")
def test_killed_scheduler_keeps_its_guarantees(tmp_path, is_long, capsys):
    path, outside, rng = tmp_path / "app.duckdb", tmp_path / "begun.txt", random.Random(5)
    rounds = 100 if is_long else 10
    acknowledged, recovered, ends = -1, 0, Counter[str]()
    for round_ in range(rounds):
        acknowledged = max(acknowledged, killed_run(path, outside, rng))
        if round_ % 2 == 0 and round_ < rounds - 1:
            # The next run recovers what this one left.
            continue
        with nbconvex.open(path) as backend:
            recovered += backend.scheduler.count("pending") + backend.scheduler.count("inProgress")
            declare(backend, outside)
            until = time.monotonic() + 60
            while not backend.scheduler.settle(10) or backend.scheduler.count():
                assert time.monotonic() < until, "everything that was promised runs"
            ends = check(backend, outside, acknowledged)
    assert recovered, "some kills came before everything had run"
    with capsys.disabled():
        if is_long:
            print(f"\n{rounds} kills, {acknowledged + 1:,} plans, {recovered:,} jobs recovered: {dict(ends)}")
