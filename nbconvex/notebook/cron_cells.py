"""`%%cron`: a cell whose call recurs.

Owns:  the line that says when it runs next; what becomes of the cron when its cell becomes another cell.
Must not know: what a cron cell says, how a cron is kept or run.
Invariant: a cell that is run again without `%%cron` has no cron any more.
Threads: the kernel's main thread.
"""

from __future__ import annotations

import argparse
from datetime import datetime

from nbconvex.errors import CallerError
from nbconvex.functions.command_words import unquoted
from nbconvex.notebook.card import Lines
from nbconvex.notebook.cell_source import CellSource, cell_origin
from nbconvex.notebook.session import Session


def define_cron(session: Session, options: argparse.Namespace, source: CellSource) -> Lines:
    """Put a cell's cron in force in place of the one that it had.

    Raises:  CallerError for an option or body that cannot be; whatever the arguments raise.
    """
    __tracebackhide__ = True
    from nbconvex.services.scheduler.cron_forms import CronDefinition, require_name
    from nbconvex.services.scheduler.cron_words import read_call, recurrence_of

    if options.name is None:
        raise CallerError("a cron has a name.", hint='%%cron tidy --daily 03:00   or   %%cron "tidy up" --every 5m')
    name = unquoted(options.name)
    require_name(name)
    recurrence = recurrence_of(name, options)
    target, args = read_call(source.padded, source.filename, session.shell.user_ns)
    scheduler = session.backend.scheduler
    change = scheduler.declare_crons(_origin(session, name), [CronDefinition(name, recurrence, target, args)])
    word = "new" if change.added else "changed" if change.changed else "unchanged:"
    [document] = [each for each in scheduler.crons.documents() if each["name"] == name]
    lines = [("✓", f"{word} cron {name}: {document['function']}, {recurrence}; next {moment(document['nextTime'])}")]
    lines += [("✓", f"gone: cron {each}") for each in change.removed]
    if scheduler.paused:
        lines.append(("!", f"Nothing runs now: paused ({scheduler.paused}). %convex resume"))
    return Lines(lines)


def _origin(session: Session, name: str) -> str:
    origin = cell_origin(session.shell)
    if origin is None:
        return f"cron cell {name}"
    session.cron_cell = origin
    return origin


def forget_cron_of(session: Session, cell: str | None) -> Lines | None:
    """Take out the crons of a cell that was run and declared none; what to say about it."""
    if cell is None or session.cron_cell == cell or not session.is_open or not len(session.backend.scheduler.crons):
        return None
    change = session.backend.scheduler.declare_crons(cell, [])
    return Lines([("✓", f"gone: cron {name}") for name in change.removed]) if change.removed else None


def moment(time_ms: float) -> str:
    """A time as people here read it: in the kernel's time zone, the date only if it is not today."""
    at = datetime.fromtimestamp(time_ms / 1e3).astimezone()
    is_today = at.date() == datetime.now().astimezone().date()
    return at.strftime("%H:%M:%S" if is_today else "%Y-%m-%d %H:%M")
