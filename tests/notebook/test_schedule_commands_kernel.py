"""Schedules in a real kernel: restarts, and the notebook that teaches them."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.notebook.kernel_driver import Kernel

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(180)]

ROOT = Path(__file__).parents[2]
MAILS = """%%action mails --internal
async def welcome(ctx, name: str):
    await ctx.run_mutation(internal.users.mark, name=name)
"""
USERS = """%%mutation users
def mark(ctx, name: str):
    ctx.db.insert("welcomed", {"name": name})

def create(ctx, name: str, delay: float):
    ctx.scheduler.run_after(delay, internal.mails.welcome, name=name)
"""
SEEN = "%%query users\ndef seen(ctx) -> list:\n    return [each['name'] for each in ctx.db.query('welcomed')]\n"


def eventually(condition) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_action_that_a_mutation_scheduled_survives_a_restart(kernel: Kernel) -> None:
    kernel.run("%load_ext nbconvex")
    for cell in (USERS, MAILS, SEEN):
        kernel.run(cell)
    kernel.run("users.create(name='Ada', delay=1_000)")
    kernel.restart()
    time.sleep(1.2)
    kernel.run("%load_ext nbconvex")
    kernel.run(USERS)
    kernel.run(SEEN)
    assert "run a %%act" in kernel.run("%convex jobs --static").text
    assert kernel.run("users.seen()").text == "[]"
    kernel.run(MAILS)
    eventually(lambda: kernel.run("users.seen()").text == "['Ada']")
    assert "success" in kernel.run("%convex jobs --static").text


def test_cron_cell_survives_a_restart_and_ends_with_its_cell(kernel: Kernel) -> None:
    cron = '%%cron "mark Ada" --every 1s\nusers.mark(name="Ada")'
    kernel.run("%load_ext nbconvex")
    kernel.run(USERS)
    kernel.run(SEEN)
    kernel.run(cron, cell_id="cron-cell")
    eventually(lambda: "'Ada', 'Ada'" in kernel.run("users.seen()").text)
    kernel.restart()
    kernel.run("%load_ext nbconvex")
    kernel.run(SEEN)
    before = kernel.run("len(users.seen())").text
    kernel.run(USERS)
    eventually(lambda: int(kernel.run("len(users.seen())").text) > int(before) + 1)
    [told] = kernel.run("1 + 1", cell_id="cron-cell").displays
    assert "gone: cron mark Ada" in told["text/plain"]
    assert "No crons." in kernel.run("%convex crons").text


def test_notebook_about_scheduling_runs_headless() -> None:
    command = [sys.executable, "notebooks/execute.py", "notebooks/06-scheduling.ipynb"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "none failed" in done.stdout
