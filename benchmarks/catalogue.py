"""Every peer by its short name, and how its process is started."""

from __future__ import annotations

import os
import shutil
import sys
from importlib import import_module
from pathlib import Path

from benchmarks.peers.contract import Peer

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / ".build"
NODE_FOLDER = BUILD / "bench-node"

#: Short name → adapter's module and class.
PYTHON_PEERS = {
    "nbconvex": ("benchmarks.peers.nbconvex", "Nbconvex"),
    "fdatasync": ("benchmarks.peers.fdatasync", "BareSync"),
    "sqlite": ("benchmarks.peers.sqlite", "SqliteFull"),
    "sqlite-connections": ("benchmarks.peers.sqlite", "SqliteConnections"),
    "sqlite-normal": ("benchmarks.peers.sqlite", "SqliteNormal"),
    "duckdb": ("benchmarks.peers.duckdb", "DuckdbStatements"),
    "lmdb": ("benchmarks.peers.lmdb", "PyLmdb"),
    "rocksdb": ("benchmarks.peers.rocksdb", "RocksDict"),
    "zodb": ("benchmarks.peers.zodb", "Zodb"),
    "surrealdb": ("benchmarks.peers.surrealdb", "SurrealEmbedded"),
    "redis": ("benchmarks.peers.redis", "RedisAlways"),
    "postgres": ("benchmarks.peers.postgres", "Postgres"),
    "websockets": ("benchmarks.peers.bare_sockets", "WebsocketsSend"),
    "websockets-broadcast": ("benchmarks.peers.bare_sockets", "WebsocketsBroadcast"),
    "starlette": ("benchmarks.peers.bare_sockets", "StarletteSend"),
    "nbconvex-sql": ("benchmarks.peers.sql", "NbconvexSql"),
    "duckdb-table": ("benchmarks.peers.sql", "DuckdbTable"),
    "duckdb-file-table": ("benchmarks.peers.sql", "DuckdbFileTable"),
    "nbconvex-texts": ("benchmarks.peers.texts", "NbconvexTexts"),
    "sqlite-texts": ("benchmarks.peers.texts", "SqliteTexts"),
    "nbconvex-vectors": ("benchmarks.peers.vectors", "NbconvexVectors"),
    "numpy-vectors": ("benchmarks.peers.vectors", "NumpyVectors"),
    "duckdb-vectors": ("benchmarks.peers.vectors", "DuckdbVectors"),
}

#: Short name → adapter in peers/node, its npm packages, what to call it.
NODE_PEERS = {
    "better-sqlite3": ("better_sqlite3.mjs", ("better-sqlite3",), "better-sqlite3 (Node)"),
    "lmdb-js": ("lmdb_js.mjs", ("lmdb",), "lmdb-js (Node)"),
    "convex-test": ("convex_test.mjs", ("convex", "convex-test"), "convex-test (Node)"),
    "pglite": ("pglite.mjs", ("@electric-sql/pglite",), "PGlite (Node)"),
}


def load_adapter(short_name: str) -> Peer:
    module, name = PYTHON_PEERS[short_name]
    made: Peer = getattr(import_module(module), name)()
    return made


def title_of(short_name: str) -> str:
    if short_name in NODE_PEERS:
        return NODE_PEERS[short_name][2]
    module, name = PYTHON_PEERS[short_name]
    return str(getattr(import_module(module), name).name or short_name)


def why_missing(short_name: str) -> str | None:
    """Why the peer's process cannot even be started here, or None."""
    if short_name in PYTHON_PEERS:
        return None
    if shutil.which("node") is None:
        return "no Node on this machine"
    if not (NODE_FOLDER / "load.mjs").exists():
        return "the Node peers are not installed (python -m benchmarks --install-peers)"
    for package in NODE_PEERS[short_name][1]:
        if not (NODE_FOLDER / "node_modules" / package / "package.json").exists():
            return f"npm package {package} is not installed (python -m benchmarks --install-peers)"
    return None


def command_of(short_name: str) -> tuple[list[str], dict[str, str]]:
    """The command line of the peer's process and its environment."""
    environment = dict(os.environ)
    if short_name in PYTHON_PEERS:
        return [sys.executable, "-m", "benchmarks.worker", short_name], environment
    environment["BENCH_NODE_FOLDER"] = str(NODE_FOLDER)
    folder = Path(__file__).resolve().parent / "peers" / "node"
    return ["node", "--expose-gc", str(folder / "worker.mjs"), NODE_PEERS[short_name][0]], environment
