"""What a full schedule costs, and what a burst of due jobs does to live queries: `python -m benchmarks.schedule`.

Prints two tables. Targets: with 100,000 jobs waiting, adding one and finding the next due stay under a millisecond;
while 1,000 jobs that came due at once are run, live queries go on being told.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbconvex
from nbconvex.backend import Backend
from nbconvex.clock import SystemClock
from nbconvex.functions.scheduling import Promise
from nbconvex.limits import Limits
from nbconvex.services.scheduler import jobs
from nbconvex.storage.memory import MemoryPersistence

WAITING = (0, 1_000, 10_000, 100_000)
CALLS = 500
DUE_AT_ONCE = 1_000
_YEAR_MS = 365 * 86_400_000.0


def declare(backend: Backend) -> None:
    backend.mutation(name="m:note", internal=True)(lambda ctx, n=0: ctx.db.insert("notes", {"n": n}))
    backend.mutation(name="m:beat", internal=True)(lambda ctx, n=0: ctx.db.insert("beats", {"n": n}))
    backend.mutation(name="m:plan", internal=True)(lambda ctx, ms: ctx.scheduler.run_after(ms, "m:note"))
    backend.action(name="m:act", internal=True)(lambda ctx, n=0: ctx.run_mutation("m:note", n=n))

    @backend.query(name="m:beats", internal=True)
    def beats(ctx: Any) -> int:
        last = ctx.db.query("beats").order("desc").first()
        return -1 if last is None else int(last["n"])


def fill(backend: Backend, count: int) -> None:
    now_ms = time.time() * 1e3
    for start in range(0, count, 5_000):
        tx = backend.database.begin(writable=True)
        tx.metrics.functions_scheduled_max = 1 << 62
        for n in range(start, min(start + 5_000, count)):
            # In an order that has nothing to do with when they are due.
            due_ms = now_ms + _YEAR_MS + (n * 7_919 % 1_000_003) * 1_000.0
            backend.runner.schedules.add(tx, Promise("m:note", {"n": n}, due_ms))
        backend.database.commit(tx)


def figures(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    return f"{statistics.median(ordered) * 1e6:>8,.0f} {ordered[int(len(ordered) * 0.99)] * 1e6:>8,.0f}"


def timed(call: Callable[[], Any], calls: int = CALLS) -> list[float]:
    spent = []
    for _ in range(calls):
        began = time.perf_counter()
        call()
        spent.append(time.perf_counter() - began)
    return spent


def full_schedule(folder: Path) -> None:
    print("jobs waiting     next due, µs        schedule one in a mutation, µs       the same in a file, µs")
    print("                  p50      p99              p50      p99                     p50      p99")
    for waiting in WAITING:
        rows = []
        memory = Backend(MemoryPersistence(), clock=SystemClock(), limits=Limits(), seed=1)
        file = nbconvex.open(folder / f"{waiting}.duckdb")
        for backend in (memory, file):
            declare(backend)
            fill(backend, waiting)
            spent, next_due = [], []
            for _ in range(CALLS):
                spent += timed(lambda b=backend: b.run("m:plan", {"ms": _YEAR_MS}), 1)
                # On a snapshot that nobody has looked at yet.
                next_due += timed(lambda b=backend: jobs.next_due_ms(b.database.snapshot), 1)
            rows.append((figures(next_due), figures(spent)))
            backend.close()
        print(f"{waiting:>12,} {rows[0][0]}         {rows[0][1]}                {rows[1][1]}")


def burst(folder: Path, target: str) -> None:
    with nbconvex.open(folder / f"burst-{target.partition(':')[2]}.duckdb") as backend:
        declare(backend)
        told: dict[int, float] = {}
        changed = threading.Event()

        def tell(update: Any) -> None:
            told[int(update.value)] = time.perf_counter()
            changed.set()

        subscription = backend.subscribe("m:beats", {}, tell)
        beat = 0

        def beats(until: Callable[[], bool]) -> list[float]:
            nonlocal beat
            spent = []
            while not until():
                beat += 1
                changed.clear()
                began = time.perf_counter()
                backend.run("m:beat", {"n": beat})
                while beat not in told:
                    changed.wait(1)
                    changed.clear()
                spent.append(told[beat] - began)
                time.sleep(0.005)
            return spent

        quiet = beats(lambda: beat >= 200)
        backend.scheduler.pause()
        for n in range(DUE_AT_ONCE):
            backend.scheduler.run_after(0, target, n=n)
        began = time.perf_counter()
        backend.scheduler.resume()
        busy = beats(lambda: backend.scheduler.count("success") >= DUE_AT_ONCE)
        spent = time.perf_counter() - began
        subscription.close()
        print(
            f"{target:>12} {spent:>8.2f} s {DUE_AT_ONCE / spent:>8,.0f}/s   {figures(quiet)}        {figures(busy)} "
            f"{max(busy) * 1e3:>8,.1f} ms  {len(busy):>5,}"
        )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        full_schedule(Path(folder))
        print()
        print(f"{DUE_AT_ONCE:,} due at once: insert until a live query is told, before and meanwhile")
        print("        jobs    drained in             p50      p99, µs      p50      p99, µs       worst   beats")
        for target in ("m:note", "m:act"):
            burst(Path(folder), target)


if __name__ == "__main__":
    main()
