"""`%%migration NAME --table TABLE`: a cell that goes over the documents of a table.

Owns:  reading its options, defining what is in it, then running it.
Must not know: what a run looks like; how a migration is run, or how its place is kept.
Invariants: a cell with an error in its text changes nothing. A cell that is run again goes on where it stood, with the
       function as it is now; one that is done does nothing.
Threads: the kernel's main thread.
"""

from __future__ import annotations

import argparse

from IPython.core.error import UsageError
from IPython.core.magic import Magics, magics_class

from nbconvex.functions.command_words import unquoted
from nbconvex.notebook.cell_magics import cell_errors, read_options
from nbconvex.notebook.cell_source import CellSource, cell_origin
from nbconvex.notebook.command_line import short_errors
from nbconvex.notebook.migration_runs import carry_out, rehearse
from nbconvex.notebook.session import Session
from nbconvex.notebook.shell_words import cell_arguments, display, line_cell_magic, no_var_expand


@magics_class
class MigrationMagics(Magics):
    """The migration cells of one notebook."""

    def __init__(self, session: Session) -> None:
        super().__init__(session.shell)
        self._session = session

    @no_var_expand
    @cell_arguments("migration")
    @line_cell_magic
    def migration(self, line: str, cell: str | None = None) -> None:
        """Change the documents of a table, batch by batch, each of them once.

        The cell has a function that is given one document and returns the fields to change: UNSET takes a field out,
        None changes nothing. It may also read and write with ctx, like any mutation.

            %%migration add_age --table users
            def migrate_one(ctx, doc):
                return {"age": 0} if "age" not in doc else None

        An interrupt, an error or a restart of the kernel loses no batch that is done: run the cell again to go on.
        """
        __tracebackhide__ = True
        with short_errors():
            options = read_options(self.migration, line)
            if cell is None:
                # Not at the top: loading the extension is to stay quick.
                from nbconvex.notebook.migration_commands import migrations_listing

                display(migrations_listing(self._session.backend))
                return
            if options.name is None or options.table is None:
                raise UsageError("%%migration wants a name and a table: %%migration add_age --table users")
            self._define(line, cell, options)

    def _define(self, line: str, cell: str, options: argparse.Namespace) -> None:
        __tracebackhide__ = True
        session = self._session
        name = unquoted(options.name)
        source = CellSource.of(session.shell, "migration", line, cell)
        with cell_errors(session, source):
            session.backend.migrations.define_cell(
                source.padded,
                name,
                table=unquoted(options.table),
                batch_size=options.batch,
                origin=cell_origin(session.shell),
                namespace=session.shell.user_ns,
                filename=source.filename,
            )
        if options.dry_run:
            rehearse(session, name)
        else:
            carry_out(session, name, reset=options.reset)
