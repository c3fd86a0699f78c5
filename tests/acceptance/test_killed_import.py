"""kill -9 at random moments of imports: the rows of one round are there, all of them and no others."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import nbconvex
from tests.acceptance.killed_import import SIZES
from tests.database.snapshot_checks import check_consistent
from tests.services.transfer.stores import bare

ROOT = Path(__file__).parents[2]


def killed_run(path: Path, rng: random.Random) -> int:
    """The newest round that was acknowledged before the kill; 0 if there was none in this run."""
    command = [sys.executable, "-m", "tests.acceptance.killed_import", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(rng.random() * 1.5)
        process.kill()
        lines = process.stdout.read().split(b"\n")[:-1]
        assert process.wait() == -signal.SIGKILL, "it ran until it was killed"
    return int(lines[-1]) if lines else 0


@pytest.mark.timeout(3600)
def test_a_killed_import_is_whole_or_nothing(tmp_path, is_long) -> None:
    path, rng = tmp_path / "app.duckdb", random.Random(7)
    acknowledged = 0
    for round_ in range(60 if is_long else 4):
        acknowledged = max(acknowledged, killed_run(path, rng))
        with nbconvex.open(path) as backend:
            check_consistent(backend.database.snapshot)
            rows = bare(backend, "t")
            rounds = {row["round"] for row in rows}
            assert len(rounds) <= 1, f"kill {round_}: rows of rounds {rounds}"
            newest = int(rounds.pop()) if rounds else 0
            assert acknowledged <= newest <= acknowledged + 1, (
                f"kill {round_}: {acknowledged} was told, {newest} is there"
            )
            assert [row["number"] for row in rows] == list(range(SIZES[newest % len(SIZES)] if newest else 0))
            beside = [row["number"] for row in bare(backend, "beside")]
            assert not beside or set(beside) == set(range(1, max(beside) + 1)), "no mutation between is lost"
            acknowledged = newest
