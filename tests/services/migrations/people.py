"""A table of users to migrate, and ways to look at it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import nbconvex
from nbconvex import Limits
from nbconvex.backend import Backend
from nbconvex.storage.memory import MemoryPersistence


@contextmanager
def backend_with(count: int, *, limits: Limits | None = None, persistence: Any = None) -> Iterator[Backend]:
    """A backend in memory with `count` users, u0 to u(count - 1)."""
    with Backend(
        persistence or MemoryPersistence(), clock=nbconvex.clock.SystemClock(), limits=limits or Limits()
    ) as b:
        if count:
            add(b, count)
        yield b


def write(backend: Backend, function: Any) -> Any:
    """What a mutation given in place gives."""
    return backend.run_inline(
        nbconvex.functions.definition.define("mutation", function, "test:write"), {}, is_unlimited=True
    )


def add(backend: Backend, count: int, start: int = 0) -> list[str]:
    return write(backend, lambda ctx: [ctx.db.insert("users", {"name": f"u{n}"}) for n in range(start, start + count)])


def users(backend: Backend) -> list[dict[str, Any]]:
    """The users in the order of their creation, without the fields of the system."""
    found = write(backend, lambda ctx: ctx.db.query("users").collect())
    return [{name: value for name, value in each.items() if not name.startswith("_")} for each in found]


def count_visit(ctx: Any, doc: dict[str, Any]) -> dict[str, Any]:
    """Counts in each document how often it was visited."""
    return {"visits": doc.get("visits", 0) + 1}
