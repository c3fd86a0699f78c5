"""Redis with appendfsync always, a private server on a loopback port, spoken to over its own protocol."""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.peers.contract import Peer, PeerMissingError


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _command(*parts: str | bytes) -> bytes:
    out = [b"*%d\r\n" % len(parts)]
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        out.append(b"$%d\r\n%s\r\n" % (len(data), data))
    return b"".join(out)


class _Link:
    """One blocking connection."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")

    def ask(self, request: bytes, replies: int = 1) -> Any:
        """The last of `replies` replies."""
        self._socket.sendall(request)
        for _ in range(replies - 1):
            self._reply()
        return self._reply()

    def _reply(self) -> Any:
        line = self._file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self._file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self._reply() for _ in range(int(rest))]
        return rest

    def close(self) -> None:
        self._file.close()
        self._socket.close()


class RedisAlways(Peer):
    name = "Redis always"
    styles = ("async",)

    def version(self) -> str:
        found = subprocess.run(["redis-server", "--version"], capture_output=True, text=True, check=True)
        return found.stdout.split("v=")[1].split()[0]

    def open(self, folder: Path) -> None:
        binary = shutil.which("redis-server")
        if binary is None:
            raise PeerMissingError("no redis-server on this machine (Debian: apt-get install redis-server)")
        self._port = free_port()
        self._server = subprocess.Popen(
            [binary, "--port", str(self._port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "",
             "--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0"],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        for _ in range(200):
            try:
                self._link = _Link(self._port)
                break
            except OSError:
                time.sleep(0.05)
        else:
            raise PeerMissingError("redis-server did not answer within 10 s")
        self._numbers = itertools.count(1)

    def _insert_commands(self, document: dict[str, Any]) -> tuple[str, bytes]:
        number = str(next(self._numbers))
        body = json.dumps({"id": number, **document})
        return number, _command("MULTI") + _command("SET", "m:" + number, body) + _command(
            "ZADD", "c:" + document["channel"], repr(time.time()), number
        ) + _command("EXEC")

    def insert(self, document: dict[str, Any]) -> str:
        number, request = self._insert_commands(document)
        self._link.ask(request, 4)
        return number

    def load(self, documents: Iterable[dict[str, Any]]) -> list[str]:
        made: list[str] = []
        remaining = iter(documents)
        while part := [self._insert_commands(document) for document in itertools.islice(remaining, 1_000)]:
            self._link.ask(b"".join(request for _, request in part), 4 * len(part))
            made += [number for number, _ in part]
        return made

    def get(self, key: str) -> Any:
        return json.loads(self._link.ask(_command("GET", "m:" + key)))

    def newest(self, channel: str) -> list[Any]:
        numbers = self._link.ask(_command("ZREVRANGE", "c:" + channel, "0", "9"))
        return [json.loads(body) for body in self._link.ask(_command("MGET", *(b"m:" + number for number in numbers)))]

    def count(self) -> int:
        counters = self._link.ask(_command("SCARD", "counters"))
        others = len(self._link.ask(_command("KEYS", "c:*"))) + (1 if counters else 0)
        return int(self._link.ask(_command("DBSIZE"))) - int(counters) - others

    def make_counter(self) -> str:
        number = str(next(self._numbers))
        self._link.ask(_command("SADD", "counters", number) + _command("SET", "n:" + number, "0"), 2)
        return number

    def add_one(self, key: str) -> None:
        self._link.ask(_command("INCR", "n:" + key))

    def counter_value(self, key: str) -> int:
        return int(self._link.ask(_command("GET", "n:" + key)))

    async def connect_callers(self, callers: int) -> None:
        self._streams = [await asyncio.open_connection("127.0.0.1", self._port) for _ in range(callers)]

    async def insert_async(self, caller: int, document: dict[str, Any]) -> None:
        reader, writer = self._streams[caller]
        writer.write(self._insert_commands(document)[1])
        # +OK +QUEUED +QUEUED *2 +OK :1
        for _ in range(6):
            if (await reader.readline())[:1] == b"-":
                raise RuntimeError("Redis refused the insert")

    async def add_one_async(self, caller: int, key: str) -> None:
        reader, writer = self._streams[caller]
        writer.write(_command("INCR", "n:" + key))
        if (await reader.readline())[:1] != b":":
            raise RuntimeError("Redis refused the increment")

    async def disconnect_callers(self) -> None:
        for _, writer in self._streams:
            writer.close()
            await writer.wait_closed()

    def server_pids(self) -> list[int]:
        return [self._server.pid]

    def close(self) -> None:
        self._link.close()
        self._server.terminate()
        self._server.wait(10)
