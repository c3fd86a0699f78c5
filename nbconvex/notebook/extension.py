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

                if isinstance(getattr(registered[kind].get(name), "__self__", None), _MAGICS):
