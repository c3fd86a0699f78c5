"""Keeping a web app's types up to date while a backend is being written.

Owns:  `TypesWatch`: what the files were last written from.
Must not know: when to look, which its holder decides (a notebook: after each cell); what stands in the files.
Invariant: looking costs next to nothing where no function, no schema and no table has changed.
Threads: one at a time.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbconvex.codegen.generated_folder import TypesReport, write_types

if TYPE_CHECKING:
    from nbconvex.backend import Backend


class TypesWatch:
    """The types of one backend in one folder; `refresh` writes them when they may differ."""

    def __init__(self, backend: Backend, folder: str | os.PathLike[str]) -> None:
        self._backend = backend
        #: Absolute, for a notebook may change its working directory.
        self.folder = Path(folder).expanduser().absolute()
        self._seen: Any = None

    def refresh(self) -> TypesReport | None:
        """Write the files; None where nothing has changed since they were written.

        Raises:  CallerError, and then the next call tries again.
        """
        state = self._state()
        if state == self._seen:
            return None
        report = write_types(self._backend, self.folder)
        self._seen = state
        return report

    def _state(self) -> Any:
        snapshot = self._backend.database.snapshot
        generations = {path: each.generation for path, each in self._backend.registry.functions.items()}
        # The schema itself and not its address, which another one may get when this one is gone.
        return generations, snapshot.schema, {each.name for each in snapshot.tables.values()}
