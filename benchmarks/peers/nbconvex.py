"""nbconvex through its public API, as a plain Python program uses it: validators on, one DuckDB file, durable."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.document import channel_name, make_document
from benchmarks.peers.contract import Peer, PeerMissingError
from benchmarks.peers.nbconvex_functions import define_functions, now
from benchmarks.peers.nbconvex_sockets import SocketSide
from benchmarks.spread import summary_of

_PART = 100
_GETS_PER_CALL = 100
_PATIENCE_S = 20.0


class Nbconvex(SocketSide, Peer):
    name = "nbconvex"
    styles = ("async", "threads")

    backend: Any = None

    def __init__(self) -> None:
        self._keys: list[str] = []
        #: Inserts that the worker did not ask for one by one, and therefore does not count itself.
        self.inserted_besides = 0
        self._salt = itertools.count()
        self._subscriptions: list[Any] = []

    def version(self) -> str:
        import nbconvex

        return str(nbconvex.__version__)

    def open(self, folder: Path) -> None:
        try:
            import nbconvex
        except ImportError as error:
            raise PeerMissingError(f"does not import yet: {error}") from None
        if not hasattr(nbconvex, "open"):
            raise PeerMissingError("has no nbconvex.open yet")
        self.backend = nbconvex.open(str(folder / "bench.duckdb"))
        self.handlers = define_functions(self.backend)
        self.api: Any = self.backend.api.main

    def insert(self, document: dict[str, Any]) -> Any:
        return self.api.send(**document)

    def load(self, documents: Iterable[dict[str, Any]]) -> list[str]:
        made: list[str] = []
        remaining = iter(documents)
        while part := list(itertools.islice(remaining, _PART)):
            made += self.api.send_many(documents=part)
        return made

    def import_rows(self, path: str, source: str) -> dict[str, float]:
        import pyarrow.parquet as pq

        rows = pq.read_table(path) if source == "arrow" else path
        started = time.perf_counter()
        report = self.backend.import_data(rows, "messages")
        seconds = time.perf_counter() - started
        found = len(self.backend.database.snapshot.table("messages").documents)
        assert report.documents == found
        return {"seconds": seconds, "rows": found}

    def get(self, key: str) -> Any:
        return self.api.get(id=key)

    def newest(self, channel: str) -> Any:
        return self.api.newest(channel=channel)

    def count(self) -> int:
        total, cursor = 0, None
        while True:
            page = self.api.count_page(cursor=cursor)
            total += page["found"]
            cursor = page["cursor"]
            if page["done"]:
                return int(total)

    def make_counter(self) -> Any:
        return self.api.make_counter()

    def add_one(self, key: str) -> None:
        self.api.add_one(id=key)

    def counter_value(self, key: str) -> int:
        return int(self.api.value(id=key))

    async def insert_async(self, caller: int, document: dict[str, Any]) -> None:
        await self.backend.run_mutation_async("main:send", document)

    async def add_one_async(self, caller: int, key: str) -> None:
        await self.backend.run_mutation_async("main:add_one", {"id": key})

    # W4, W5: what one database call takes inside a query.

    def time_gets(self, keys: list[str]) -> list[int]:
        return self._inside(self.api.time_gets, "ids", keys)

    def time_newest(self, channels: list[str]) -> list[int]:
        return self._inside(self.api.time_newest, "channels", channels)

    def _inside(self, function: Any, parameter: str, values: list[str]) -> list[int]:
        samples = self.handlers.samples
        samples.clear()
        for start in range(0, len(values), _GETS_PER_CALL):
            # The salt keeps the query cache from answering.
            function(**{parameter: values[start : start + _GETS_PER_CALL]}, salt=next(self._salt))
        return list(samples)

    def import_everything(self) -> None:
        """Import what an open backend has imported, so that only its data is counted as growth."""
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            other = Nbconvex()
            other.open(Path(folder))
            other.load([make_document(0)])
            other.close()

    # W4, W15: whole calls, each with arguments that no call before had, so that none is answered from the cache.

    def load_for_gets(self, documents: int) -> None:
        self._keys = self.load(make_document(number) for number in range(documents))
        self.inserted_besides += documents

    def whole_get(self, calls: int) -> dict[str, float]:
        get, samples = self.api.get, []
        for _ in range(calls):
            key = self._keys[next(self._salt) % len(self._keys)]
            started = now()
            get(id=key)
            samples.append(now() - started)
        return summary_of(samples)

    def empty(self, calls: int, cached: bool) -> dict[str, float]:  # noqa: FBT001
        samples = []
        function = self.api.empty if cached else self.api.empty_salted
        for _ in range(calls):
            arguments = {} if cached else {"salt": next(self._salt)}
            started = now()
            function(**arguments)
            samples.append(now() - started)
        return summary_of(samples)

    # W6: one of many live queries is touched.

    def watch(self, channels: int) -> float:
        """Seconds until every one of `channels` channels has a live query with its first result."""
        self._watched = channels
        self._expected = ""
        self._seen_at = 0
        self._seen = threading.Event()
        started = time.perf_counter()
        first = threading.Semaphore(0)
        told = set()

        def tell(update: Any) -> None:
            arrived = now()
            rows = update.value
            if rows and rows[0]["body"] == self._expected:
                self._seen_at = arrived
                self._seen.set()
            if rows and rows[0]["channel"] not in told:
                told.add(rows[0]["channel"])
                first.release()

        for number in range(channels):
            arguments = {"channel": channel_name(number)}
            self._subscriptions.append(self.backend.subscribe("main:newest", arguments, tell))
        for _ in range(channels):
            if not first.acquire(timeout=_PATIENCE_S):
                raise TimeoutError("a live query has no first result")
        return time.perf_counter() - started

    def insert_until_seen(self, calls: int) -> dict[str, float]:
        samples = []
        for turn in range(calls):
            document = make_document(900_000_000 + next(self._salt) * 7, self._watched)
            self._seen.clear()
            self._expected = document["body"]
            started = now()
            self.insert(document)
            self.inserted_besides += 1
            if not self._seen.wait(_PATIENCE_S):
                raise TimeoutError(f"insert {turn} never reached its live query")
            samples.append(self._seen_at - started)
        return summary_of(samples)

    # W7: many subscribers of one query.

    def subscribe_all(self, subscribers: int) -> None:
        self._expected = ""
        self._missing = 0
        self._all_told = threading.Event()

        def tell(update: Any) -> None:
            rows = update.value
            if rows and rows[0]["body"] == self._expected:
                self._missing -= 1
                if not self._missing:
                    self._seen_at = now()
                    self._all_told.set()

        arguments = {"channel": channel_name(0)}
        for _ in range(subscribers):
            self._subscriptions.append(self.backend.subscribe("main:newest", arguments, tell))
        self._watched = 1

    def insert_until_all_told(self, calls: int) -> dict[str, float]:
        samples = []
        executions = self.handlers.newest_runs
        for turn in range(calls):
            document = make_document(900_000_000 + next(self._salt), 1)
            self._all_told.clear()
            self._missing = len(self._subscriptions)
            self._expected = document["body"]
            started = now()
            self.insert(document)
            self.inserted_besides += 1
            if not self._all_told.wait(_PATIENCE_S):
                raise TimeoutError(f"insert {turn}: {self._missing} subscribers were never told")
            samples.append(self._seen_at - started)
        return {**summary_of(samples), "executions": (self.handlers.newest_runs - executions) / calls}

    def close(self) -> None:
        self.stop_serving()
        for subscription in self._subscriptions:
            subscription.close()
        if self.backend is not None:
            self.backend.close()
