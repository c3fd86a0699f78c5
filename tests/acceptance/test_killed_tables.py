"""kill -9 while typed tables are written: they are derived, so whatever stands in the file is older, or mended."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb

import nbconvex

ROOT = Path(__file__).parents[2]


def killed(path: Path, rng: random.Random) -> None:
    command = [sys.executable, "-m", "tests.acceptance.killed_tables", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        time.sleep(rng.random() * 0.3)
        process.kill()
        assert process.wait() == -signal.SIGKILL


def in_file(path: Path, text: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(text).fetchall()


def test_tables_that_a_kill_left_behind_say_that_they_are_older_and_are_mended(tmp_path: Path, is_long: bool) -> None:
    path, rng = tmp_path / "app.duckdb", random.Random(3)
    for _ in range(60 if is_long else 3):
        killed(path, rng)
        # What any tool sees before nbconvex has looked at it: whole tables, and whether they are all there is.
        for name, count, is_current in in_file(
            path, "SELECT name, documents, is_current FROM nbconvex_log.typed_tables"
        ):
            assert in_file(path, f"SELECT count(*) FROM {name}") == [(count,)]
            there = in_file(
                path,
                "SELECT count(*) FROM nbconvex_log.documents WHERE table_number = "
                f"(SELECT table_number FROM nbconvex_log.projections WHERE name = '{name}')",
            )
            assert not is_current or there == [(count,)]
        with nbconvex.open(path) as backend:
            by_sql = backend.sql("SELECT n, half FROM declared ORDER BY n").fetchall()
            fields = backend.sql("SELECT n, f0, f1, f2 FROM loose ORDER BY n").fetchall()
        assert by_sql == [(float(n), n / 2) for n in range(len(by_sql))]
        assert in_file(path, "SELECT n, half FROM declared ORDER BY n") == by_sql
        assert in_file(path, "SELECT n, f0, f1, f2 FROM loose ORDER BY n") == fields
        assert in_file(path, "SELECT bool_and(is_current) FROM nbconvex_log.typed_tables") == [(True,)]
