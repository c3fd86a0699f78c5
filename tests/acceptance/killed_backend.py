"""A program that uses the whole product until it is killed: mutations from threads and from an event loop.

Each writer counts on from where the store says it was. Its mutation writes two documents that agree, its counter, and
now and then deletes an older pair, so that what a writer has left follows from its counter alone. A line on stdout says
that a mutation has returned. A line on stdin asks the program to close the store.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from functools import partial
from typing import Any

import nbconvex
from nbconvex.errors import ConflictError, StorageError
from nbconvex.storage import duckdb

THREADS = 4
COROUTINES = 4
#: Small, so that commits move into the DuckDB file all the time, and a kill meets every part of that.
BUSY = partial(duckdb.ApplySettings, pending_bytes=40_000, age_s=0.05)


def body_of(writer: int, number: int) -> str:
    return f"{writer}:{number} " * (1 + number * 37 % 100)


def numbers_left(count: int) -> list[int]:
    """The numbers whose pairs are there after a writer's mutation number `count`: each fifth deletes the third last."""
    deleted = {number - 3 for number in range(5, count + 1, 5)}
    return [number for number in range(1, count + 1) if number not in deleted]


def declare(backend: nbconvex.Backend) -> None:
    table, v = nbconvex.table, nbconvex.v
    half = table({"writer": v.number(), "number": v.number(), "body": v.string()})
    half = half.index("by_writer", ["writer", "number"])
    counters = table({"writer": v.number(), "count": v.number()}).index("by_writer", ["writer"])
    backend.push_schema(nbconvex.define_schema({"left": half, "right": half, "counters": counters}))

    @backend.query
    def counted(ctx: Any, writer: int) -> int:
        counter = ctx.db.query("counters").with_index("by_writer", writer=writer).unique()
        return 0 if counter is None else int(counter["count"])

    @backend.mutation
    def write(ctx: Any, writer: int, number: int, body: str) -> None:
        for side in ("left", "right"):
            ctx.db.insert(side, {"writer": writer, "number": number, "body": body})
            if number % 5 == 0:
                old = ctx.db.query(side).with_index("by_writer", writer=writer, number=number - 3).unique()
                ctx.db.delete(old["_id"])
        counter = ctx.db.query("counters").with_index("by_writer", writer=writer).unique()
        if counter is None:
            ctx.db.insert("counters", {"writer": writer, "count": number})
        else:
            assert counter["count"] == number - 1, "a writer's mutations come one after another"
            ctx.db.patch(counter["_id"], {"count": number})


def acknowledge(writer: int, number: int) -> None:
    os.write(1, b"%d %d\n" % (writer, number))


def write_in_thread(backend: nbconvex.Backend, writer: int) -> None:
    number = backend.run_query("main:counted", {"writer": writer}) + 1
    while not backend.is_closed:
        try:
            backend.run_mutation("main:write", {"writer": writer, "number": number, "body": body_of(writer, number)})
        except ConflictError:
            continue
        except StorageError:
            return
        acknowledge(writer, number)
        number += 1


async def write_in_loop(backend: nbconvex.Backend, writer: int) -> None:
    number = await backend.run_query_async("main:counted", {"writer": writer}) + 1
    while not backend.is_closed:
        arguments = {"writer": writer, "number": number, "body": body_of(writer, number)}
        try:
            await backend.run_mutation_async("main:write", arguments)
        except ConflictError:
            continue
        except StorageError:
            return
        acknowledge(writer, number)
        number += 1


async def write_all_in_loop(backend: nbconvex.Backend) -> None:
    await asyncio.gather(*(write_in_loop(backend, THREADS + each) for each in range(COROUTINES)))


def main(path: str) -> None:
    duckdb.ApplySettings = BUSY  # type: ignore[assignment, misc] - the product has no option for it
    backend = nbconvex.open(path)
    declare(backend)
    for writer in range(THREADS):
        threading.Thread(target=write_in_thread, args=(backend, writer), daemon=True).start()
    threading.Thread(target=lambda: asyncio.run(write_all_in_loop(backend)), daemon=True).start()
    sys.stdin.readline()
    os.write(1, b"closing\n")
    backend.close()
    os.write(1, b"closed\n")
    time.sleep(60)


if __name__ == "__main__":
    main(sys.argv[1])
