"""`%%trigger TABLE`: cells that define what runs after every write to a table.

Owns:  reading the options, handing the code to the backend, the line that says what changed; what becomes of a cell's
triggers when it becomes another cell.
Must not know: what a cell's code means; when triggers run.
Invariants: as of all defining cells: a cell replaces exactly what it had defined, a cell with an error changes nothing.
A cell that is run again without `%%trigger` has no triggers any more: nothing would show that they still run.
Threads: the kernel's main thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from IPython.core.error import UsageError
from IPython.core.magic import Magics, magics_class

from nbconvex.functions.command_words import unquoted
from nbconvex.notebook.card import Lines, Listing
from nbconvex.notebook.cell_magics import cell_errors, read_options
from nbconvex.notebook.cell_source import CellSource, cell_origin
from nbconvex.notebook.command_line import short_errors
from nbconvex.notebook.session import Session
from nbconvex.notebook.shell_words import cell_arguments, display, line_cell_magic, no_var_expand

if TYPE_CHECKING:
    from nbconvex.functions.triggers import TriggerReport


@magics_class
class TriggerMagics(Magics):
    """The trigger cells of one notebook."""

    def __init__(self, session: Session) -> None:
        super().__init__(session.shell)
        self._session = session

    @no_var_expand
    @cell_arguments("trigger")
    @line_cell_magic
    def trigger(self, line: str, cell: str | None = None) -> None:
        """Define triggers: functions that run after every write to a table, in the same transaction.

        Every top-level def whose first parameter is ctx is one. It gets ctx as a mutation does, and the change:
        change.operation ("insert", "update", "delete"), change.id, change.old_doc and change.new_doc. If it raises,
        the write raises. What it writes through ctx.inner_db sets off no trigger.

            %%trigger messages
            def count(ctx, change):
                if change.operation == "insert":
                    ctx.db.patch(change.new_doc["channel"], {"last": change.id})
        """
        __tracebackhide__ = True
        with short_errors():
            options = read_options(self.trigger, line)
            if cell is None:
                display(triggers_listing(self._session))
                return
            if options.table is None:
                raise UsageError("%%trigger wants a table: %%trigger messages")
            session = self._session
            source = CellSource.of(session.shell, "trigger", line, cell)
            origin = cell_origin(session.shell)
            with cell_errors(session, source):
                report = session.backend.triggers.define_cell(
                    unquoted(options.table),
                    source.padded,
                    origin=origin,
                    namespace=session.shell.user_ns,
                    filename=source.filename,
                )
            if origin is not None:
                # The cell may have defined functions or an endpoint before.
                session.backend.registry.replace(origin, ())
                session.backend.http.forget(origin)
                session.trigger_cell = origin
            display(_lines(report))


def _lines(report: TriggerReport) -> Lines:
    change = report.change
    parts = [
        f"{word} {', '.join(f'trigger {name}' for name in names)}"
        for word, names in (("new", change.added), ("changed", change.changed), ("gone", change.removed))
        if names
    ]
    taken = [("!", f"trigger {name} was another cell's before") for name in change.taken_over]
    return Lines([("✓", " · ".join(parts) or "nothing changed"), *taken, *(("!", note) for note in report.notes)])


def triggers_listing(session: Session) -> Listing:
    """The triggers that are defined."""
    rows = [[each.name, each.table, each.place] for each in session.backend.triggers] if session.is_open else []
    return Listing(
        "triggers",
        ["trigger", "runs after every write to", "defined by"],
        rows,
        empty="No triggers yet. A cell that begins with %%trigger TABLE defines some.",
    )


def forget_triggers_of(session: Session, cell: str | None) -> Lines | None:
    """Take out the triggers of a cell that was run and declared none; what to say about it."""
    if cell is None or session.trigger_cell == cell or not session.is_open or not len(session.backend.triggers):
        return None
    change = session.backend.triggers.forget(cell)
    return Lines([("✓", f"gone: trigger {name}") for name in change.removed]) if change.removed else None
