"""The schema and the functions of the benchmark's backend, as an application would write them."""

from __future__ import annotations

import time
from typing import Any

# Bound at import: inside a query the clock that user code sees stands still.
now = time.perf_counter_ns


def text_of(turn: int) -> str:
    """A text of 1,000 bytes that no other turn has."""
    return f"turn {turn:09d} ".ljust(1_000, "x")


class Handlers:
    """What the handlers count and measure while they run."""

    def __init__(self) -> None:
        self.samples: list[int] = []
        self.newest_runs = 0


def define_functions(backend: Any) -> Handlers:
    """Put the schema in force and register every function of the workloads under the module `main`."""
    from nbconvex import define_schema, table, v

    fields = {
        "channel": v.string(),
        "author": v.string(),
        "body": v.string(),
        "likes": v.number(),
        "pinned": v.boolean(),
    }
    backend.push_schema(
        define_schema(
            {
                "messages": table(fields).index("by_channel", ["channel"]),
                "counters": table({"n": v.number()}),
                "boards": table({"name": v.string(), "text": v.string()}).index("by_name", ["name"]),
            }
        )
    )
    handlers = Handlers()

    @backend.mutation
    def send(ctx: Any, channel: str, author: str, body: str, likes: int, pinned: bool) -> str:  # noqa: FBT001
        message = {"channel": channel, "author": author, "body": body, "likes": likes, "pinned": pinned}
        return ctx.db.insert("messages", message)

    @backend.mutation
    def send_many(ctx: Any, documents: list[dict[str, Any]]) -> list[str]:
        return [ctx.db.insert("messages", document) for document in documents]

    @backend.query
    def get(ctx: Any, id: str) -> Any:
        return ctx.db.get(id)

    @backend.query
    def newest(ctx: Any, channel: str) -> Any:
        handlers.newest_runs += 1
        return ctx.db.query("messages").with_index("by_channel", channel=channel).order("desc").take(10)

    @backend.query
    def time_gets(ctx: Any, ids: list[str], salt: int) -> None:
        for id in ids:
            started = now()
            ctx.db.get(id)
            handlers.samples.append(now() - started)

    @backend.query
    def time_newest(ctx: Any, channels: list[str], salt: int) -> None:
        for channel in channels:
            started = now()
            found = ctx.db.query("messages").with_index("by_channel", channel=channel).order("desc").take(10)
            handlers.samples.append(now() - started)
            assert len(found) == 10

    @backend.query
    def count_page(ctx: Any, cursor: str | None) -> dict[str, Any]:
        page = ctx.db.query("messages").paginate(num_items=10_000, cursor=cursor)
        return {"found": len(page["page"]), "cursor": page["continueCursor"], "done": page["isDone"]}

    @backend.mutation
    def make_counter(ctx: Any) -> str:
        return ctx.db.insert("counters", {"n": 0})

    @backend.mutation
    def add_one(ctx: Any, id: str) -> None:
        ctx.db.patch(id, {"n": ctx.db.get(id)["n"] + 1})

    @backend.query
    def value(ctx: Any, id: str) -> int:
        return ctx.db.get(id)["n"]

    @backend.mutation
    def make_boards(ctx: Any, boards: list[list[str]]) -> None:
        for name, text in boards:
            ctx.db.insert("boards", {"name": name, "text": text})

    @backend.mutation
    def post(ctx: Any, names: list[str], text: str) -> None:
        for name in names:
            board = ctx.db.query("boards").with_index("by_name", name=name).unique()
            ctx.db.patch(board["_id"], {"text": text})

    @backend.query
    def board(ctx: Any, name: str) -> str:
        return ctx.db.query("boards").with_index("by_name", name=name).unique()["text"]

    @backend.query
    def empty(ctx: Any) -> None:
        return None

    @backend.query
    def empty_salted(ctx: Any, salt: int) -> None:
        return None

    return handlers
