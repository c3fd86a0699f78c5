"""`%convex check`: whether a solution of an exercise is right.

Owns:  the command.
Must not know: IPython; how a solution is tried.
Threads: the kernel's main thread.
"""

from __future__ import annotations

import argparse

from nbconvex.functions.command_words import unquoted
from nbconvex.notebook.card import Lines, Listing
from nbconvex.notebook.command_table import argument, command
from nbconvex.notebook.session import Session


@command(
    "check",
    "Try your solution of an exercise; alone, list the exercises.",
    argument("exercise", nargs="?", help="the name of an exercise"),
    takes="exercise",
    epilog="example:  %convex check exercise-1",
)
def _check(session: Session, options: argparse.Namespace) -> Lines | Listing:
    __tracebackhide__ = True
    # Not at the top: few notebooks have exercises.
    from nbconvex.notebook.exercises import check_exercise, exercises_listing

    return (
        exercises_listing(session) if options.exercise is None else check_exercise(session, unquoted(options.exercise))
    )
