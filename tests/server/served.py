"""The clients' backend behind a real server: in this process, or in one of its own that may be killed.

Owns:  `Served`, `ServedProcess`; what stops keeps its port, and comes back on it.
Threads: the server's own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Self

import nbconvex
from tests.server.clients_app import PATIENCE_S, Gate, declare

ROOT = Path(__file__).parents[2]


def quiet_port() -> int:
    """Where a server that comes back to its port may begin to look for one.

    Below the ports that systems give to clients: one of those might sit on the server's port while it is away.
    """
    return 20_000 + os.getpid() * 10 % 12_000


class Served:
    """A backend of this process and its server."""

    def __init__(self, path: Path | str = ":memory:", gate: Gate | None = None) -> None:
        self._path = path
        self._gate = gate
        self._port: int | None = None
        self._open()
        self.start()

    def _open(self) -> None:
        self.backend = nbconvex.open(self._path)
        self.pages = declare(self.backend, self._gate)

    def start(self) -> None:
        """Serve, on the port it had before."""
        self._server = nbconvex.serve(self.backend, port=self._port or quiet_port(), site_port=0)
        assert self._port in {None, self._server.port}, "somebody took the port"
        self._port = self._server.port

    def stop(self) -> None:
        """Stop serving; the backend goes on."""
        self._server.stop()

    def reopen(self) -> None:
        """Forget everything that is not in the store. Only while stopped."""
        self.backend.close()
        self._open()

    @property
    def url(self) -> str:
        url: str = self._server.url
        return url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()
        self.backend.close()


class ServedProcess:
    """The same in a process of its own, over a file. Its mutation `numbers:add` stops at `stops`, if there are any."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._port: int | None = None
        self.url = ""

    def start(self, *stops: int) -> None:
        """Start it, on the port it had before."""
        command = [
            sys.executable,
            "-m",
            "tests.server.served_program",
            str(self._path),
            str(self._port or quiet_port()),
        ]
        self._process = subprocess.Popen(
            [*command, *map(str, stops)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        said = self.line()
        assert self._port in {None, said["port"]}, "somebody took the port"
        self._port, self.url = said["port"], said["url"]

    def line(self) -> Any:
        """What it says next: its address, then the stops that were reached. It is ended if it says nothing for long."""
        assert self._process.stdout is not None
        watchdog = threading.Timer(PATIENCE_S, self._process.kill)
        watchdog.start()
        try:
            said = self._process.stdout.readline()
        finally:
            watchdog.cancel()
            watchdog.join()
        assert said, "the server has ended, or nobody came to its next stop"
        return json.loads(said)

    def open_gate(self, stop: int) -> None:
        """Let the mutation that waits there go on."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{stop}\n")
        self._process.stdin.flush()

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()
        self._process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.communicate(timeout=30)
