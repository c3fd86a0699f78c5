"""Full-text search: nbconvex, and SQLite's FTS5. Both rank by BM25, find any of the words, and follow every write."""

from __future__ import annotations

import itertools
import random
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.peers.contract import Peer
from benchmarks.spread import summary_of

VOCABULARY = 50_000
CHANNELS = 50
BEST = 10
_PART = 1_000

now = time.perf_counter_ns


def make_vocabulary() -> list[str]:
    """Words of three to nine letters, the most frequent first."""
    rng = random.Random(1)
    words = dict.fromkeys(
        "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randrange(3, 10))) for _ in range(60_000)
    )
    return list(words)[:VOCABULARY]


def make_texts(vocabulary: list[str], seed: int) -> Iterator[str]:
    """Texts of 12 to 36 words, a word's frequency by its rank (Zipf)."""
    rng = random.Random(seed)
    weights = list(itertools.accumulate(1 / (rank + 1) for rank in range(len(vocabulary))))
    while True:
        yield " ".join(rng.choices(vocabulary, cum_weights=weights, k=rng.randrange(12, 37)))


class TextPeer(Peer):
    """A store of texts, each in a channel."""

    def __init__(self) -> None:
        self.inserted_besides = 0
        self.opening_s = 0.0
        self._vocabulary = make_vocabulary()
        self._more = make_texts(self._vocabulary, 2)
        self._rng = random.Random(3)

    def load_texts(self, texts: int) -> float:
        """Seconds until so many texts are stored, in commits of a thousand."""
        made = make_texts(self._vocabulary, 1)
        parts = [list(itertools.islice(made, _PART)) for _ in range(texts // _PART)]
        started = time.perf_counter()
        for at, part in enumerate(parts):
            self.add([{"body": text, "channel": f"c{n % CHANNELS}"} for n, text in enumerate(part, at * _PART)])
        self.inserted_besides += texts
        return time.perf_counter() - started

    def insert_texts(self, calls: int) -> dict[str, float]:
        """Times of storing one text a commit."""
        samples = []
        for text in itertools.islice(self._more, calls):
            document = {"body": text, "channel": f"c{self._rng.randrange(CHANNELS)}"}
            started = now()
            self.add([document])
            samples.append(now() - started)
        self.inserted_besides += calls
        return summary_of(samples)

    def search_texts(self, calls: int, way: str) -> dict[str, float]:
        """Times of whole searches, each for other words."""
        samples = []
        for _ in range(calls):
            words, channel = self._asked(way)
            started = now()
            self.search(words, channel)
            samples.append(now() - started)
        return summary_of(samples)

    def _asked(self, way: str) -> tuple[str, str | None]:
        vocabulary, rng = self._vocabulary, self._rng
        usual = f"{vocabulary[rng.randrange(100, 5_000)]} {vocabulary[rng.randrange(100, 5_000)]}"
        if way == "narrowed":
            return usual, f"c{rng.randrange(CHANNELS)}"
        if way == "frequent":
            return f"{vocabulary[rng.randrange(3)]} {vocabulary[rng.randrange(100, 5_000)]}", None
        if way == "beginning":
            return vocabulary[rng.randrange(100, 5_000)][:3], None
        return usual, None

    def opening(self) -> float:
        """Seconds that opening the store took, which has its texts already where the folder has."""
        return self.opening_s

    def add(self, documents: list[dict[str, str]]) -> None:
        """Store documents in one commit."""
        raise NotImplementedError

    def search(self, words: str, channel: str | None) -> int:
        """How many of the best ten there are; their texts are read."""
        raise NotImplementedError


class NbconvexTexts(TextPeer):
    """A query, called from plain code with words that it never saw: checked arguments, no cache, whole documents."""

    name = "nbconvex"

    def version(self) -> str:
        import nbconvex

        return str(nbconvex.__version__)

    def open(self, folder: Path) -> None:
        import nbconvex
        from nbconvex import table, v

        self._plain = table({"body": v.string(), "channel": v.string()})
        path = folder / "bench.duckdb"
        is_new = not path.exists()
        started = time.perf_counter()
        self._backend = backend = nbconvex.open(str(path))
        self.opening_s = time.perf_counter() - started
        if is_new:
            backend.push_schema({"texts": self._plain})

        @backend.mutation
        def add(ctx: Any, documents: list[dict[str, str]]) -> None:
            for document in documents:
                ctx.db.insert("texts", document)

        @backend.query
        def search(ctx: Any, words: str, channel: str | None) -> list[Any]:
            def build(q: Any) -> Any:
                q = q.search("body", words)
                return q if channel is None else q.eq("channel", channel)

            found: list[Any] = ctx.db.query("texts").with_search_index("words", build).take(BEST)
            return found

        self._api: Any = backend.api.main

    def index(self) -> float:
        """Declare the index; seconds that this took."""
        started = time.perf_counter()
        indexed = self._plain.search_index("words", search_field="body", filter_fields=["channel"])
        self._backend.push_schema({"texts": indexed})
        return time.perf_counter() - started

    def add(self, documents: list[dict[str, str]]) -> None:
        self._api.add(documents=documents)

    def search(self, words: str, channel: str | None) -> int:
        return len(self._api.search(words=words, channel=channel))

    def count(self) -> int:
        return len(self._backend.database.snapshot.table("texts").documents)

    def close(self) -> None:
        self._backend.close()


class SqliteTexts(TextPeer):
    """FTS5 with an index of its own beside the table, WAL, synced on every commit."""

    name = "SQLite FTS5"

    def version(self) -> str:
        return sqlite3.sqlite_version

    def open(self, folder: Path) -> None:
        started = time.perf_counter()
        self._db = sqlite3.connect(folder / "bench.sqlite", isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("CREATE TABLE IF NOT EXISTS texts (id INTEGER PRIMARY KEY, body TEXT, channel TEXT)")
        found = self._db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'words'").fetchone()
        self._is_indexed = bool(found[0])
        self.opening_s = time.perf_counter() - started

    def index(self) -> float:
        """Make the index; seconds that this took."""
        started = time.perf_counter()
        self._db.execute("CREATE VIRTUAL TABLE words USING fts5(body, content='texts', content_rowid='id')")
        self._db.execute("INSERT INTO words(words) VALUES ('rebuild')")
        self._is_indexed = True
        return time.perf_counter() - started

    def add(self, documents: list[dict[str, str]]) -> None:
        self._db.execute("BEGIN")
        for document in documents:
            added = self._db.execute("INSERT INTO texts (body, channel) VALUES (:body, :channel)", document)
            if self._is_indexed:
                self._db.execute("INSERT INTO words (rowid, body) VALUES (?, ?)", (added.lastrowid, document["body"]))
        self._db.execute("COMMIT")

    def search(self, words: str, channel: str | None) -> int:
        match = " OR ".join(words.split()) + "*"
        narrowed = "" if channel is None else " AND texts.channel = ?"
        rows = self._db.execute(
            "SELECT texts.* FROM words JOIN texts ON texts.id = words.rowid"
            f" WHERE words MATCH ?{narrowed} ORDER BY words.rank LIMIT {BEST}",
            (match,) if channel is None else (match, channel),
        ).fetchall()
        return len(rows)

    def count(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM texts").fetchone()[0])

    def close(self) -> None:
        self._db.close()
