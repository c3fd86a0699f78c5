"""What the commands besides `serve` do.

Owns:  `run_function`, `run_data`, `run_codegen`.
Must not know: how words are read.
Invariant: a command returns the status that the process ends with: 0, or 1 where what it was asked for failed.
Threads: the main thread.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from nbconvex.backend import Backend
from nbconvex.cli.printed import complain, print_rows, print_value, tell
from nbconvex.cli.serving import opened
from nbconvex.errors import CallerError
from nbconvex.functions.command_words import parse_arguments

if TYPE_CHECKING:
    from nbconvex.cli.app_file import LoadReport


def complain_of(report: LoadReport) -> bool:
    """Whether an app has errors, which are told."""
    for problem in report.problems:
        complain(problem)
    return bool(report.problems)


def run_function(options: argparse.Namespace) -> int:
    """Run one function and print its value."""
    arguments = parse_arguments(options.arguments)
    identity = {"subject": options.identity} if options.identity else None
    with opened(Path(options.app), options.database) as (backend, report):
        # Only what is asked for has to be right.
        if backend.registry.get(options.function) is None and complain_of(report):
            return 1
        outcome = backend.run_outcome(options.function, arguments, identity=identity)
        for line in outcome.log_lines:
            tell(line)
        if outcome.error is not None:
            raise outcome.error
        print_value(outcome.value)
    return 0


def run_data(options: argparse.Namespace) -> int:
    """Print the tables of a store, or the documents of one, as JSON, a line each."""
    store = Path(options.store)
    path = store.with_suffix(".duckdb") if store.suffix in {".ipynb", ".py"} else store
    if not path.exists():
        raise CallerError(f"there is no store {path}.")
    with Backend.open(path) as backend:
        snapshot = backend.database.snapshot
        tables = {each.name: len(each.documents) for each in snapshot.tables.values() if not each.name.startswith("_")}
        if options.table is None:
            print_rows([["table", "documents"], *([name, f"{count:,}"] for name, count in sorted(tables.items()))])
            return 0
        if options.table not in tables:
            raise CallerError(f'there is no table "{options.table}". Tables: {", ".join(sorted(tables)) or "none"}.')
        query = backend.database.begin(writable=False, reader="nbconvex data").query(options.table)
        for document in query.order("desc" if options.newest else "asc").take(options.limit):
            print_value(document)
    return 0


def run_codegen(options: argparse.Namespace) -> int:
    """Write the types of a web app."""
    from nbconvex.codegen.generated_folder import write_types

    folder = Path(options.folder).absolute()
    with opened(Path(options.app), options.database) as (backend, report):
        if complain_of(report):
            return 1
        written = write_types(backend, folder)
    changed = ", ".join(written.written) or "nothing new"
    tell(f"{written.folder}: {changed} ({written.functions:,} functions, {written.tables:,} tables)")
    return 0
