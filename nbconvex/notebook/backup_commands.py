"""`%convex backup` and `%convex restore`: everything that is stored, in one file, and back.

Owns:  the two commands; what a backup is called.
Must not know: IPython; how a snapshot is written or read.
Invariant: a restore is one commit: all of it or nothing, and it is asked for twice, for it deletes what is there.
Threads: the kernel's main thread.
Source: semantics 12.2.
"""

from __future__ import annotations

import argparse
import time
import zipfile
from pathlib import Path
from typing import Final

from nbconvex.errors import CallerError, DataRefusedError
from nbconvex.functions.command_words import unquoted
from nbconvex.notebook.card import Lines
from nbconvex.notebook.command_table import argument, command
from nbconvex.notebook.session import IN_MEMORY, Session
from nbconvex.notebook.sizes import shown_size
from nbconvex.notebook.transfer_bar import TransferBar

#: The entry of a snapshot whose time is the snapshot's.
_LISTING: Final = "_tables/documents.jsonl"


@command(
    "backup",
    "Write all documents and files, as of this moment, into one file that %convex restore reads.",
    argument("file", nargs="?", help="FILE.zip; by default the store's name and the time"),
    takes="file",
    epilog="Functions and the schema are in your notebook, and not in the file; scheduled functions are not either.",
)
def _backup(session: Session, options: argparse.Namespace) -> Lines:
    __tracebackhide__ = True
    target = _default_name(session) if options.file is None else unquoted(options.file)
    if Path(target).suffix.lower() != ".zip":
        raise CallerError(f"a backup is a .zip, and {target} is none.", hint=f"%convex backup {_written(target)}.zip")
    bar = TransferBar(session, f"writing {Path(target).name}", "documents")
    text, is_done = "stopped: nothing was written", False
    try:
        report = session.backend.export_data(target, include_files=True, progress=bar.update)
        text, is_done = f"{report.documents:,} documents", True
    finally:
        bar.end(text, is_done=is_done)
    counted = f"{_counted(report.documents, 'document')} and {_counted(report.files, 'file')}"
    return Lines(
        [
            ("✓", f"{target}: {counted}, {shown_size(report.size_bytes)}"),
            ("", f"To have this moment back: %convex restore {_written(target)}"),
        ]
    )


def _default_name(session: Session) -> str:
    stem = "nbconvex" if session.path == IN_MEMORY or "://" in session.path else Path(session.path).stem
    return f"{stem}-{time.strftime('%Y-%m-%d-%H%M%S')}.zip"


@command(
    "restore",
    "Put back what a backup holds, in place of all documents and files that there are: all of it or nothing.",
    argument("file", help="what %%convex backup, %%convex export or npx convex export has written: FILE.zip"),
    argument("--yes", action="store_true", help="do it; without it nothing is changed"),
    takes="file",
    epilog="Scheduled functions stay as they are. example:  %convex restore app-2026-11-26-140000.zip --yes",
)
def _restore(session: Session, options: argparse.Namespace) -> Lines:
    __tracebackhide__ = True
    source = unquoted(options.file)
    moment = _moment(source)
    tables = session.backend.database.snapshot.tables.values()
    present = sum(len(each.documents) for each in tables if not each.name.startswith("_"))
    if not options.yes:
        return Lines(
            [
                ("!", f"This would put back the state of {moment}, in place of {_counted(present, 'document')} here."),
                ("", f"To do it: %convex restore {_written(source)} --yes"),
                ("", "To be able to come back to what is here: %convex backup"),
            ]
        )
    bar = TransferBar(session, f"restoring {Path(source).name}", "bytes")
    text, is_done = "stopped: nothing was changed", False
    try:
        report = session.backend.import_data(source, mode="replace_all", format="zip", progress=bar.update)
        text, is_done = f"{report.documents:,} documents", True
    except DataRefusedError as error:
        cure = "Where it is the schema that they do not fit: run the %%schema cell of that time, then this line again."
        raise DataRefusedError(error.source, error.problems, cure=cure) from None
    finally:
        bar.end(text, is_done=is_done)
    counted = f"{_counted(report.documents, 'document')} and {_counted(report.files, 'file')}"
    lines = [("✓", f"The state of {moment} is back: {counted}, in place of {_counted(present, 'document')}.")]
    return Lines(lines + [("", f"passed over: {each}") for each in report.skipped])


def _moment(path: str) -> str:
    """When a snapshot was taken, in words.

    Raises:  CallerError for what is no snapshot.
    """
    try:
        with zipfile.ZipFile(Path(path).expanduser()) as file:
            year, month, day, hour, minute, second = file.getinfo(_LISTING).date_time
    except FileNotFoundError:
        raise CallerError(f"there is no file {path}.") from None
    except (OSError, zipfile.BadZipFile, KeyError):
        raise CallerError(f"{path} is no backup: %convex backup writes one.") from None
    return f"{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC"


def _written(path: str) -> str:
    """A path as it stands in a line."""
    return f'"{path}"' if " " in path else path


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
