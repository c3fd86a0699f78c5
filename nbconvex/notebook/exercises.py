"""`%%exercise NAME`: what a solution has to do, and trying one out.

Owns:  the cell that attaches a check to an exercise; the copy of the app that a check plays with; what is said of it.
Must not know: what any exercise asks.
Invariants: a check is given an empty copy of the app: its schema and functions, none of its documents. It reads and
       changes nothing of the notebook's own. A solution that is not right yet is no error: the cells below still run.
Threads: the kernel's main thread.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from IPython.core.error import UsageError
from IPython.core.magic import Magics, magics_class

from nbconvex.errors import CallerError, FunctionNotFoundError
from nbconvex.functions.cells import read_cell, run_cell, undone_on_error
from nbconvex.functions.command_words import unquoted
from nbconvex.functions.tracebacks import trim
from nbconvex.notebook.card import Lines, Listing, Verdict
from nbconvex.notebook.cell_magics import cell_errors, read_options
from nbconvex.notebook.cell_source import CellSource
from nbconvex.notebook.command_line import nearest, short_errors
from nbconvex.notebook.shell_words import argument, display, line_cell_magic, magic_arguments, no_var_expand

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbconvex.backend import Backend
    from nbconvex.notebook.session import Session

_CHECK: Final = "check"
_EXAMPLE: Final = 'def check(backend): assert ..., "what is missing"'
#: Whose functions those of a copy are.
_ORIGIN: Final = "exercise"


@dataclass
class Exercise:
    """One exercise. `is_solved` is None until it has been tried."""

    name: str
    check: Callable[[Backend], Any]
    is_solved: bool | None = None

    @property
    def asks(self) -> str:
        """What it asks, as far as its author has written that into the check."""
        return (self.check.__doc__ or "").strip().partition("\n")[0]


@magics_class
class ExerciseMagics(Magics):
    """The exercises of one notebook."""

    def __init__(self, session: Session) -> None:
        super().__init__(session.shell)
        self._session = session

    @no_var_expand
    @magic_arguments()
    @argument("name", nargs="?", help="what the exercise is called: %%convex check NAME tries a solution of it")
    @argument("--help", "-h", action="store_true", help="show this text")
    @line_cell_magic
    def exercise(self, line: str, cell: str | None = None) -> None:
        """Attach a check to an exercise, for those who write notebooks for others.

        The cell has one function, check(backend). It is given a copy of the app, with its schema and functions and
        without its documents, and asserts what a solution must do. What an assert says is what a learner reads.

            %%exercise exercise-1
            def check(backend):
                "Count the posts of an author."
                backend.api.posts.add(author="ada", title="one")
                count = backend.api.posts.count_by(author="ada")
                assert count == 1, f"ada has one post, and your query says {count}."
        """
        __tracebackhide__ = True
        with short_errors():
            options = read_options(self.exercise, line)
            if cell is None:
                display(exercises_listing(self._session))
                return
            if options.name is None:
                raise UsageError("%%exercise wants a name: %%exercise exercise-1")
            name = unquoted(options.name)
            source = CellSource.of(self._session.shell, "exercise", line, cell)
            with cell_errors(self._session, source):
                self._define(name, source)
            display(Lines([("", f"{name}: when you have a solution, try it with  %convex check {name}")]))

    def _define(self, name: str, source: CellSource) -> None:
        __tracebackhide__ = True
        namespace = self._session.shell.user_ns
        # A learner may have a function of that name too; it is left alone.
        of_learner = {each: namespace[each] for each in (_CHECK,) if each in namespace}
        try:
            with undone_on_error(namespace):
                namespace.pop(_CHECK, None)
                run_cell(read_cell(source.padded, filename=source.filename, takes_functions=False), namespace)
                check = namespace.pop(_CHECK, None)
                if not callable(check):
                    raise CallerError("this cell has no function called check.", hint=_EXAMPLE)
                namespace.update(of_learner)
        except BaseException as error:
            trim(error)
            raise
        self._session.exercises[name] = Exercise(name, check)


def exercises_listing(session: Session) -> Listing:
    """The exercises of a notebook, and which are solved."""
    said = {None: "not tried yet", True: "✓ right", False: "✗ not yet"}
    return Listing(
        "exercises: %convex check NAME tries a solution",
        ["exercise", "asks", "so far"],
        [[each.name, each.asks, said[each.is_solved]] for each in session.exercises.values()],
        empty="No exercise is defined here. %%exercise NAME defines one.",
    )


def check_exercise(session: Session, name: str) -> Verdict:
    """Try a solution on a copy of the app, and say what came of it.

    Raises:  CallerError where there is no such exercise.
    """
    exercise = session.exercises.get(name)
    if exercise is None:
        known = ", ".join(session.exercises) or "none: run the cells that begin with %%exercise"
        raise CallerError(f'there is no exercise "{name}".{nearest(name, session.exercises)} There are: {known}.')
    with empty_copy(session.backend) as copy:
        try:
            praise = exercise.check(copy)
        except Exception as error:
            exercise.is_solved = False
            again = f"Change your cells, run them, and try again:  %convex check {name}"
            return Verdict(f"{name}: not yet", _reason(error), is_good=False, note=again)
    exercise.is_solved = True
    return Verdict(f"{name}: right", praise if isinstance(praise, str) else "", is_good=True)


@contextmanager
def empty_copy(backend: Backend) -> Iterator[Backend]:
    """A backend in memory with the schema, functions, triggers and endpoints of another one, and no document."""
    copy = type(backend).open(typed_tables=False)
    try:
        schema = backend.database.snapshot.schema
        if schema is not None:
            copy.push_schema(schema.definition)
        copy.registry.replace(_ORIGIN, backend.registry.functions.values())
        copy.triggers.replace(_ORIGIN, backend.triggers)
        copy.http.routes.replace(_ORIGIN, tuple(backend.http.routes.table))
        yield copy
    finally:
        copy.close()


def _reason(error: Exception) -> str:
    if isinstance(error, FunctionNotFoundError):
        return f"There is no function {error.path} yet."
    if isinstance(error, AssertionError):
        if str(error):
            return str(error)
        frames = traceback.extract_tb(error.__traceback__)
        return f"This does not hold:  {frames[-1].line if frames else 'assert'}"
    return f"{type(error).__name__}: {error}"
