"""Which functions a store has had, for the message after a restart.

Owns:  `Remembered`: paths and what defined them, kept beside the log.
Must not know: what a message says; how functions are defined.
Threads: any; the last one to define something wins.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbconvex.database.database import Database
    from nbconvex.functions.definition import FunctionDefinition

#: The global that it is kept in.
_KEY = "functions"


class Remembered:
    """What defined a path, by path, over restarts: `by_path` is to be read only."""

    def __init__(self, database: Database) -> None:
        self._database = database
        kept = database.get_global(_KEY)
        self.by_path: dict[str, str] = json.loads(kept) if kept else {}

    def keep(self, definitions: Iterable[FunctionDefinition], where: str, removed: Iterable[str]) -> None:
        """Remember that `where` has defined these, and forget what was removed."""
        before = dict(self.by_path)
        for definition in definitions:
            self.by_path[definition.path] = where
        for path in removed:
            self.by_path.pop(path, None)
        if self.by_path != before:
            self._database.put_global(_KEY, json.dumps(self.by_path).encode())
