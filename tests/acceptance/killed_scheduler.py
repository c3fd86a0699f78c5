"""A program that schedules functions and runs them until it is killed.

Each plan promises a mutation and two actions, due within a few milliseconds, and is told on stdout once it is durable.
The mutation writes a document. The first action writes a line to a file outside of the store when it begins, and a
document through a mutation when it ends. The second is scheduled with retries, and does the same.
"""

from __future__ import annotations

import os
import random
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import nbconvex
from nbconvex.storage import duckdb

#: Small, so that a kill also meets commits on their way into the DuckDB file.
BUSY = partial(duckdb.ApplySettings, pending_bytes=40_000, age_s=0.05)
#: Plans that may be waiting before the program waits too.
WAITING_MAX = 60


def declare(backend: nbconvex.Backend, outside: Path) -> None:
    rng = random.Random()
    begun = os.open(outside, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    backend.on_close(lambda: os.close(begun))

    @backend.mutation(internal=True)
    def plan(ctx: Any, n: int) -> None:
        ctx.db.insert("planned", {"n": n})
        for target, retry in (("main:count", None), ("main:act", None), ("main:safe", 1_000)):
            args = {"n": n}
            ctx.scheduler.run_after(ctx.random.random() * 20, target, args, retry=retry)

    @backend.mutation(internal=True)
    def count(ctx: Any, n: int) -> None:
        ctx.db.insert("counted", {"n": n})

    @backend.mutation(internal=True)
    def done(ctx: Any, table: str, n: int) -> None:
        ctx.db.insert(table, {"n": n})

    @backend.action(internal=True)
    def act(ctx: Any, n: int) -> None:
        os.write(begun, b"act %d\n" % n)
        time.sleep(rng.random() * 0.005)
        ctx.run_mutation("main:done", table="acted", n=n)

    @backend.action(internal=True)
    async def safe(ctx: Any, n: int) -> None:
        os.write(begun, b"safe %d\n" % n)
        await ctx.run_mutation("main:done", table="saved", n=n)

    @backend.query(internal=True)
    def newest(ctx: Any) -> int:
        last = ctx.db.query("planned").order("desc").first()
        return -1 if last is None else int(last["n"])


def main(path: str, outside: str) -> None:
    duckdb.ApplySettings = BUSY  # type: ignore[assignment, misc] - the product has no option for it
    backend = nbconvex.open(path)
    declare(backend, Path(outside))
    n = backend.run("main:newest") + 1
    while True:
        backend.run("main:plan", {"n": n})
        os.write(1, b"%d\n" % n)
        n += 1
        while backend.scheduler.count() > WAITING_MAX:
            time.sleep(0.001)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
