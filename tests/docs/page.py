"""The blocks of a page, and running them.

A page's Python blocks are cells of one notebook, in order. The first line of a fence says what is special about one:

    ```python                             run it
    ```python raises=NotAllowedError      it fails with this error
    ```python file=notes.py               it is the content of a file; pytest runs files named test_*.py at the end
    ```python no-run: the reason          it is not run
    ```output                             what the block before it shows, or its error; ... stands for anything
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FENCE = re.compile(r"^```(\w+)[ \t]*([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

#: What a terminal's shell writes before the value of a cell's last line.
_OUT = re.compile(r"^Out\[\d+\]: ?\n?", re.MULTILINE)


@dataclass
class Block:
    """One Python block, and the output that the page shows below it (None where it shows none)."""

    line: int
    info: str
    code: str
    output: str | None = None

    def option(self, name: str) -> str | None:
        found = re.search(rf"\b{name}=(\S+)", self.info)
        return found[1] if found else None

    @property
    def is_run(self) -> bool:
        return not self.info.startswith("no-run: ")


def blocks_of(text: str) -> list[Block]:
    """The Python blocks of a page.

    Raises:  AssertionError for a fence that says something unknown.
    """
    found: list[Block] = []
    for fence in _FENCE.finditer(text):
        language, info, body = fence.groups()
        line = text.count("\n", 0, fence.start()) + 1
        if language == "python":
            assert re.fullmatch(r"|raises=\w+|file=\w+\.py|no-run: .+", info), f"line {line}: what does {info!r} mean?"
            found.append(Block(line, info, body))
        elif language == "output":
            found[-1].output = body
    return found


def run_page(page: Path, shell: Any, folder: Path) -> Iterator[str]:
    """What a page claims and the product does not do; nothing when all is true."""
    for block in blocks_of(page.read_text(encoding="utf-8")):
        name = block.option("file")
        if name:
            (folder / name).write_text(block.code, encoding="utf-8")
        elif block.is_run and (problem := _run(block, shell)):
            yield f"{page.name}:{block.line}: {problem}"
    if any(folder.glob("test_*.py")):
        tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)]
        plain = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        done = subprocess.run(tests, cwd=folder, env=plain, capture_output=True, text=True, check=False, timeout=60)
        if done.returncode:
            yield f"{page.name}: the tests that it shows fail:\n{done.stdout}"


def _run(block: Block, shell: Any) -> str | None:
    ran = shell.fail(block.code)
    raised, wanted = type(ran.error).__name__, block.option("raises") or "NoneType"
    if wanted not in {each.__name__ for each in type(ran.error).__mro__}:
        return f"raises {raised}, not {wanted}: {ran.error}\n{ran.stdout}"
    shown = f"{raised}: {ran.error}" if ran.error else "\n".join([_OUT.sub("", ran.stdout), *ran.plain])
    if block.output is not None and not _is_like(shown, block.output):
        return f"shows\n{shown}\ninstead of\n{block.output}"
    return None


def _is_like(shown: str, expected: str) -> bool:
    """Whether a text is the expected one, white space at the ends of lines aside; `...` stands for anything."""
    pattern = ".*?".join(re.escape(part) for part in _trimmed(expected).split("..."))
    return re.fullmatch(pattern, _trimmed(shown), re.DOTALL) is not None


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())
