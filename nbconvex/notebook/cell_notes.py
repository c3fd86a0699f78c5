"""Soft notes under the cell that has just run.

Owns:  `fresh_notes`.
Must not know: what is worth a note; IPython.
Invariant: a note that cannot be made is a line in the log, never an error under somebody's cell.
Threads: the kernel's main thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbconvex.checks.notes import Notes
from nbconvex.notebook.checklist import NoteLines
from nbconvex.notebook.tracebacks import file_name

if TYPE_CHECKING:
    from nbconvex.notebook.session import Session


def fresh_notes(session: Session) -> NoteLines | None:
    """What has become worth telling since the last cell; None for nothing."""
    backend = session.backend
    if session.notes is None or session.notes.backend is not backend:
        session.notes = Notes(backend)
    try:
        found = session.notes.fresh(file_name)
    except Exception as error:
        backend.runner.log_problem("notes", error)
        return None
    return NoteLines(found) if found else None
