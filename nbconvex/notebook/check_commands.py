"""`%convex check` and `%convex insights`: what could be better about the app, and how its functions fare.

Owns:  the commands.
Must not know: IPython; how anything is found.
Threads: the kernel's main thread.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from nbconvex.functions.command_words import unquoted
from nbconvex.notebook.card import Listing
from nbconvex.notebook.command_table import argument, command
from nbconvex.notebook.session import Session

if TYPE_CHECKING:
    from nbconvex.notebook.checklist import Checklist


@command(
    "check", "The checklist: what is wrong or worth a look in functions, endpoints, indexes and crons, and the cures."
)
def _check(session: Session, _options: argparse.Namespace) -> Checklist:
    # Not at the top: nobody needs it for loading the extension.
    from nbconvex.notebook.checklist import checklist_of

    return checklist_of(session)


@command(
    "insights",
    "How the functions fare: calls, errors, cache hits, how long they take, what they read; full scans first.",
    argument("--function", metavar="NAME", help="only this function, or this module, and each way it reads"),
    epilog="example:  %convex insights --function messages:newest",
)
def _insights(session: Session, options: argparse.Namespace) -> Listing:
    # Not at the top, as above.
    from nbconvex.notebook.insight_tables import insight_listing

    return insight_listing(session, None if options.function is None else unquoted(options.function))
