"""A thousand clients of a WebSocket server, in a process of their own: the same code whoever serves.

`Audience` is the server's side of it, told in lines of JSON; `main` is the process. It speaks just enough WebSocket to
take what it is sent: bytes from the kernel, frames told apart, times taken. Times are those of the machine's monotonic
clock, which both processes read.

Each client and its server need a file descriptor for every socket: `allow_sockets` raises the soft limit, and says so
where the hard one is too low.
"""

from __future__ import annotations

import json
import os
import resource
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.peers.contract import PeerMissingError

_SPARE_FILES = 200
_AT_ONCE = 50
_PATIENCE_S = 60.0
_RECEIVED_MAX = 1 << 16
_TEXT, _CLOSE, _PING = 1, 8, 9
#: What a server says so that its clients know that it is there.
_ALIVE = b'{"type":"Ping"}'


def allow_sockets(count: int) -> None:
    """Let this process hold `count` sockets. Raises: PeerMissingError."""
    wanted = count + _SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise PeerMissingError(f"{wanted:,} open files a process are needed and {hard:,} allowed (ulimit -Hn)")
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Audience:
    """The process of the clients, as a server's adapter sees it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.audience"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, command: str, **parameters: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": command, **parameters}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the clients' process has ended")
        reply = json.loads(line)
        if "failed" in reply:
            raise RuntimeError(f"the clients: {reply['failed']}")
        return reply["ok"]

    def connect(self, port: int, sockets: int, path: str = "/", opening: list[list[str]] | None = None) -> None:
        """Open the sockets; each then says the texts that `opening` has for it."""
        allow_sockets(sockets)
        self.ask("connect", port=port, sockets=sockets, path=path, opening=opening or [])

    def expect(self, text: str, first: int = 0, last: int | None = None) -> None:
        """From now on count what holds `text` at the sockets from `first` on and before `last`."""
        self.ask("expect", text=text, first=first, last=last)

    def arrived(self) -> dict[str, int]:
        """When the first and the last of those expected had it, in ns, and how many texts came besides."""
        reply: dict[str, int] = self.ask("arrived")
        return reply

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)
        if self._process.stdout is not None:
            self._process.stdout.close()


class _Client:
    __slots__ = ("number", "rest", "socket")

    def __init__(self, number: int, connected: socket.socket) -> None:
        self.number = number
        self.socket = connected
        self.rest = b""

    def frames(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The kind and the payload of every frame that is complete with `data`."""
        if self.rest:
            data = self.rest + data
        start = 0
        while len(data) - start >= 2:
            kind, length = data[start] & 15, data[start + 1] & 127
            head = 2
            if length == 126:
                head, length = 4, int.from_bytes(data[start + 2 : start + 4], "big")
            elif length == 127:
                head, length = 10, int.from_bytes(data[start + 2 : start + 10], "big")
            end = start + head + length
            if end > len(data):
                break
            yield kind, data[start + head : end]
            start = end
        self.rest = data[start:]

    def say(self, text: bytes, kind: int = _TEXT) -> None:
        """A mask of zeros is a mask."""
        length = len(text)
        size = bytes((128 | length,)) if length < 126 else b"\xfe" + length.to_bytes(2, "big")
        self.socket.sendall(bytes((128 | kind,)) + size + b"\0\0\0\0" + text)


class _Clients:
    def __init__(self) -> None:
        self._selector = selectors.EpollSelector()
        self._clients: list[_Client] = []
        self._expected = b""
        self._waiting: set[int] = set()
        self._first_ns = self._last_ns = 0
        self._besides = 0
        self._commands = b""

    def do_connect(self, port: int, sockets: int, path: str, opening: list[list[str]]) -> int:
        allow_sockets(sockets)
        request = (
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        ).encode()
        for start in range(0, sockets, _AT_ONCE):
            part = [_Client(start + n, socket.create_connection(("127.0.0.1", port), _PATIENCE_S))
                    for n in range(min(_AT_ONCE, sockets - start))]  # fmt: skip
            for client in part:
                client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                client.socket.sendall(request)
            for client in part:
                self._shake_hands(client)
                for text in opening[client.number] if opening else ():
                    client.say(text.encode())
                client.socket.setblocking(False)
                self._selector.register(client.socket, selectors.EVENT_READ, client)
            self._clients += part
            self._take(0)
        return len(self._clients)

    def _shake_hands(self, client: _Client) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            received = client.socket.recv(_RECEIVED_MAX)
            if not received:
                raise RuntimeError(f"hung up on during the handshake: {head[:100]!r}")
            head += received
        if b" 101 " not in head.partition(b"\r\n")[0]:
            raise RuntimeError(f"refused: {head[:100]!r}")
        client.rest = head.partition(b"\r\n\r\n")[2]

    def do_expect(self, text: str, first: int, last: int | None) -> None:
        self._expected = text.encode()
        self._waiting = set(range(first, len(self._clients) if last is None else last))
        self._besides = self._first_ns = self._last_ns = 0

    def do_arrived(self) -> dict[str, int]:
        until = time.monotonic() + _PATIENCE_S
        while self._waiting:
            self._take(1.0)
            if time.monotonic() > until:
                raise TimeoutError(f"{len(self._waiting)} clients wait in vain")
        return {"first_ns": self._first_ns, "last_ns": self._last_ns, "besides": self._besides}

    def do_quiet(self, seconds: float) -> int:
        """Texts that came besides what was expected, after listening for `seconds` more."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._take(left)
        return self._besides

    def _take(self, timeout_s: float) -> None:
        for key, _ in self._selector.select(timeout_s):
            if key.data is not None:
                self._hear(key.data)

    def _hear(self, client: _Client) -> None:
        data = client.socket.recv(_RECEIVED_MAX)
        if not data:
            raise RuntimeError(f"the server hung up on client {client.number}")
        for kind, payload in client.frames(data):
            if kind == _TEXT:
                if self._expected in payload and client.number in self._waiting:
                    self._last_ns = time.perf_counter_ns()
                    self._first_ns = self._first_ns or self._last_ns
                    self._waiting.discard(client.number)
                elif payload != _ALIVE:
                    self._besides += 1
            elif kind == _PING:
                client.say(payload, 10)
            elif kind == _CLOSE:
                raise RuntimeError(f"the server closed client {client.number}: {payload[:100]!r}")

    def run(self) -> None:
        """Serve the sockets and obey, until standard input ends."""
        os.set_blocking(0, False)
        self._selector.register(0, selectors.EVENT_READ, None)
        while True:
            for key, _ in self._selector.select():
                if key.data is not None:
                    self._hear(key.data)
                    continue
                got = os.read(0, _RECEIVED_MAX)
                if not got:
                    return
                self._commands += got
            while b"\n" in self._commands:
                line, _, self._commands = self._commands.partition(b"\n")
                print(json.dumps(self._answer(json.loads(line))), flush=True)

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"ok": getattr(self, f"do_{request.pop('do')}")(**request)}
        except Exception as problem:
            return {"failed": f"{type(problem).__name__}: {problem}"}


if __name__ == "__main__":
    _Clients().run()
