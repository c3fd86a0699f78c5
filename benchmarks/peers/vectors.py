"""The nearest of many vectors: nbconvex, and two ways of doing it without an index. All of them are exact."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.peers.contract import Peer
from benchmarks.spread import summary_of

DIMENSIONS = 384
GENRES = 20
NEAREST = 10
_PART = 1_000

now = time.perf_counter_ns


def make_vectors(count: int, seed: int) -> Any:
    """Rows of random directions, float32 so that every store holds the same numbers."""
    import numpy as np

    return np.random.default_rng(seed).standard_normal((count, DIMENSIONS), np.float32)


def genre_of(number: int) -> str:
    return f"genre-{number % GENRES:02d}"


class VectorPeer(Peer):
    """A store of `count` vectors, each with a genre: document `n` has row `n` of the same random matrix."""

    durable = False

    def __init__(self) -> None:
        #: What was stored here without the worker's counting.
        self.inserted_besides = 0
        self._queries = self._searched()

    def _searched(self) -> Iterator[list[float]]:
        for seed in itertools.count(1_000):
            yield from (row.tolist() for row in make_vectors(100, seed))

    def load_vectors(self, vectors: int) -> None:
        rows = make_vectors(vectors, 1)
        for start in range(0, vectors, _PART):
            self.add(start, rows[start : start + _PART])
        self.inserted_besides += vectors

    def search(self, calls: int, filtered: bool, after_insert: bool) -> dict[str, float]:  # noqa: FBT001
        """Times of whole searches, each for another vector; with `after_insert` each just after a document came."""
        samples = []
        more = make_vectors(calls, self.inserted_besides) if after_insert else None
        for call, vector in enumerate(itertools.islice(self._queries, calls)):
            if more is not None:
                self.add(self.inserted_besides, more[call : call + 1])
                self.inserted_besides += 1
            genre = genre_of(call) if filtered else None
            started = now()
            found = self.nearest(vector, genre)
            samples.append(now() - started)
            assert len(found) == NEAREST
        return summary_of(samples)

    def first_search(self) -> float:
        """Seconds that the first search takes, in which whoever needs a matrix makes it."""
        started = now()
        self.found(None)
        return (now() - started) / 1e9

    def found(self, genre: str | None) -> list[int]:
        """Which rows one fixed search finds, to see that all agree."""
        return self.nearest(make_vectors(1, 77)[0].tolist(), genre)

    def add(self, first: int, rows: Any) -> None:
        """Store rows as documents `first`, `first + 1`, …"""
        raise NotImplementedError

    def nearest(self, vector: list[float], genre: str | None) -> list[int]:
        """The numbers of the nearest, best first."""
        raise NotImplementedError


class NbconvexVectors(VectorPeer):
    """A query, called from plain code with a vector that it never saw: checked arguments, no cache, ids and scores."""

    name = "nbconvex"
    durable = True

    def version(self) -> str:
        import nbconvex

        return str(nbconvex.__version__)

    def open(self, folder: Path) -> None:
        import nbconvex
        from nbconvex import define_schema, table, v

        self._backend = backend = nbconvex.open(str(folder / "bench.duckdb"))
        movies = table({"number": v.number(), "embedding": v.array(v.number()), "genre": v.string()})
        indexed = movies.vector_index(
            "by_embedding", vector_field="embedding", dimensions=DIMENSIONS, filter_fields=["genre"]
        )
        backend.push_schema(define_schema({"movies": indexed}))
        self._number_of: dict[str, int] = {}

        @backend.mutation
        def add(ctx: Any, first: int, rows: list[list[float]]) -> list[str]:
            return [
                ctx.db.insert("movies", {"number": first + at, "embedding": row, "genre": genre_of(first + at)})
                for at, row in enumerate(rows)
            ]

        @backend.query
        def nearest(ctx: Any, vector: list[float], genre: str | None) -> list[Any]:
            matching = None if genre is None else (lambda q: q.eq("genre", genre))
            found: list[Any] = ctx.vector_search("movies", "by_embedding", vector, limit=NEAREST, filter=matching)
            return found

        self._api: Any = backend.api.main

    def add(self, first: int, rows: Any) -> None:
        ids = self._api.add(first=first, rows=rows.tolist())
        self._number_of.update((each, first + at) for at, each in enumerate(ids))

    def nearest(self, vector: list[float], genre: str | None) -> list[int]:
        return [self._number_of[each["_id"]] for each in self._api.nearest(vector=vector, genre=genre)]

    def count(self) -> int:
        return len(self._number_of)

    def close(self) -> None:
        self._backend.close()


class NumpyVectors(VectorPeer):
    """A product of a matrix and a vector, and a partial sort, over one array that is copied when a row comes."""

    name = "numpy"

    def version(self) -> str:
        import numpy as np

        return str(np.__version__)

    def open(self, folder: Path) -> None:
        import numpy as np

        self._parts: list[Any] = []
        self._units: Any = np.empty((0, DIMENSIONS), np.float32)
        self._genres: Any = np.empty(0, np.int64)

    def add(self, first: int, rows: Any) -> None:
        import numpy as np

        self._parts.append(rows / np.linalg.norm(rows, axis=1, keepdims=True))

    def nearest(self, vector: list[float], genre: str | None) -> list[int]:
        import numpy as np

        if self._parts:
            self._units = np.concatenate([self._units, *self._parts])
            self._parts = []
            self._genres = np.arange(len(self._units)) % GENRES
        query = np.asarray(vector, np.float32)
        scores = self._units @ (query / np.linalg.norm(query))
        if genre is not None:
            scores[self._genres != int(genre[-2:])] = -np.inf
        best = np.argpartition(scores, len(scores) - NEAREST)[-NEAREST:]
        found: list[int] = best[np.argsort(-scores[best], kind="stable")].tolist()
        return found

    def count(self) -> int:
        return len(self._units) + sum(map(len, self._parts))

    def close(self) -> None:
        pass


class DuckdbVectors(VectorPeer):
    """A table with a column FLOAT[384], `array_cosine_similarity` and ORDER BY … LIMIT, in a file."""

    name = "DuckDB"

    def version(self) -> str:
        import duckdb

        return duckdb.__version__

    def open(self, folder: Path) -> None:
        import duckdb

        self._db = duckdb.connect(str(folder / "bench.duckdb"))
        self._db.execute(f"CREATE TABLE movies (number BIGINT, embedding FLOAT[{DIMENSIONS}], genre VARCHAR)")

    def add(self, first: int, rows: Any) -> None:
        import pyarrow as pa

        vectors = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), DIMENSIONS)
        numbers = range(first, first + len(rows))
        incoming = pa.table({"number": list(numbers), "embedding": vectors, "genre": list(map(genre_of, numbers))})
        self._db.register("incoming", incoming)
        self._db.execute("INSERT INTO movies SELECT * FROM incoming")
        self._db.unregister("incoming")

    def nearest(self, vector: list[float], genre: str | None) -> list[int]:
        where, given = ("", [vector]) if genre is None else ("WHERE genre = ?", [vector, genre])
        rows = self._db.execute(
            f"SELECT number, array_cosine_similarity(embedding, ?::FLOAT[{DIMENSIONS}]) AS score FROM movies {where} "
            f"ORDER BY score DESC, number LIMIT {NEAREST}",
            given,
        ).fetchall()
        return [row[0] for row in rows]

    def count(self) -> int:
        found = self._db.execute("SELECT count(*) FROM movies").fetchone()
        return int(found[0]) if found else 0

    def close(self) -> None:
        self._db.close()
