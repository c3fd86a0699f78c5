"""What the commands besides `serve` do.

Owns:  `run_function`, `run_data`, `run_import`, `run_export`, `run_functions`, `run_codegen`.
Must not know: how words are read.
Invariant: a command returns the status that the process ends with: 0, or 1 where what it was asked for failed.
Threads: the main thread.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from nbconvex.backend import Backend
from nbconvex.cli.app_file import notebook_names
from nbconvex.cli.printed import complain, print_rows, print_value, tell
from nbconvex.cli.serving import opened
from nbconvex.errors import CallerError
from nbconvex.functions.command_words import parse_arguments
from nbconvex.functions.inline_query import inline_query

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
    if options.inline_query is not None and (options.function is not None or options.watch):
        raise CallerError("an inline query takes the place of a function, and runs once: quote all of its text.")
    if options.inline_query is None and options.function is None:
        raise CallerError("run what? Name a function.", hint="nbconvex run messages:newest --app app.ipynb")
    if options.url is not None:
        from nbconvex.cli.remote import run_remote

        return run_remote(options, arguments)
    if options.app is None:
        raise CallerError("of which app? --app app.ipynb, or --url http://127.0.0.1:3210 of one that is served.")
    if options.watch:
        from nbconvex.cli.watching import run_watched

        return run_watched(options, arguments)
    identity = {"subject": options.identity} if options.identity else None
    with opened(Path(options.app), options.database) as (backend, report):
        if options.inline_query is not None:
            # It may lean on indexes, not on functions; what the app lacks is told, and does no harm.
            complain_of(report)
            definition = inline_query(options.inline_query, notebook_names(backend))
            print_value(backend.run_inline(definition, identity=identity))
            return 0
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
    with Backend.open(store_named(options.store)) as backend:
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


def store_named(named: str, *, must_exist: bool = True) -> Path:
    """The store of that name, or of the app of that name."""
    path = Path(named)
    if path.suffix in {".ipynb", ".py"}:
        path = path.with_suffix(".duckdb")
    if must_exist and not path.exists():
        raise CallerError(f"there is no store {path}.")
    return path


def run_import(options: argparse.Namespace) -> int:
    """Read a file into a store, all of it or nothing."""
    modes = [name for name in ("append", "replace", "replace_all") if getattr(options, name)]
    if len(modes) > 1:
        raise CallerError("of --append, --replace and --replace-all there is one at most.")
    path = Path(options.file)
    table = options.table
    if table is None and path.suffix.lower() != ".zip" and options.format != "zip":
        table = path.name.partition(".")[0]
    with Backend.open(store_named(options.store, must_exist=False)) as backend:
        report = backend.import_data(str(path), table, mode=modes[0] if modes else None, format=options.format)
    for name, count in sorted(report.tables.items()):
        tell(f"{name}: {_counted(count, 'document')}")
    for each in report.skipped:
        tell(f"passed over: {each}")
    return 0


def run_export(options: argparse.Namespace) -> int:
    """Write a store, or one table of it, as of one moment."""
    with Backend.open(store_named(options.store)) as backend:
        report = backend.export_data(
            options.file, options.table, format=options.format, include_files=options.include_files
        )
    documents, tables = _counted(report.documents, "document"), _counted(len(report.tables), "table")
    tell(f"{report.path}: {documents} of {tables}, {_counted(report.files, 'file')}")
    return 0


def run_functions(options: argparse.Namespace) -> int:
    """Print what an app offers: its functions and endpoints, as JSON, a line each."""
    from nbconvex.codegen.function_spec import function_spec

    with opened(Path(options.app), ":memory:") as (backend, report):
        has_problems = complain_of(report)
        for each in function_spec(backend.registry.functions.values(), backend.http.routes.table):
            print_value(each)
    return 1 if has_problems else 0


def run_codegen(options: argparse.Namespace) -> int:
    """Write the types of a web app."""
    from nbconvex.codegen.generated_folder import write_types

    folder = Path(options.folder).absolute()
    with opened(Path(options.app), options.database) as (backend, report):
        if complain_of(report):
            return 1
        written = write_types(backend, folder)
    changed = ", ".join(written.written) or "nothing new"
    functions, tables = _counted(written.functions, "function"), _counted(written.tables, "table")
    tell(f"{written.folder}: {changed} ({functions}, {tables})")
    return 0


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
