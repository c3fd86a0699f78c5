"""PostgreSQL with its default durability: a private server in a temporary folder, reached by its local socket."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.document import FIELDS
from benchmarks.peers.contract import Peer, PeerMissingError
from benchmarks.peers.redis import free_port

_TABLES = """
CREATE TABLE messages (id BIGSERIAL PRIMARY KEY, channel TEXT, author TEXT, body TEXT, likes BIGINT, pinned BOOLEAN,
                       created TIMESTAMPTZ DEFAULT clock_timestamp());
CREATE INDEX by_channel ON messages (channel, created);
CREATE TABLE counters (id BIGSERIAL PRIMARY KEY, n BIGINT);
"""
_INSERT = (
    "INSERT INTO messages (channel, author, body, likes, pinned)"
    " VALUES (%(channel)s, %(author)s, %(body)s, %(likes)s, %(pinned)s)"
)
_ADD_ONE = "UPDATE counters SET n = n + 1 WHERE id = %s"


def _find_program(name: str) -> Path:
    places = [shutil.which(name), *sorted(map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{name}")), reverse=True)]
    for place in places:
        if place:
            return Path(place).resolve()
    raise PeerMissingError(f"no {name} on this machine (Debian: apt-get install postgresql)")


def _other_user() -> dict[str, Any]:
    """Arguments for subprocess: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    try:
        account = pwd.getpwnam("postgres")
    except KeyError:
        raise PeerMissingError("running as root, and there is no user 'postgres' to run the server as") from None
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


class Postgres(Peer):
    name = "PostgreSQL"
    styles = ("async",)

    def version(self) -> str:
        return f"{self._db.info.server_version // 10000} (psycopg {self._psycopg.__version__})"

    def open(self, folder: Path) -> None:
        try:
            import psycopg
            from psycopg.rows import dict_row
        except ImportError as error:
            raise PeerMissingError(f"no driver: {error} (pip install 'psycopg[binary]')") from None
        self._psycopg = psycopg
        program, initdb, run_as = _find_program("postgres"), _find_program("initdb"), _other_user()
        data = folder / "postgres"
        data.mkdir(mode=0o700)
        if run_as:
            os.chown(data, run_as["user"], run_as["group"])
            for parent in data.parents:
                if not parent.stat().st_mode & 0o001:
                    raise PeerMissingError("the work folder is closed to the user 'postgres'")
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": data, **run_as}
        subprocess.run([initdb, "-D", data, "-U", "bench", "-A", "trust"], check=True, **quiet)
        port = free_port()
        self._server = subprocess.Popen(
            [program, "-D", data, "-p", str(port), "-k", data, "-c", "listen_addresses=", "-c", "max_connections=100"],
            **quiet,
        )
        self._address = f"host={data} port={port} user=bench dbname=postgres"
        self._db = self._connect()
        self._db.row_factory = dict_row
        for statement in _TABLES.split(";"):
            if statement.strip():
                self._db.execute(statement)

    def _connect(self) -> Any:
        for _ in range(200):
            with contextlib.suppress(self._psycopg.OperationalError):
                return self._psycopg.connect(self._address, autocommit=True, prepare_threshold=0)
            time.sleep(0.05)
        raise PeerMissingError("postgres did not answer within 10 s")

    def insert(self, document: dict[str, Any]) -> int:
        return int(self._db.execute(_INSERT + " RETURNING id", document).fetchone()["id"])

    def load(self, documents: Iterable[dict[str, Any]]) -> list[int]:
        before = self._highest()
        with self._db.cursor() as cursor, cursor.copy(f"COPY messages ({', '.join(FIELDS)}) FROM STDIN") as copy:
            for document in documents:
                copy.write_row([document[name] for name in FIELDS])
        self._db.execute("ANALYZE messages")
        return list(range(before + 1, self._highest() + 1))

    def _highest(self) -> int:
        return int(self._db.execute("SELECT coalesce(max(id), 0) AS n FROM messages").fetchone()["n"])

    def get(self, key: int) -> Any:
        return self._db.execute("SELECT * FROM messages WHERE id = %s", (key,)).fetchone()

    def newest(self, channel: str) -> Any:
        return self._db.execute(
            "SELECT * FROM messages WHERE channel = %s ORDER BY created DESC LIMIT 10", (channel,)
        ).fetchall()

    def count(self) -> int:
        return int(self._db.execute("SELECT count(*) AS n FROM messages").fetchone()["n"])

    def make_counter(self) -> int:
        return int(self._db.execute("INSERT INTO counters (n) VALUES (0) RETURNING id").fetchone()["id"])

    def add_one(self, key: int) -> None:
        self._db.execute(_ADD_ONE, (key,))

    def counter_value(self, key: int) -> int:
        return int(self._db.execute("SELECT n FROM counters WHERE id = %s", (key,)).fetchone()["n"])

    async def connect_callers(self, callers: int) -> None:
        connect = self._psycopg.AsyncConnection.connect
        self._links = [await connect(self._address, autocommit=True, prepare_threshold=0) for _ in range(callers)]

    async def insert_async(self, caller: int, document: dict[str, Any]) -> None:
        await self._links[caller].execute(_INSERT, document)

    async def add_one_async(self, caller: int, key: int) -> None:
        await self._links[caller].execute(_ADD_ONE, (key,))

    async def disconnect_callers(self) -> None:
        for link in self._links:
            await link.close()

    def server_pids(self) -> list[int]:
        return [self._server.pid]

    def close(self) -> None:
        self._db.close()
        self._server.terminate()
        self._server.wait(20)
