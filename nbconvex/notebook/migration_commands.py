"""`%convex migrations`: which there are, how far they have come, running and giving them up.

Owns:  the command and its listing.
Must not know: IPython; how a migration is run.
Threads: the kernel's main thread.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from nbconvex.errors import CallerError
from nbconvex.functions.command_words import unquoted
from nbconvex.notebook.card import Lines, Listing
from nbconvex.notebook.command_table import argument, command
from nbconvex.notebook.cron_cells import moment
from nbconvex.notebook.migration_runs import carry_out, rehearse
from nbconvex.notebook.session import Session

if TYPE_CHECKING:
    from nbconvex.backend import Backend
    from nbconvex.services.migrations.records import MigrationStatus


@command(
    "migrations",
    "The migrations: which table, how far they have come, when, what stopped them.",
    argument("--run", nargs="+", metavar="NAME", help="run these, one after the other, each from where it stands"),
    argument("--dry-run", metavar="NAME", help="show what this one would do; keep nothing"),
    argument("--reset", action="store_true", help="with --run: begin again at the first document"),
    argument("--cancel", metavar="NAME", help="give this one up; what it did stays"),
    argument("--draft", nargs="?", const="", metavar="TABLE", help="put the cell that the last %%schema offered below"),
    epilog="example:  %convex migrations --run split_names add_age",
)
def _migrations(session: Session, options: argparse.Namespace) -> Lines | Listing:
    __tracebackhide__ = True
    migrations = session.backend.migrations
    if options.draft is not None:
        return _drafted(session, unquoted(options.draft))
    if options.cancel is not None:
        status = migrations.cancel(unquoted(options.cancel))
        return Lines([("✓", f"Canceled: {status.name}, at {_come(status)}. What it did stays.")])
    if options.dry_run is not None:
        rehearse(session, unquoted(options.dry_run))
    for name in map(unquoted, options.run or ()):
        # All of them before any of them: a misspelling must not be found half way.
        migrations.status(name)
    for name in map(unquoted, options.run or ()):
        if not carry_out(session, name, reset=options.reset):
            break
    return migrations_listing(session.backend)


def migrations_listing(backend: Backend) -> Listing:
    """The migrations, one a row."""
    statuses = backend.migrations.statuses()
    return Listing(
        "migrations",
        ["migration", "table", "state", "documents", "changed", "when", "note"],
        [
            [
                each.name,
                each.table,
                each.state,
                _come(each),
                f"{each.changed:,}",
                moment(each.updated_ms) if each.updated_ms else "",
                _note(each),
            ]
            for each in statuses
        ],
        empty="No migrations. A cell that begins with %%migration NAME --table TABLE is one.",
        numeric=[False, False, False, True, True, False, False],
    )


def _come(status: MigrationStatus) -> str:
    return f"{status.visited:,} of {status.total:,}"


def _note(status: MigrationStatus) -> str:
    notes = []
    if status.error:
        notes.append(f"document {status.document}: {status.error}")
    if status.state != "done":
        if not status.is_defined:
            notes.append("run its cell or module to go on")
        elif status.state in {"stopped", "failed", "canceled"}:
            notes.append(f"%convex migrations --run {status.name} goes on")
    elif status.is_edited:
        notes.append("its text is another one now than when it ran")
    return "; ".join(notes)


def _drafted(session: Session, table: str) -> Lines:
    drafts = session.migration_drafts
    if not drafts:
        raise CallerError("there is nothing to draft: a %%schema cell whose data does not fit offers migrations.")
    if not table and len(drafts) > 1:
        raise CallerError(f"there are drafts for {', '.join(sorted(drafts))}: say which table.")
    text = drafts.get(table or next(iter(drafts)))
    if text is None:
        raise CallerError(f"there is no draft for {table}; there are drafts for {', '.join(sorted(drafts))}.")
    session.shell.set_next_input(text)
    return Lines([("✓", "It is in the cell below this one.")])
