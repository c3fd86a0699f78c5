"""A program that runs a migration until it is done, or killed.

Each visit of a document adds one to its field `visits` and writes a document of its own. Progress is told on stdout,
batch by batch, once it is durable. Meanwhile another thread keeps changing the first document.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from functools import partial
from typing import Any

import nbconvex
from nbconvex.storage import duckdb

#: Small, so that a kill also meets commits on their way into the DuckDB file.
BUSY = partial(duckdb.ApplySettings, pending_bytes=20_000, age_s=0.02)
DOCUMENTS = 400
BATCH = 5


def declare(backend: nbconvex.Backend) -> None:
    @backend.migration(table="users", name="visit", batch_size=BATCH)
    def visit(ctx: Any, doc: dict[str, Any]) -> dict[str, Any]:
        ctx.db.insert("visits", {"user": doc["_id"]})
        return {"visits": doc.get("visits", 0) + 1}

    @backend.mutation(name="touch")
    def touch(ctx: Any) -> None:
        first = ctx.db.query("users").first()
        ctx.db.patch(first["_id"], {"touched": first.get("touched", 0) + 1})

    @backend.mutation(name="fill")
    def fill(ctx: Any) -> None:
        for n in range(DOCUMENTS):
            ctx.db.insert("users", {"n": n})


def told(status: Any) -> None:
    os.write(1, f"{status.visited}\n".encode())
    time.sleep(0.002)


def touch_for_ever(backend: nbconvex.Backend) -> None:
    while not backend.is_closed:
        try:
            backend.run("main:touch")
        except nbconvex.NbconvexError:
            return
        time.sleep(0.001)


def main(path: str) -> None:
    duckdb.ApplySettings = BUSY  # type: ignore[assignment, misc] - the product has no option for it
    with nbconvex.open(path) as backend:
        declare(backend)
        threading.Thread(target=touch_for_ever, args=(backend,), daemon=True).start()
        backend.migrations.run("visit", on_progress=told)
    os.write(1, b"done\n")


if __name__ == "__main__":
    main(sys.argv[1])
