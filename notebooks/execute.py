"""Run a notebook without a browser: `make demo`.

Copies the notebook's folder to .build/, runs every cell of the copy in a fresh kernel of this very Python, tells what
it is doing, and says at the end what came of it. The notebook itself is never touched.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / ".build" / "demo"
LEFT_BEHIND = shutil.ignore_patterns(".*", "__pycache__", "*.duckdb", "*.duckdb.*", "execute.py")
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
SHOWN_LINES_MAX = 6


class Progress:
    """Tells a person, cell by cell, what is running and what it said."""

    def __init__(self, notebook: Any) -> None:
        self.cells = notebook.cells
        self.total = sum(cell.cell_type == "code" and bool(cell.source.strip()) for cell in self.cells)
        self.done = 0
        self.chapters: list[str] = []
        self._told = 0
        self._began = 0.0

    def cell_started(self, cell: Any, cell_index: int) -> None:
        if cell.cell_type != "code" or not cell.source.strip():
            return
        for prose in self.cells[self._told : cell_index]:
            if prose.cell_type == "markdown" and (heading := re.search(r"^#+\s+(.+)$", prose.source, re.MULTILINE)):
                self.chapters.append(heading[1].strip())
                print(f"\n{self.chapters[-1]}")
        self._told = cell_index + 1
        self.done += 1
        self._began = time.monotonic()
        print(f"  [{self.done:>2}/{self.total}] {first_line(cell.source):<78}", end="", flush=True)

    def cell_executed(self, cell: Any, cell_index: int, execute_reply: Any) -> None:
        failed = execute_reply["content"]["status"] != "ok"
        # A cell that shows an error says so in its tags; nbclient goes on behind it.
        is_lesson = failed and "raises-exception" in cell.metadata.get("tags", ())
        outcome = "taught" if is_lesson else "FAILED" if failed else "ok"
        print(f" {outcome:<6} {time.monotonic() - self._began:5.1f} s", flush=True)
        if is_lesson:
            print(textwrap.indent(lesson(execute_reply["content"]), " " * 12), flush=True)
        elif not failed:
            print(textwrap.indent("".join(said(cell)), " " * 12), end="", flush=True)


def lesson(content: Any) -> str:
    """The first lines of an error that a cell raises on purpose."""
    lines = str(content["evalue"]).splitlines()[:3]
    return "\n".join([f"{content['ename']}: {lines[0]}", *lines[1:]]) if lines else str(content["ename"])


def first_line(source: str) -> str:
    """What a cell is about, in one line: its magic, or its first statement that is more than an import."""
    lines = [line.strip() for line in source.splitlines() if line.strip()]
    line = next((line for line in lines if not line.startswith(("#", "import ", "from "))), lines[0])
    return textwrap.shorten(line, 78, placeholder=" …")


def said(cell: Any) -> list[str]:
    """The plain text that a cell left, shortened, each line with its end."""
    texts = []
    for output in cell.outputs:
        if output.output_type == "stream":
            texts.append(output.text)
        elif output.output_type in {"display_data", "execute_result"}:
            texts.append(output.data.get("text/plain", ""))
    lines = [line.rstrip() for line in ANSI.sub("", "\n".join(texts)).splitlines() if line.strip()]
    if len(lines) > SHOWN_LINES_MAX:
        lines = [*lines[:SHOWN_LINES_MAX], f"… and {len(lines) - SHOWN_LINES_MAX} lines more"]
    # Spaces are columns here, so they are kept.
    return [f"{line[:98].rstrip()} …\n" if len(line) > 100 else f"{line}\n" for line in lines]


@contextmanager
def own_settings(folder: Path) -> Iterator[dict[str, str]]:
    """An environment in which nobody's Jupyter or IPython profile has a say."""
    folder.mkdir(parents=True, exist_ok=True)
    kinds = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    before = {kind: os.environ.get(kind) for kind in kinds}
    os.environ.update({kind: str(folder / kind.lower()) for kind in kinds})
    try:
        yield dict(os.environ)
    finally:
        for kind, value in before.items():
            os.environ.pop(kind) if value is None else os.environ.update({kind: value})


def copy_folder(notebook: Path) -> Path:
    """A fresh copy of the notebook with everything that stands beside it; the path of the copied notebook."""
    folder = BUILD / notebook.stem
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(notebook.parent, folder, ignore=LEFT_BEHIND)
    return folder / notebook.name


def run(notebook: Path, timeout_s: int) -> tuple[Progress, str | None]:
    """Run every cell of `notebook` in place. What was done, and the failure in words, if there was one."""
    content = nbformat.read(notebook, as_version=4)
    progress = Progress(content)
    with own_settings(notebook.parent / ".jupyter") as environment:
        # Without folders to look in, "python3" can only mean the Python that runs this program.
        manager = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
        client = NotebookClient(
            content,
            km=manager,
            extra_arguments=["--log-level=ERROR"],
            timeout=timeout_s,
            resources={"metadata": {"path": str(notebook.parent)}},
            on_cell_start=progress.cell_started,
            on_cell_executed=progress.cell_executed,
        )
        problem = None
        try:
            client.execute(env={**environment, "JPY_SESSION_NAME": str(notebook)})
        except CellExecutionError as failure:
            problem = str(failure)
        except CellTimeoutError:
            problem = f"the cell took longer than {timeout_s} s"
        except DeadKernelError:
            problem = "the kernel died"
        nbformat.write(content, notebook)
    return progress, problem


def write_page(notebook: Path) -> Path | None:
    """The executed notebook as a page to read in a browser; None where nbconvert is not installed."""
    try:
        from nbconvert import HTMLExporter
    except ImportError:
        return None
    page = notebook.with_suffix(".html")
    page.write_text(HTMLExporter().from_filename(str(notebook))[0], encoding="utf-8")
    return page


def summarize(notebook: Path, progress: Progress, seconds: float) -> None:
    stores = sorted(notebook.parent.glob("*.duckdb"))
    print(f"\nDone: {progress.done} cells in {seconds:.0f} s, none failed.")
    for chapter in progress.chapters:
        print(f"  ✓ {chapter}")
    print()
    for store in stores:
        print(f"  The data it left:      {shown(store)} ({store.stat().st_size / 1024:,.0f} kB, one DuckDB file)")
    print(f"  The executed notebook: {shown(notebook)}")
    if page := write_page(notebook):
        print(f"  The same as a page:    {shown(page)}")
    print("\nTo see it live and change it: make lab")


def shown(path: Path) -> str:
    return os.path.relpath(path, Path.cwd())


def main(arguments: list[str] | None = None) -> int:
    """Run the notebooks one after another; 0 where every cell of all of them ran."""
    parser = argparse.ArgumentParser(prog="make demo", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("notebooks", nargs="+", type=Path)
    parser.add_argument("--timeout", type=int, default=120, metavar="SECONDS", help="for one cell (default: 120)")
    options = parser.parse_args(arguments)
    for original in options.notebooks:
        if not original.is_file():
            print(f"There is no notebook {original}.", file=sys.stderr)
            return 1
        print(f"Running {shown(original)} in a fresh kernel, without a browser")
        notebook, began = copy_folder(original.resolve()), time.monotonic()
        progress, problem = run(notebook, options.timeout)
        if problem is not None:
            text = problem if sys.stdout.isatty() else ANSI.sub("", problem)
            print(f"\n\n{text.strip()}\n\nCell {progress.done} of {progress.total} failed.", file=sys.stderr)
            print(f"The notebook as far as it came: {shown(notebook)}", file=sys.stderr)
            return 1
        summarize(notebook, progress, time.monotonic() - began)
    return 0


if __name__ == "__main__":
    sys.exit(main())
