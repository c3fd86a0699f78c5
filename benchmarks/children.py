"""The parent's side: one process a peer, spoken to in lines of JSON."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.catalogue import BUILD, ROOT, command_of, title_of, why_missing
from benchmarks.peers.contract import PeerMissingError


class PeerFailedError(Exception):
    """The peer was there, and could not do the work."""


class Child:
    """One peer's process, with a folder of its own."""

    def __init__(self, short_name: str, folder: Path, prefix: list[str] | None = None) -> None:
        self.short_name = short_name
        self.title = title_of(short_name)
        self.version = ""
        self.durable = True
        self.styles: list[str] = []
        self.folder = folder
        reason = why_missing(short_name)
        if reason is not None:
            raise PeerMissingError(reason)
        command, environment = command_of(short_name)
        folder.mkdir(parents=True, exist_ok=True)
        self._errors = (folder.parent / f"{folder.name}.stderr").open("w+")
        self._process = subprocess.Popen(
            [*(prefix or []), *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
            text=True, env=environment, cwd=ROOT,
        )  # fmt: skip

    def open(self) -> None:
        about = self.ask("open", folder=str(self.folder))
        self.version, self.durable, self.styles = about["version"], about["durable"], about["styles"]

    def ask(self, command: str, **parameters: Any) -> Any:
        """The answer to one command. Raises: PeerMissingError, PeerFailedError."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        line = ""
        try:
            self._process.stdin.write(json.dumps({"do": command, **parameters}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            pass
        if not line:
            raise PeerFailedError(f"{self.title}: its process ended during {command}: {self._last_words()}")
        reply = json.loads(line)
        if "missing" in reply:
            raise PeerMissingError(reply["missing"])
        if "failed" in reply:
            raise PeerFailedError(f"{self.title}, {command}: {reply['failed']}")
        return reply["ok"]

    def _last_words(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().strip().splitlines()
        return lines[-1] if lines else "no message"

    def close(self) -> None:
        if self._process.poll() is None:
            try:
                self.ask("close")
            except (PeerFailedError, PeerMissingError) as problem:
                print(f"  note: {problem}")
            assert self._process.stdin is not None
            self._process.stdin.close()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._errors.close()


@contextmanager
def work_folder() -> Iterator[Path]:
    """An empty folder on the repository's disk; gone afterwards."""
    places = BUILD / "bench-work"
    places.mkdir(parents=True, exist_ok=True)
    # Its owner alone may enter what mkdtemp makes; PostgreSQL runs as another user.
    folder = Path(tempfile.mkdtemp(dir=places))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
