"""A program that writes until it is killed: several threads, each commit acknowledged on stdout once it is durable.

What commit `ts` writes follows from `ts` alone, so that whoever looks at the file knows what should be in it.
"""

from __future__ import annotations

import os
import random
import sys
import threading

from nbconvex.storage.duckdb import ApplySettings, DuckdbPersistence
from nbconvex.storage.persistence import Commit, Revision

WRITERS = 4

#: Small, so that commits move into the DuckDB file all the time, and a kill meets every part of that.
BUSY = ApplySettings(pending_bytes=30_000, age_s=0.05)


def commit_at(ts: int) -> Commit:
    """Three documents that say the same, and now and then a deletion."""
    rng = random.Random(ts)
    numbers = rng.sample(range(200), 4)
    said = b"%d:" % ts + rng.randbytes(rng.choice((10, 200, 3000)))
    written = [Revision(10001 + number % 2, number.to_bytes(16, "big"), said) for number in numbers[:3]]
    gone = [Revision(10001 + numbers[3] % 2, numbers[3].to_bytes(16, "big"), None)] if ts % 5 == 0 else []
    return Commit(ts, (*written, *gone))


def write_forever(store: DuckdbPersistence, head: list[int], lock: threading.Lock, seed: int) -> None:
    rng = random.Random(seed)
    while True:
        with lock:
            before = head[0]
            batch = [commit_at(ts) for ts in range(before + 1, before + 1 + rng.randint(1, 4))]
            store.append(batch, before)
            head[0] = batch[-1].ts
            os.write(1, b"%d\n" % head[0])


def main(path: str) -> None:
    store = DuckdbPersistence.open(path, apply=BUSY)
    loaded = store.load()
    for _, rows in loaded.tables:
        list(rows)
    head, lock = [loaded.head], threading.Lock()
    threads = [threading.Thread(target=write_forever, args=(store, head, lock, seed)) for seed in range(WRITERS)]
    for thread in threads:
        thread.start()


if __name__ == "__main__":
    main(sys.argv[1])
