"""`%convex import` and `%convex export`: data in, data out.

Owns:  the commands, and what they answer.
Must not know: IPython; formats, how anything is read or written.
Threads: the kernel's main thread.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbconvex.errors import CallerError
from nbconvex.functions.command_words import unquoted
from nbconvex.notebook.card import Lines
from nbconvex.notebook.command_table import argument, command
from nbconvex.notebook.session import IN_MEMORY, Session
from nbconvex.notebook.sizes import shown_ms, shown_size
from nbconvex.notebook.transfer_bar import TransferBar

if TYPE_CHECKING:
    from nbconvex.services.transfer.importer import ImportReport
    from nbconvex.values.schema import SchemaDefinition


@command(
    "import",
    "Read a file into a table (.csv .tsv .jsonl .json .parquet), or a snapshot (.zip) into the store: all or nothing.",
    argument("file", help="the file's path, or the name of a variable: a data frame, a table, a list of dicts"),
    argument("--table", help="the table; by default the file's name. A snapshot names its tables itself"),
    argument("--append", action="store_true", help="keep the documents that are there"),
    argument("--replace", action="store_true", help="delete the documents of the tables that are imported"),
    argument("--replace-all", action="store_true", help="delete those of all other tables too"),
    argument("--format", help="what is in the file, where its ending does not say it: csv, tsv, jsonl, json, ..."),
    takes="file",
    epilog="example:  %convex import cities.csv --table cities --append",
)
def _import(session: Session, options: argparse.Namespace) -> Lines:
    __tracebackhide__ = True
    modes = [name for name in ("append", "replace", "replace_all") if getattr(options, name)]
    if len(modes) > 1:
        raise CallerError(f"{' and '.join('--' + mode.replace('_', '-') for mode in modes)} exclude each other.")
    source, name = _source(session, unquoted(options.file))
    table = options.table
    is_snapshot = options.format == "zip" or (options.format is None and name.lower().endswith(".zip"))
    if table is None and not is_snapshot:
        table = _table_of(name)
    bar = TransferBar(session, f"importing {name}", "bytes" if isinstance(source, str) else "rows")
    if isinstance(source, str) and (options.format == "parquet" or name.lower().endswith(".parquet")):
        bar = TransferBar(session, f"importing {name}", "rows")
    text, is_done = "stopped: nothing was changed", False
    try:
        report = session.backend.import_data(
            source, table, mode=modes[0] if modes else None, format=options.format, progress=bar.update
        )
        text, is_done = f"{report.documents:,} documents", True
    finally:
        bar.end(text, is_done=is_done)
    return _imported(report, name, session.backend.schema)


def _source(session: Session, written: str) -> tuple[Any, str]:
    """What is to be imported, and what to call it: a path, or the notebook's variable of that name."""
    if written.isidentifier() and not Path(written).exists() and written in session.shell.user_ns:
        return session.shell.user_ns[written], written
    return written, Path(written).name


def _table_of(name: str) -> str:
    table = name.partition(".")[0]
    if not (table.isidentifier() and table.isascii()) or table.startswith("_"):
        raise CallerError(f"{name} is no name for a table: say which one.", hint=f"%convex import {name} --table items")
    return table


def _imported(report: ImportReport, name: str, schema: SchemaDefinition | None) -> Lines:
    tables = ", ".join(f"{count:,} into {table}" for table, count in sorted(report.tables.items())) or "no documents"
    files = f", and {_counted(report.files, 'file')}" if report.files else ""
    lines = [("✓", f"{name}: {tables}{files}, in {report.seconds:,.1f} s")]
    if report.emptied:
        lines.append(("", f"emptied: {', '.join(report.emptied)}"))
    lines += [("", f"passed over: {each}") for each in report.skipped]
    loose = sorted(each for each, count in report.tables.items() if count and (not schema or each not in schema.tables))
    if loose:
        lines.append(("→", f"A schema cell made from these documents: %convex schema {' '.join(loose)} --cell"))
    return Lines(lines)


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


@command(
    "export",
    "Write the store as of this moment into a snapshot (.zip), or tables as .jsonl or .parquet.",
    argument("file", help="FILE.zip; FILE.jsonl or FILE.parquet of one --table; a folder: a Parquet file a table"),
    argument("--table", help="only this table"),
    argument("--include-files", action="store_true", help="files too, in a snapshot"),
    argument("--format", help="zip, jsonl, parquet or folder, where the name does not say it"),
    takes="file",
    epilog="example:  %convex export backup.zip --include-files",
)
def _export(session: Session, options: argparse.Namespace) -> Lines:
    __tracebackhide__ = True
    target = unquoted(options.file)
    bar = TransferBar(session, f"exporting {Path(target).name}", "documents")
    text, is_done = "stopped: nothing was written", False
    try:
        report = session.backend.export_data(
            target, options.table, format=options.format, include_files=options.include_files, progress=bar.update
        )
        text, is_done = f"{report.documents:,} documents", True
    finally:
        bar.end(text, is_done=is_done)
    files = f" and {_counted(report.files, 'file')}" if report.files else ""
    where = "a store in memory" if session.path == IN_MEMORY else session.shown_path
    counted = f"{_counted(report.documents, 'document')} of {_counted(len(report.tables), 'table')}{files}"
    lines = [
        ("✓", f"{target}: {counted} of {where}, {shown_size(report.size_bytes)}, in {shown_ms(report.seconds * 1e3)}")
    ]
    if not options.include_files and report.has_files and report.is_snapshot:
        lines.append(("", "The files are not in it: --include-files writes them too."))
    return Lines(lines)
