"""Where a notebook's data is kept when nobody says.

Owns:  finding the notebook's name, and the rule: `<notebook name>.duckdb` beside the notebook, `nbconvex.duckdb` in the
       working folder where the name cannot be known.
Must not know: how a store is opened.
Threads: any.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

UNNAMED_STORE: Final = "nbconvex.duckdb"


def store_path(user_ns: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> Path:
    """The file for the store of the notebook whose kernel this is."""
    # VS Code puts the path into the namespace, Jupyter's server into the environment of the kernel.
    named = user_ns.get("__vsc_ipynb_file__") or environment.get("JPY_SESSION_NAME")
    notebook = Path(str(named)) if named else None
    if notebook is None or notebook.suffix != ".ipynb" or not notebook.stem:
        return Path.cwd() / UNNAMED_STORE
    # The server's path may be of another machine, or of a drive that only the server knows.
    folder = notebook.parent if notebook.is_absolute() and notebook.parent.is_dir() else Path.cwd()
    return folder / f"{notebook.stem}.duckdb"
