"""The child's side: one peer in one process, told over standard input what to measure (`children.Child` talks to it).

Each line in is a JSON object with "do" and that command's parameters; each line out is {"ok": …}, {"missing": why} or
{"failed": what}. `peers/node/worker.mjs` is the same in JavaScript.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import random
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from benchmarks.catalogue import load_adapter
from benchmarks.document import CHANNELS, channel_name, make_document, make_documents
from benchmarks.peers.contract import Peer, PeerMissingError
from benchmarks.spread import summary_of

_PAGE_BYTES = os.sysconf("SC_PAGESIZE")


def resident_mb(pids: list[int]) -> float:
    """Resident memory of these processes together, in MB (10⁶ bytes)."""
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return pages * _PAGE_BYTES / 1e6


def resident_kb() -> float:
    """Resident memory of this process, in kB (10³ bytes)."""
    gc.collect()
    return resident_mb([os.getpid()]) * 1000


class Worker:
    """One peer and what has been stored in it."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self._keys: list[Any] = []
        self._channels = CHANNELS
        self._next = 0
        self._acknowledged = 0
        self._random = random.Random(1)

    def do_open(self, folder: str) -> dict[str, Any]:
        self.peer.open(Path(folder))
        return {"version": self.peer.version(), "durable": self.peer.durable, "styles": list(self.peer.styles)}

    def do_first_answer(self, folder: str) -> dict[str, Any]:
        """Seconds from opening a full store until its first range has been answered."""
        started = time.perf_counter()
        self.peer.open(Path(folder))
        assert len(self.peer.newest(channel_name(1))) == 10
        return {"seconds": time.perf_counter() - started, "version": self.peer.version()}

    def do_load(self, documents: int, channels: int = CHANNELS, forget: bool = False) -> float:  # noqa: FBT001, FBT002
        """Seconds that storing `documents` documents took. With `forget` their keys are not kept for reads."""
        self._channels = channels
        started = time.perf_counter()
        made = self.peer.load(make_documents(documents, self._next, channels))
        if not forget:
            self._keys += made
        self._next += documents
        self._acknowledged += documents
        return time.perf_counter() - started

    def do_insert(self, seconds: float, at_most: int) -> dict[str, float]:
        samples: list[int] = []
        now, insert, deadline = time.perf_counter_ns, self.peer.insert, time.perf_counter() + seconds
        while len(samples) < at_most and time.perf_counter() < deadline:
            document = make_document(self._next, self._channels)
            self._next += 1
            started = now()
            insert(document)
            samples.append(now() - started)
        self._acknowledged += len(samples)
        return summary_of(samples)

    def do_get(self, calls: int) -> dict[str, float]:
        keys = self._random.choices(self._keys, k=calls)
        if hasattr(self.peer, "time_gets"):
            return summary_of(self.peer.time_gets(keys))
        return self._time_each(self.peer.get, keys)

    def do_newest(self, calls: int) -> dict[str, float]:
        channels = [channel_name(self._random.randrange(self._channels)) for _ in range(calls)]
        if hasattr(self.peer, "time_newest"):
            return summary_of(self.peer.time_newest(channels))
        found = self.peer.newest(channels[0])
        assert len(found) == 10
        assert found[0]["channel"] == channels[0]
        return self._time_each(self.peer.newest, channels)

    def _time_each(self, call: Any, arguments: list[Any]) -> dict[str, float]:
        samples, now = [], time.perf_counter_ns
        for argument in arguments:
            started = now()
            call(argument)
            samples.append(now() - started)
        return summary_of(samples)

    def do_callers(self, style: str, callers: int, seconds: float) -> dict[str, float]:
        """Inserts a second by `callers` callers at once."""
        starts = [self._next + caller * 10_000_000 for caller in range(callers)]
        self._next += 1
        if style == "threads":
            done, took = self._in_threads(
                callers, seconds, lambda caller, turn: self.peer.insert(make_document(starts[caller] + turn))
            )
        else:
            done, took = self._on_a_loop(
                callers, seconds,
                lambda caller, turn: self.peer.insert_async(caller, make_document(starts[caller] + turn)),
            )  # fmt: skip
        self._acknowledged += sum(done)
        return {"per_second": sum(done) / took}

    def do_counters(self, style: str, callers: int, seconds: float, contended: bool) -> dict[str, float]:  # noqa: FBT001
        """Increments a second; `lost` counts acknowledged increments that the counters do not show."""
        shared = self.peer.make_counter() if contended else None
        counters = [shared if contended else self.peer.make_counter() for _ in range(callers)]
        if style == "threads":
            done, took = self._in_threads(callers, seconds, lambda caller, _: self.peer.add_one(counters[caller]))
        else:
            done, took = self._on_a_loop(
                callers, seconds, lambda caller, _: self.peer.add_one_async(caller, counters[caller])
            )
        distinct = [shared] if contended else counters
        kept = sum(self.peer.counter_value(counter) for counter in distinct)
        return {"per_second": sum(done) / took, "lost": sum(done) - kept}

    def _in_threads(self, callers: int, seconds: float, call: Any) -> tuple[list[int], float]:
        done = [0] * callers
        problems: list[BaseException] = []
        gate = threading.Barrier(callers + 1)

        def run(caller: int) -> None:
            gate.wait()
            deadline = time.perf_counter() + seconds
            try:
                while time.perf_counter() < deadline:
                    call(caller, done[caller])
                    done[caller] += 1
            except BaseException as problem:
                problems.append(problem)

        threads = [threading.Thread(target=run, args=(caller,)) for caller in range(callers)]
        for thread in threads:
            thread.start()
        gate.wait()
        started = time.perf_counter()
        for thread in threads:
            thread.join()
        if problems:
            raise problems[0]
        return done, time.perf_counter() - started

    def _on_a_loop(self, callers: int, seconds: float, call: Any) -> tuple[list[int], float]:
        done = [0] * callers

        async def run(caller: int, deadline: float) -> None:
            while time.perf_counter() < deadline:
                await call(caller, done[caller])
                done[caller] += 1
                if not done[caller] & 15:
                    await asyncio.sleep(0)  # where the peer never yields, the other callers get their turn too

        async def run_all() -> float:
            await self.peer.connect_callers(callers)
            started = time.perf_counter()
            await asyncio.gather(*(run(caller, started + seconds) for caller in range(callers)))
            took = time.perf_counter() - started
            await self.peer.disconnect_callers()
            return took

        return done, asyncio.run(run_all())

    def do_count(self) -> dict[str, int]:
        besides = getattr(self.peer, "inserted_besides", 0)
        return {"stored": self.peer.count(), "acknowledged": self._acknowledged + besides}

    def do_memory(self) -> float:
        gc.collect()
        return resident_mb([os.getpid(), *getattr(self.peer, "server_pids", list)()])

    def do_close(self) -> None:
        self.peer.close()

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        command = request.pop("do")
        try:
            work = getattr(self, f"do_{command}", None) or getattr(self.peer, command)
            return {"ok": work(**request)}
        except PeerMissingError as problem:
            return {"missing": str(problem)}
        except Exception as problem:
            traceback.print_exc()
            return {"failed": f"{type(problem).__name__}: {problem}"}


def main() -> None:
    # Standard output belongs to the protocol; what a library prints goes to standard error.
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    worker = Worker(load_adapter(sys.argv[1]))
    for line in sys.stdin:
        request = json.loads(line)
        out.write(json.dumps(worker.answer(request)) + "\n")
        if request.get("do") == "close":
            break


if __name__ == "__main__":
    main()
