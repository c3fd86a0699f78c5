"""kill -9 at random moments while a migration runs: each document is visited exactly once."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import nbconvex
from tests.acceptance.killed_migration import BATCH, DOCUMENTS, declare
from tests.database.snapshot_checks import check_consistent

ROOT = Path(__file__).parents[2]


def killed_run(path: Path, rng: random.Random) -> tuple[int, bool]:
    """What was told last before the kill, and whether the migration was done before it."""
    command = [sys.executable, "-m", "tests.acceptance.killed_migration", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        assert lines[0], "it has begun"
        time.sleep(rng.random() * 0.15)
        process.kill()
        lines += process.stdout.read().split(b"\n")
        process.wait()
    whole = [line.strip() for line in lines if line.strip()]
    is_done = whole[-1] == b"done"
    return max((int(line) for line in whole if line != b"done"), default=DOCUMENTS), is_done


def collected(backend: nbconvex.Backend, table: str) -> list[dict[str, Any]]:
    if table not in backend.database.snapshot.numbers:
        return []
    return list(backend.database.begin(writable=False).query(table).collect())


@pytest.mark.timeout(600)
@pytest.mark.case("helpers/migration_resume")
def test_killed_migration_visits_each_document_exactly_once(tmp_path, is_long):
    rng = random.Random(6)
    kills_in_the_middle = 0
    for round_ in range(20 if is_long else 1):
        path = tmp_path / f"app{round_}.duckdb"
        with nbconvex.open(path) as backend:
            declare(backend)
            backend.run("main:fill")
        told = 0
        for _ in range(60):
            at, is_done = killed_run(path, rng)
            assert at >= told, "what was told to be done stays so"
            told = at
            with nbconvex.open(path) as backend:
                check_consistent(backend.database.snapshot)
                status = backend.migrations.status("visit")
                users = collected(backend, "users")
                visited = [each for each in users if "visits" in each]
                assert {each["visits"] for each in visited} <= {1}
                assert len(visited) == status.visited >= told
                assert sorted(each["user"] for each in collected(backend, "visits")) == sorted(
                    each["_id"] for each in visited
                )
                assert status.state == ("done" if status.visited == DOCUMENTS else "stopped")
                kills_in_the_middle += 0 < status.visited < DOCUMENTS
            if is_done:
                break
        assert is_done, "it comes to its end however often it is killed"
        assert status.batches >= DOCUMENTS / BATCH
    assert kills_in_the_middle, "some kills came in the middle"
