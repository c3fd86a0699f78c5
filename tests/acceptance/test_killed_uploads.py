"""kill -9 at random moments of uploads: whole files only, all that were acknowledged, and nothing else on the disk."""

from __future__ import annotations

import hashlib
import json
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

import nbconvex

ROOT = Path(__file__).parents[2]
SENDERS = 6
#: Below, at and above what the server gathers before it writes.
SIZES = (0, 1, 5_000, 256 * 1024, 256 * 1024 + 1, 3_000_000)


class Sender(threading.Thread):
    """Uploads one file after the other until the server is gone, and deletes some of them again."""

    def __init__(self, address: str, seed: int) -> None:
        super().__init__(name=f"sender {seed}")
        self._address = address
        self._rng = random.Random(seed)
        #: Digest by id of what was acknowledged.
        self.acknowledged: dict[str, str] = {}

    def run(self) -> None:
        try:
            with httpx.Client(timeout=30) as client:
                while True:
                    # Few different ones, so that some come twice at the same time.
                    size = self._rng.choice(SIZES)
                    body = random.Random(self._rng.randrange(3)).randbytes(size)
                    answer = client.post(self._address, content=body)
                    self.acknowledged[answer.json()["storageId"]] = hashlib.sha256(body).hexdigest()
        except (httpx.TransportError, ValueError):
            return


def killed_run(path: Path, rng: random.Random) -> dict[str, str]:
    """What was acknowledged before the kill."""
    command = [sys.executable, "-m", "tests.server.file_program", str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        address = json.loads(process.stdout.readline())["upload"]
        senders = [Sender(address, rng.randrange(1 << 30)) for _ in range(SENDERS)]
        for sender in senders:
            sender.start()
        time.sleep(0.1 + rng.random() * 0.6)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL, "it ran until it was killed"
    found: dict[str, str] = {}
    for sender in senders:
        sender.join()
        found |= sender.acknowledged
    return found


@pytest.mark.timeout(1800)
def test_a_killed_server_has_whole_files_only_and_all_that_it_acknowledged(tmp_path, is_long) -> None:
    path, rng = tmp_path / "app.duckdb", random.Random(5)
    folder = path.with_name("app.duckdb.files")
    acknowledged: dict[str, str] = {}
    for round_ in range(100 if is_long else 10):
        acknowledged |= killed_run(path, rng)
        with nbconvex.open(path) as backend:
            files = backend.storage.list()
            named = set()
            for each in files:
                file = backend.storage.get(each["storageId"])
                content = file.read()
                assert len(content) == each["size"], f"round {round_}: {each} is whole"
                assert hashlib.sha256(content).digest() == file.digest, f"round {round_}: {each} is what was sent"
                named.add(file.digest.hex())
            digests = {each["storageId"]: backend.storage.get(each["storageId"]).digest.hex() for each in files}
            assert acknowledged.items() <= digests.items(), f"round {round_}: everything acknowledged is there"
            on_disk = {each.name for each in folder.rglob("*") if each.is_file()}
            assert on_disk == named, f"round {round_}: nothing half-stored is left, and nothing that nobody names"
            for each in rng.sample(files, len(files) // 2):
                backend.storage.delete(each["storageId"])
                acknowledged.pop(each["storageId"], None)
    assert acknowledged, "somebody was told something"
