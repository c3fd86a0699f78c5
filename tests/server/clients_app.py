"""The backend that the official clients are tested against, and a gate that stops a mutation in its middle."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable
from typing import Any

import nbconvex
from nbconvex import ConvexError, v

PATIENCE_S = 60.0

#: What a function of the module `errors` raises, by the word it is given.
ERRORS: dict[str, Callable[[], Exception]] = {
    "object": lambda: ConvexError({"code": 7, "why": ["a", None]}),
    "string": lambda: ConvexError("just so"),
    "null": lambda: ConvexError(None),
    "plain": lambda: ValueError("boom"),
}


def error_of(how: str) -> Exception:
    """The error for a word."""
    return ERRORS[how]()


class Gate:
    """Places in a row of mutations where one of them waits, not yet committed, until the test opens the gate."""

    def __init__(self, *stops: int, on_reached: Callable[[int], None] = lambda _: None) -> None:
        self._reached = {stop: threading.Event() for stop in stops}
        self._opened = {stop: threading.Event() for stop in stops}
        self._on_reached = on_reached

    def enter(self, number: float) -> None:
        """Called by the mutation."""
        stop = int(number)
        if stop in self._opened and not self._opened[stop].is_set():
            self._reached[stop].set()
            self._on_reached(stop)
            assert self._opened[stop].wait(PATIENCE_S)

    def wait(self, stop: int) -> None:
        """Wait until the mutation is there."""
        assert self._reached[stop].wait(PATIENCE_S), f"nobody came to {stop}"

    def open(self, stop: int) -> None:
        """Let it go on, and every later one pass."""
        self._opened[stop].set()


def declare(backend: nbconvex.Backend, gate: Gate | None = None) -> list[dict[str, Any]]:
    """Define everything. Returns the list to which each run of `items:page` adds the options it was given."""
    backend.push_schema(
        {
            "messages": nbconvex.table({"channel": v.string(), "body": v.string()}).index("by_channel", ["channel"]),
            "numbers": nbconvex.table({"n": v.number()}),
            "items": nbconvex.table({"rank": v.number()}).index("by_rank", ["rank"]),
            "kept": nbconvex.table({"value": v.any()}),
        }
    )
    _declare_messages(backend)
    _declare_numbers(backend, gate or Gate())
    _declare_values(backend)
    _declare_errors(backend)
    _declare_actions(backend)
    return _declare_items(backend)


def _declare_messages(backend: nbconvex.Backend) -> None:
    @backend.query(name="messages:list")
    def list_messages(ctx: Any, channel: str) -> list[str]:
        return [each["body"] for each in ctx.db.query("messages").with_index("by_channel", channel=channel)]

    @backend.query(name="messages:count")
    def count(ctx: Any) -> int:
        return ctx.db.query("messages").count()

    @backend.mutation(name="messages:send")
    def send(ctx: Any, channel: str, body: str) -> str:
        return ctx.db.insert("messages", {"channel": channel, "body": body})

    @backend.mutation(name="messages:refuse")
    def refuse(ctx: Any, channel: str, body: str) -> None:
        ctx.db.insert("messages", {"channel": channel, "body": body})
        raise ConvexError({"refused": body})

    @backend.query(name="messages:share")
    def share(ctx: Any, channel: str) -> float:
        """Fails while the channel is empty."""
        return 1 / ctx.db.query("messages").with_index("by_channel", channel=channel).count()

    @backend.query(name="messages:who")
    def who(ctx: Any) -> str | None:
        user = ctx.auth.get_user_identity()
        return user and user.subject


def _declare_numbers(backend: nbconvex.Backend, gate: Gate) -> None:
    @backend.mutation(name="numbers:add")
    def add(ctx: Any, n: float) -> float:
        gate.enter(n)
        ctx.db.insert("numbers", {"n": n})
        return n

    @backend.query(name="numbers:count")
    def count(ctx: Any) -> int:
        return ctx.db.query("numbers").count()

    @backend.query(name="numbers:list")
    def list_numbers(ctx: Any) -> list[float]:
        return [each["n"] for each in ctx.db.query("numbers")]


def _declare_items(backend: nbconvex.Backend) -> list[dict[str, Any]]:
    pages: list[dict[str, Any]] = []

    @backend.query(name="items:page")
    def page(ctx: Any, paginationOpts: dict) -> dict:
        pages.append(dict(paginationOpts))
        return ctx.db.query("items").with_index("by_rank").paginate(paginationOpts)

    @backend.mutation(name="items:insert")
    def insert(ctx: Any, ranks: list[float]) -> None:
        for rank in ranks:
            ctx.db.insert("items", {"rank": rank})

    @backend.mutation(name="items:remove")
    def remove(ctx: Any, rank: float) -> None:
        ctx.db.delete(ctx.db.query("items").with_index("by_rank", rank=rank).unique()["_id"])

    return pages


def _declare_values(backend: nbconvex.Backend) -> None:
    @backend.query(name="values:query")
    def query(ctx: Any, value: Any) -> Any:
        return value

    @backend.mutation(name="values:mutation")
    def mutation(ctx: Any, value: Any) -> Any:
        return ctx.db.get(ctx.db.insert("kept", {"value": value}))["value"]

    @backend.action(name="values:action")
    def action(ctx: Any, value: Any) -> Any:
        return value

    @backend.query(name="values:describe")
    def describe(ctx: Any, value: Any) -> str:
        """What Python sees."""
        return repr(value)

    @backend.query(name="values:text")
    def text(ctx: Any, letter: str, count: int) -> str:
        """A long text that changes with every message of the channel "long"."""
        messages = ctx.db.query("messages").with_index("by_channel", channel="long").count()
        return f"{messages}:" + letter * int(count)


def _declare_errors(backend: nbconvex.Backend) -> None:
    @backend.query(name="errors:query")
    def query(ctx: Any, how: str) -> None:
        raise error_of(how)

    @backend.mutation(name="errors:mutation")
    def mutation(ctx: Any, how: str) -> None:
        raise error_of(how)

    @backend.action(name="errors:action")
    def action(ctx: Any, how: str) -> None:
        raise error_of(how)


def _declare_actions(backend: nbconvex.Backend) -> None:
    guests: list[str] = []
    complete = asyncio.Event()

    @backend.action(name="actions:meet")
    async def meet(ctx: Any, guest: str, expected: int) -> str:
        """Answers when so many are there: only if actions run side by side."""
        guests.append(guest)
        if len(guests) >= expected:
            complete.set()
        await asyncio.wait_for(complete.wait(), PATIENCE_S)
        return guest

    @backend.action(name="actions:send_all")
    async def send_all(ctx: Any, bodies: list[str]) -> int:
        for body in bodies:
            await ctx.run_mutation("messages:send", channel="action", body=body)
        return len(await ctx.run_query("messages:list", channel="action"))


def counted_once(numbers: Iterable[float], expected: int) -> bool:
    """Whether each number from 0 on is there exactly once."""
    return sorted(numbers) == list(range(expected))
