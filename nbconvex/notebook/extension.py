"""`%load_ext nbconvex`, `%unload_ext nbconvex`, `%reload_ext nbconvex`.

Owns:  putting a session into a shell, and taking out everything that was put in.
Must not know: what magics do.
Invariants: loading opens no file and imports neither duckdb nor ipywidgets: it takes a tenth of a second at most.
       Loading twice changes nothing; unloading twice is fine; reloading keeps the store open and the functions defined.
Threads: the kernel's main thread.
Source: `%reload_ext` is unload, reload of the package's own module, load; IPython takes back neither magics nor
matchers nor configurables by itself. Seen with IPython 7.34 and 9.
"""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any, Final

from nbconvex.notebook.card import Card
from nbconvex.notebook.cell_magics import CellMagics
from nbconvex.notebook.cell_source import cell_origin
from nbconvex.notebook.completion import Completion
from nbconvex.notebook.cron_cells import forget_cron_of
from nbconvex.notebook.declarations import collect_declarations, refuse_declarations
from nbconvex.notebook.exercises import ExerciseMagics
from nbconvex.notebook.http_cells import HttpMagics
from nbconvex.notebook.line_magics import LineMagics
from nbconvex.notebook.live import live
from nbconvex.notebook.migration_cells import MigrationMagics
from nbconvex.notebook.nest import old_package_applied
from nbconvex.notebook.options import NbConvex
from nbconvex.notebook.server_commands import server_line
from nbconvex.notebook.session import ATTRIBUTE, Session
from nbconvex.notebook.shell_words import display
from nbconvex.notebook.sql_cells import SqlMagics
from nbconvex.notebook.sql_picture import SqlForms
from nbconvex.notebook.tracebacks import Folding
from nbconvex.notebook.trigger_cells import TriggerMagics, forget_triggers_of

_CELL_MAGICS: Final = (
    "schema", "query", "mutation", "action", "cron", "http", "trigger", "auth", "migration", "convex_sql",
    "exercise",
)  # fmt: skip
__all__ = ["live", "load_ipython_extension", "unload_ipython_extension"]

_MAGICS: Final = (CellMagics, HttpMagics, TriggerMagics, MigrationMagics, SqlMagics, ExerciseMagics, LineMagics)
_LINE_MAGICS: Final = (*_CELL_MAGICS, "live", "convex")


class Extension:
    """What one shell was given."""

    def __init__(self, shell: Any, session: Session) -> None:
        self.session = session
        self._shell = shell
        for magics in _MAGICS:
            shell.register_magics(magics(session))
        self._sql_forms = SqlForms(shell)
        self._completion = Completion(session)
        self._folding = Folding(shell, is_wanted=lambda: session.options.fold_tracebacks)
        shell.configurables.append(session.options)
        shell.events.register("pre_run_cell", self._before_cell)
        shell.events.register("post_run_cell", self._after_cell)
        self.names_taken = session.inject(session.names(live))

    def remove(self, *, keeps_session: bool) -> None:
        """Take everything out of the shell again."""
        self._shell.events.unregister("pre_run_cell", self._before_cell)
        self._shell.events.unregister("post_run_cell", self._after_cell)
        # IPython lists magics there too.
        ours = (*_MAGICS, NbConvex)
        self._shell.configurables[:] = [each for each in self._shell.configurables if not isinstance(each, ours)]
        self._folding.remove()
        self._completion.remove()
        self._sql_forms.remove()
        registered = self._shell.magics_manager.magics
        for kind, names in (("cell", _CELL_MAGICS), ("line", _LINE_MAGICS)):
            for name in names:
                if isinstance(getattr(registered[kind].get(name), "__self__", None), _MAGICS):
                    del registered[kind][name]
        if not keeps_session:
            self.session.withdraw()
            self.session.close()

    def _before_cell(self, _info: Any) -> None:
        cell = cell_origin(self._shell)
        self.session.cron_cell = self.session.trigger_cell = None
        if cell is not None:
            # The page throws the cell's old output away; its views must not go on running unseen.
            self.session.end_views("This view has stopped: its cell was run again.", cell=cell)

    def _after_cell(self, result: Any) -> None:
        if getattr(result, "success", True):
            collect_declarations(self.session)
            cell = cell_origin(self._shell)
            for gone in (forget_cron_of(self.session, cell), forget_triggers_of(self.session, cell)):
                if gone is not None:
                    display(gone)
        else:
            refuse_declarations(self.session)
        if self.session.is_open and self.session.options.notes:
            # Not at the top: the first cell that opens the store can wait for it, loading the extension cannot.
            from nbconvex.notebook.cell_notes import fresh_notes

            notes = fresh_notes(self.session)
            if notes is not None:
                display(notes)
        if self.session.types_watch is not None:
            # Not at the top: few notebooks have a web app.
            from nbconvex.notebook.codegen_commands import refresh_types

            told = refresh_types(self.session.types_watch)
            if told is not None:
                display(told)


def load_ipython_extension(shell: Any) -> None:
    """Prepare a notebook: magics, names, completion. Shows one card."""
    old: Extension | None = getattr(shell, ATTRIBUTE, None)
    if old is not None and old.session.is_loaded:
        return
    session = old.session if old is not None else Session(shell, NbConvex(parent=shell))
    extension = Extension(shell, session)
    session.is_loaded = True
    setattr(shell, ATTRIBUTE, extension)
    display(_card(extension))


def unload_ipython_extension(shell: Any) -> None:
    """Stop everything and take it out. Within `%reload_ext` the store stays open and the functions defined."""
    extension: Extension | None = getattr(shell, ATTRIBUTE, None)
    if extension is None or not extension.session.is_loaded:
        return
    is_reload = _is_reload()
    extension.session.is_loaded = False
    extension.remove(keeps_session=is_reload)
    if not is_reload:
        delattr(shell, ATTRIBUTE)


def _is_reload() -> bool:
    """Whether `%reload_ext` is at work: IPython does not say so to the extension."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - there is no public way to see who called
    while frame is not None:
        if frame.f_code.co_name == "reload_extension":
            return True
        frame = frame.f_back
    return False


def _card(extension: Extension) -> Card:
    session = extension.session
    state = "open" if session.is_open else "opens with the first cell that needs it"
    pairs = [
        ("store", f"{session.shown_path} ({state})"),
        ("server", server_line(session)),
        ("help", "%convex help"),
    ]
    if extension.names_taken:
        taken = ", ".join(extension.names_taken)
        pairs.append(
            ("your own", f"{taken}: left as they are; nbconvex has them as nbconvex.{extension.names_taken[0]}")
        )
    if old_package_applied():
        pairs.append(
            ("warning", "nest_asyncio is applied: waiting cells can be lost. nest-asyncio2 has no such fault.")
        )
    return Card("nbconvex is ready", pairs)
