"""`%convex schema`: a `%%schema` cell made from the documents that are there.

Owns:  the command.
Must not know: IPython; how the cell is made.
Threads: the kernel's main thread.
"""

from __future__ import annotations

import argparse

from nbconvex.functions.command_words import unquoted
from nbconvex.notebook.card import Code, Lines
from nbconvex.notebook.command_table import argument, command
from nbconvex.notebook.session import Session


@command(
    "schema",
    "A %%schema cell made from the documents that are there: every one of them fits it.",
    argument("tables", nargs="*", help="of the tables without a schema only these"),
    argument("--cell", action="store_true", help="put it into the cell below this one"),
    takes="table",
    epilog="example:  %convex schema cities --cell",
)
def _schema(session: Session, options: argparse.Namespace) -> Code | Lines:
    __tracebackhide__ = True
    # Not at the top: loading the extension is to stay quick.
    from nbconvex.codegen.schema_cell import schema_cell

    text = schema_cell(session.backend.database.snapshot, [unquoted(each) for each in options.tables])
    if "\n" not in text.strip():
        return Lines([("", "No tables yet, and no documents to tell their fields by.")])
    if options.cell:
        session.shell.set_next_input(str(text))
        return Lines([("✓", "It is in the cell below this one. Make it stricter where you know more, and run it.")])
    return Code(str(text))
