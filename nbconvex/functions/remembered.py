"""Which functions a store has had, so that a restarted kernel can say which cell to run.

Owns:  `Remembered`, and the global of the store that it is kept in.
Must not know: how a function is found or run.
Threads: as definitions are made: one after the other.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from nbconvex.database.database import Database
    from nbconvex.functions.definition import FunctionDefinition

_GLOBAL: Final = "functions"


class Remembered:
    """Paths of functions, each with the words for where it was defined."""

    def __init__(self, database: Database) -> None:
        self._database = database
        kept = database.get_global(_GLOBAL)
        #: Where each function stood, by its path.
        self.places: dict[str, str] = json.loads(kept) if kept else {}

    def add(self, definitions: Iterable[FunctionDefinition], where: str, removed: Iterable[str]) -> None:
        """Keep that `where` has defined these functions, and that those of the paths `removed` are gone."""
        before = dict(self.places)
        for definition in definitions:
            self.places[definition.path] = where
        for path in removed:
            self.places.pop(path, None)
        if self.places != before:
            self._database.put_global(_GLOBAL, json.dumps(self.places).encode())
