"""Runs one harness under atheris: `python -m tests.fuzz.frames -max_total_time=60`.

A harness is a module with `check(data)`, which raises where something is wrong, and `seeds()`, from which atheris sets
out. It is imported in a process of its own, because atheris has to see nbconvex being imported.
"""

from __future__ import annotations

import hashlib
import importlib
import subprocess
import sys
from pathlib import Path

HARNESSES = ("frames", "bodies")
#: Where atheris keeps what it has found to be interesting.
CORPUS = Path(__file__).parents[2] / ".build" / "fuzz"
#: Bytes of one input at most: what matters is what they say.
BYTES_MAX = 2_000


def run(name: str, arguments: list[str], *, corpus: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a harness; its output is captured only where a corpus is given."""
    command = [sys.executable, "-m", "tests.fuzz.harness", name, str(corpus or CORPUS / name), *arguments]
    return subprocess.run(
        command, check=False, text=True, capture_output=corpus is not None, cwd=Path(__file__).parents[2]
    )


def write_seeds(name: str, folder: Path) -> None:
    """Put a harness's seeds where atheris looks for them."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in importlib.import_module(f"tests.fuzz.{name}").seeds():
        (folder / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)


def fuzz(name: str, folder: Path, arguments: list[str]) -> None:
    """Fuzz in this process, which atheris ends."""
    import atheris

    with atheris.instrument_imports(include=["nbconvex", "tests.fuzz"]):
        harness = importlib.import_module(f"tests.fuzz.{name}")
    write_seeds(name, folder)
    atheris.Setup([sys.argv[0], f"-max_len={BYTES_MAX}", *arguments, str(folder)], harness.check)
    atheris.Fuzz()


if __name__ == "__main__":
    fuzz(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
