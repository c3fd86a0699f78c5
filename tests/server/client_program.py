"""A client in a process of its own, that says what it sees: one JSON value a line on stdout.

Owns:  `ClientProgram`, and how the drivers of tests/web/drivers and tests/server/pypi_driver.py are started.
Threads: one timer, which kills a program that says nothing for too long.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, Self

PATIENCE_S = 60.0
ROOT = Path(__file__).parents[2]
DRIVERS = ROOT / "tests" / "web" / "drivers"


class ClientProgram:
    """A running client. A context manager; what is still running at its end is killed."""

    def __init__(self, *command: str) -> None:
        self._errors = tempfile.TemporaryFile(mode="w+")  # noqa: SIM115 - closed with the program
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True, cwd=ROOT
        )
        self._watchdog = threading.Timer(PATIENCE_S, self._process.kill)
        self._watchdog.start()

    def line(self) -> Any:
        """What it says next."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"it ended with {self._process.wait()}:\n{self._complaints()}"
        return json.loads(line)

    def result(self) -> Any:
        """The one thing that it says from here to its end."""
        said = self.line()
        assert self._process.stdout is not None
        assert self._process.stdout.read() == ""
        assert self._process.wait() == 0, self._complaints()
        return said

    def go_on(self) -> None:
        """Tell it that what it waits for has happened."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def _complaints(self) -> str:
        self._errors.seek(0)
        return self._errors.read()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._watchdog.cancel()
        self._watchdog.join()
        self._process.kill()
        self._process.communicate()
        self._errors.close()


def node_program(web: Path, script: str, *arguments: str) -> ClientProgram:
    """One of tests/web/drivers, run by Node.

    It is copied to where npm has installed what it imports: Node looks for that beside the program only. Each worker of
    pytest has its copy.
    """
    folder = web / "drivers" / os.environ.get("PYTEST_XDIST_WORKER", "main")
    shutil.copytree(DRIVERS, folder, dirs_exist_ok=True)
    node = shutil.which("node")
    assert node is not None
    return ClientProgram(node, str(folder / script), *arguments)


def node_result(web: Path, script: str, *arguments: str) -> Any:
    """What one of tests/web/drivers says."""
    with node_program(web, script, *arguments) as program:
        return program.result()


def pypi_program(*arguments: str) -> ClientProgram:
    """tests/server/pypi_driver.py. Never in the server's own process: that client keeps the interpreter's lock."""
    return ClientProgram(sys.executable, "-m", "tests.server.pypi_driver", *arguments)


def pypi_result(*arguments: str) -> Any:
    """What tests/server/pypi_driver.py says."""
    with pypi_program(*arguments) as program:
        return program.result()
