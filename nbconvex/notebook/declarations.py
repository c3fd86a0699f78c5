"""Functions, endpoints and triggers that plain cells and files declare with decorators: `@query def newest(ctx): ...`.

Owns:  finding them after a cell has run, loading a file of them, and having the backend define them.
Must not know: what a declaration means.
Invariants: the notebook's namespace is the module `main`: what is bound there is defined, what was bound anew replaces
       what it was, what is gone is gone. What a cell that failed has declared is not defined, and what it replaced
       stays in force until a cell that succeeds binds the name anew. A declaration that belongs to another backend or
       module is left alone.
Threads: the kernel's main thread, after a cell.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from nbconvex.errors import CallerError, NbconvexError
from nbconvex.functions.definition import Declaration
from nbconvex.functions.http_declaration import RouteDeclaration
from nbconvex.functions.trigger import TriggerDeclaration
from nbconvex.notebook.card import Lines
from nbconvex.notebook.cell_magics import report_lines
from nbconvex.notebook.command_line import say
from nbconvex.notebook.session import Session
from nbconvex.notebook.shell_words import display

if TYPE_CHECKING:
    from nbconvex.notebook.session import Declared
    from nbconvex.services.migrations.migration_forms import MigrationDefinition
    from nbconvex.services.scheduler.cron_forms import CronDefinition


def load_file(session: Session, path: Path) -> Lines:
    """Define what a Python file declares, as the module of the file's name; what it had declared before is replaced.

    Raises:  whatever the file raises; CallerError.
    """
    __tracebackhide__ = True
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise CallerError(f"there is no Python file {path}.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return report_lines(session.backend.add_module(module, path.stem), session)


def collect_declarations(session: Session) -> None:
    """Define what plain cells have declared, and show what changed."""
    found = {}
    for name, value in _declared(session).items():
        if id(value) not in session.refused:
            found[name] = value
        elif name in session.declared:
            found[name] = session.declared[name]
    crons = _crons(session)
    if found == session.declared and crons == session.crons:
        return
    try:
        report = session.backend.add_module({**found, **crons}, "main")
    except NbconvexError as error:
        say(f"{type(error).__name__}: {error}")
        return
    if any(isinstance(each, RouteDeclaration) for each in found.values()):
        session.serve_if_allowed()
    session.declared, session.crons = found, crons
    display(report_lines(report, session))


def refuse_declarations(session: Session) -> None:
    """Remember what a cell that failed has declared, so that no later cell defines it."""
    in_force = set(map(id, session.declared.values()))
    bound = _declared(session).values()
    session.refused = {id(value): value for value in bound if id(value) not in in_force}


def _crons(session: Session) -> dict[str, CronDefinition | MigrationDefinition]:
    """The crons and migrations that are bound in the notebook."""
    # Where a module was not loaded, nobody has made one.
    kinds = tuple(
        getattr(sys.modules[module], name)
        for module, name in (
            ("nbconvex.services.scheduler.cron_forms", "CronDefinition"),
            ("nbconvex.services.migrations.migration_forms", "MigrationDefinition"),
        )
        if module in sys.modules
    )
    return {
        name: value
        for name, value in list(session.shell.user_ns.items())
        if isinstance(value, kinds) and not name.startswith("_") and not getattr(value, "is_defined", False)
    }


def _declared(session: Session) -> dict[str, Declared]:
    """The declarations that are bound in the notebook and belong to it."""
    ours = set(map(id, session.declared.values()))
    return {
        name: value
        for name, value in list(session.shell.user_ns.items())
        # IPython keeps the last results under names of its own.
        if isinstance(value, Declaration | RouteDeclaration | TriggerDeclaration)
        and not name.startswith("_")
        and (getattr(value, "reference", None) is None or id(value) in ours)
    }
