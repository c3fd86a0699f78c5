"""Functions that tests schedule, and ways to look at what became of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nbconvex import ConvexError
from nbconvex.testing import TestBackend, convex_test


@contextmanager
def app(**settings: Any) -> Iterator[TestBackend]:
    with convex_test(**settings) as t:
        define(t)
        yield t


def define(t: TestBackend) -> None:
    backend = t.backend
    backend.mutation(name="m:note")(lambda ctx, n=0: ctx.db.insert("notes", {"n": n, "at": ctx.now()}))
    backend.mutation(name="m:who", internal=True)(
        lambda ctx: ctx.db.insert("notes", {"n": ctx.auth.get_user_identity() is None, "at": ctx.now()})
    )
    backend.action(name="m:act")(lambda ctx, n=0: ctx.run_mutation("m:note", n=n))
    backend.query(name="m:look")(lambda ctx: ctx.db.query("notes").count())

    @backend.mutation(name="m:fails")
    def fails(ctx: Any) -> None:
        ctx.db.insert("notes", {"n": "never"})
        raise ConvexError("no such luck")

    @backend.mutation(name="m:plan")
    def plan(ctx: Any, target: str = "m:note", delay: float = 0, args: Any = None) -> str:
        return ctx.scheduler.run_after(delay, target, args or {})


def jobs(t: TestBackend) -> list[dict[str, Any]]:
    return t.query(lambda ctx: ctx.db.system.query("_scheduled_functions").collect())


def states(t: TestBackend) -> list[str]:
    return [each["state"]["kind"] for each in jobs(t)]


def notes(t: TestBackend) -> list[Any]:
    return t.query(lambda ctx: [note["n"] for note in ctx.db.query("notes")])


def times(t: TestBackend) -> list[float]:
    """When notes were written, in whole seconds."""
    return t.query(lambda ctx: [note["at"] // 1_000 for note in ctx.db.query("notes")])
