"""Which functions a store has had, for the message after a restart.

Owns:  `Remembered`: paths and where they were defined, kept in the store.
Must not know: what a function is.
Threads: changes are made one at a time, by whoever defines.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbconvex.database.database import Database
    from nbconvex.functions.definition import FunctionDefinition

_GLOBAL = "functions"


class Remembered:
    """The functions of one store, defined or not yet defined again."""

    def __init__(self, database: Database) -> None:
        self._database = database
        kept = database.get_global(_GLOBAL)
        #: From a path to where it was defined.
        self.places: dict[str, str] = json.loads(kept) if kept else {}

    def keep(self, definitions: Iterable[FunctionDefinition], where: str, removed: Iterable[str]) -> None:
        """Note what was defined and what is gone."""
        before = dict(self.places)
        for definition in definitions:
            self.places[definition.path] = where
        for path in removed:
            self.places.pop(path, None)
        if self.places != before:
            self._database.put_global(_GLOBAL, json.dumps(self.places).encode())
