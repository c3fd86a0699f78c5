"""Which functions a store has had, so that a restarted kernel can say which cell to run.

Owns:  `Remembered`.
Must not know: what is said; how functions are defined.
Threads: the defining thread.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Protocol

from nbconvex.functions.definition import FunctionDefinition

_GLOBAL = "functions"


class Globals(Protocol):
    """Where small values are kept."""

    def get_global(self, key: str) -> bytes | None:
        """The value, if there is one."""

    def put_global(self, key: str, value: bytes) -> None:
        """Keep it durably."""


class Remembered:
    """Paths of functions, and where each was defined: `places` is also read by the registry."""

    def __init__(self, store: Globals) -> None:
        kept = store.get_global(_GLOBAL)
        self._store = store
        self.places: dict[str, str] = json.loads(kept) if kept else {}

    def note(self, definitions: Iterable[FunctionDefinition], where: str, removed: Iterable[str]) -> None:
        """Functions were defined at a place, and others are gone."""
        before = dict(self.places)
        for definition in definitions:
            self.places[definition.path] = where
        for path in removed:
            self.places.pop(path, None)
        if self.places != before:
            self._store.put_global(_GLOBAL, json.dumps(self.places).encode())
