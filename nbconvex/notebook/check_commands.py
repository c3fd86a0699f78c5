"""`%convex check` and `%convex insights`: the checklist, solutions of exercises, how functions fare.

Owns:  the commands.
Must not know: IPython; how anything is found or tried.
Threads: the kernel's main thread.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from nbconvex.functions.command_words import unquoted
from nbconvex.notebook.card import Lines, Listing, Verdict
from nbconvex.notebook.command_table import argument, command
from nbconvex.notebook.session import Session

if TYPE_CHECKING:
    from nbconvex.notebook.checklist import Checklist


@command(
    "check",
    "The checklist of the app: what is wrong, and what to write; with a name, try your solution of an exercise.",
    argument("exercise", nargs="?", help="the name of an exercise"),
    takes="exercise",
    epilog="example:  %convex check exercise-1",
)
def _check(session: Session, options: argparse.Namespace) -> Checklist | Lines | Verdict:
    __tracebackhide__ = True
    # Not at the top: loading the extension is to stay quick, and few notebooks have exercises.
    if options.exercise is None:
        from nbconvex.notebook.checklist import checklist_of

        return checklist_of(session)
    from nbconvex.notebook.exercises import check_exercise

    return check_exercise(session, unquoted(options.exercise))


@command(
    "insights",
    "How the functions fare: calls, errors, cache hits, how long they take, how they read.",
    argument("--function", metavar="NAME", help="only this function, or this module, and each way it reads"),
    epilog="example:  %convex insights --function messages:newest",
)
def _insights(session: Session, options: argparse.Namespace) -> Listing:
    # Not at the top, as above.
    from nbconvex.notebook.insight_tables import insight_listing

    return insight_listing(session, None if options.function is None else unquoted(options.function))
