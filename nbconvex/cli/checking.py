"""`nbconvex check app.ipynb`: the checklist of an app in a file.

Owns:  the command; the texts of cells that are no functions, pages for instance.
Must not know: what is checked.
Invariant: nothing of the app's store is changed, nor opened unless it is named; what cells need is run, as for `serve`.
Threads: the main thread.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from nbconvex.checks.checklist import checklist
from nbconvex.checks.finding import is_wrong, plain_text
from nbconvex.cli.commands import complain_of
from nbconvex.cli.notebook_file import read_notebook
from nbconvex.cli.serving import opened

#: Cells with these magics are functions and tables, whose code is looked at anyway.
_DEFINING = frozenset({"schema", "query", "mutation", "action", "http", "trigger", "cron", "auth", "migration"})


def run_check(options: argparse.Namespace) -> int:
    """Print the checklist; 1 where something is wrong, or the app has errors."""
    path = Path(options.app).absolute()
    with opened(path, options.database or ":memory:") as (backend, report):
        has_problems = complain_of(report)
        lines = checklist(backend, texts=_texts(path))
    print(plain_text(lines))  # noqa: T201 - it is the result
    return 1 if has_problems or is_wrong(lines) else 0


def _texts(path: Path) -> dict[str, str]:
    """The cells of a notebook that define nothing, by where they stand."""
    if path.suffix != ".ipynb":
        return {}
    return {
        f"{path.name}, cell {cell.number}": cell.whole for cell in read_notebook(path) if cell.magic not in _DEFINING
    }
