"""`%convex dashboard`: the backend, to be looked at and changed by hand.

Owns:  the command, and what it answers where there are no widgets.
Must not know: IPython; what a panel shows.
Threads: the kernel's main thread.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from nbconvex.errors import CallerError
from nbconvex.functions.command_words import unquoted
from nbconvex.notebook.card import Listing
from nbconvex.notebook.command_line import nearest
from nbconvex.notebook.command_table import argument, command
from nbconvex.notebook.session import Session

if TYPE_CHECKING:
    from nbconvex.backend import Backend


@command(
    "dashboard",
    "The backend on one page: tables to browse and edit, functions to run, logs, jobs, files, endpoints.",
    argument("panel", nargs="?", help="which panel stands open; or the name of a table, or of a function"),
    takes="table",
    epilog="example:  %convex dashboard messages",
)
def _dashboard(session: Session, options: argparse.Namespace) -> Any:
    __tracebackhide__ = True
    backend = session.backend
    # Not at the top: loading the extension is to stay quick.
    from nbconvex.dashboard.panels import panels_of
    from nbconvex.dashboard.tables import table_counts

    panel, place = "", None
    if options.panel is not None:
        wanted = unquoted(options.panel)
        panels, tables = [each.name for each in panels_of(backend)], [name for name, _ in table_counts(backend)]
        if wanted in panels:
            panel = wanted
        elif wanted in tables:
            panel, place = "tables", {"table": wanted}
        elif (function := backend.registry.get(wanted)) is not None:
            panel, place = "functions", {"function": function.path}
        else:
            known = ", ".join([*panels, *sorted(tables)])
            guess = nearest(wanted, [*panels, *tables])
            raise CallerError(f'there is no panel, table or function "{wanted}".{guess} There are: {known}.')
    if not session.can_follow or not session.has_widgets or session.options.live == "html":
        return in_words(backend, "the dashboard needs a notebook with widgets; %convex data TABLE shows one")
    from nbconvex.notebook.dashboard import Dashboard

    return Dashboard(
        backend,
        lambda: in_words(backend, "as saved"),
        title=session.shown_path,
        panel=panel,
        place=place,
        addresses=lambda: session.addresses,
    )


def in_words(backend: Backend, note: str) -> Listing:
    """What stands where no page is: the tables and how many documents each has."""
    from nbconvex.dashboard.tables import table_counts

    rows = [[name, f"{count:,}"] for name, count in table_counts(backend)]
    return Listing(
        f"tables ({note})", ["table", "documents"], rows, empty=f"No tables yet ({note}).", numeric=[False, True]
    )
