"""An app of somebody who has types checked strictly; `test_package.py` checks it against the wheel, and runs it."""

from __future__ import annotations

from dataclasses import dataclass
from queue import Queue
from typing import Annotated, Any, Literal, TypedDict

import nbconvex
from nbconvex import (
    ActionCtx,
    Change,
    ConvexError,
    Int64,
    LiveUpdate,
    MutationCtx,
    QueryCtx,
    Request,
    Response,
    TriggerCtx,
    action,
    api,
    args,
    cron,
    define_schema,
    http,
    internal,
    migration,
    mutation,
    query,
    returns,
    table,
    trigger,
    v,
)
from nbconvex.testing import convex_test

MessageId = Annotated[str, v.id("messages")]

schema = define_schema(
    {
        "messages": table({"channel": v.string(), "body": v.string(), "size": v.optional(v.int64())})
        .index("by_channel", ["channel"])
        .search_index("by_words", search_field="body"),
        "counts": table({"channel": v.string(), "messages": v.number()}).index("by_channel", ["channel"], unique=True),
    }
)


class Summary(TypedDict):
    channel: str
    bodies: list[str]


@dataclass
class Draft:
    channel: str
    body: str
    mood: Literal["good", "bad"] = "good"


def of_channel(ctx: QueryCtx | MutationCtx, channel: str) -> list[dict[str, Any]]:
    """A helper for functions of both kinds."""
    return ctx.db.query("messages").with_index("by_channel", channel=channel).order("desc").collect()


@query
def newest(ctx: QueryCtx, channel: str, limit: int = 10) -> list[str]:
    if ctx.db.query("messages").with_index("by_channel", channel=channel).first() is None:
        return []
    found = ctx.db.query("messages").filter(lambda q: q.eq(q.field("channel"), channel)).take(limit)
    return [each["body"] for each in found]


@query
def summary(ctx: QueryCtx, channel: str) -> Summary:
    user = ctx.auth.get_user_identity()
    assert user is None or isinstance(user.subject, str)
    found = ctx.db.query("messages").with_search_index("by_words", lambda q: q.search("body", "hello")).take(5)
    assert ctx.db.query("messages").count() >= len(found)
    return {"channel": channel, "bodies": [each["body"] for each in found]}


@mutation
def send(ctx: MutationCtx, draft: Draft, size: Int64 | None = None) -> MessageId:
    if not draft.body:
        raise ConvexError({"code": "empty"})
    message = ctx.db.insert("messages", {"channel": draft.channel, "body": draft.body, "size": Int64(len(draft.body))})
    written = ctx.db.get(message)
    assert written is not None
    ctx.db.patch(message, {"body": written["body"].strip()})
    ctx.scheduler.run_after(1_000, internal.typed_app.forget, message=message)
    return message


@mutation(internal=True)
def forget(ctx: MutationCtx, message: MessageId) -> None:
    ctx.db.delete(message)


@action
def relay(ctx: ActionCtx, channel: str) -> list[str]:
    stored: str = ctx.storage.store(b"kept", content_type="text/plain")
    ctx.storage.delete(stored)
    bodies: list[str] = ctx.run_query(api.typed_app.newest, channel=channel)
    return bodies


@action
async def relay_later(ctx: ActionCtx, channel: str) -> int:
    return len(await ctx.run_query(api.typed_app.newest, channel=channel))


@mutation
def upload_url(ctx: MutationCtx) -> str:
    url: str = ctx.storage.generate_upload_url()
    return url


@returns(v.null())
@args({"channel": v.string()})
@mutation
def clear(ctx: MutationCtx, channel: str) -> None:
    for message in of_channel(ctx, channel):
        ctx.db.delete("messages", message["_id"])


@cron.daily("tidy up", hour=3)
@mutation
def tidy(ctx: MutationCtx) -> None:
    ctx.run_mutation(api.typed_app.clear, channel="rubbish")


@http.get("/messages")
def listed(ctx: ActionCtx, request: Request) -> Response:
    channel = request.query.get("channel", "general")
    return Response({"bodies": ctx.run_query(api.typed_app.newest, channel=channel)})


@http.route(path_prefix="/hooks/", method="POST")
async def hooked(ctx: ActionCtx, request: Request) -> Response:
    got: dict[str, Any] = await request.json()
    return Response(f"{request.path} has {len(got)}", status=202)


@trigger("messages")
def counted(ctx: TriggerCtx, change: Change) -> None:
    document = change.new_doc or change.old_doc
    assert document is not None
    step = {"insert": 1, "update": 0, "delete": -1}[change.operation]
    count = ctx.db.query("counts").with_index("by_channel", channel=document["channel"]).unique()
    if count is None:
        ctx.inner_db.insert("counts", {"channel": document["channel"], "messages": step})
    else:
        ctx.inner_db.patch("counts", count["_id"], {"messages": count["messages"] + step})


@migration(table="messages")
def in_small_letters(ctx: MutationCtx, doc: dict[str, Any]) -> dict[str, Any]:
    return {"channel": doc["channel"].lower()}


def main() -> None:
    """Everything once: in memory, without a network."""
    with nbconvex.open(":memory:") as backend:

        @backend.query(name="here:how_many")
        def how_many(ctx: QueryCtx) -> int:
            return ctx.db.query("messages").count()

        updates: Queue[LiveUpdate] = Queue()
        with backend.subscribe(backend.api.here.how_many, {}, updates.put):
            print(updates.get(timeout=10).value)
    with convex_test(schema, {"typed_app": globals()}) as t:
        sent: str = t.mutation(api.typed_app.send, draft={"channel": "general", "body": "hello "})
        print(t.query(api.typed_app.newest, channel="general"), t.query(api.typed_app.summary, channel="general"))
        print(t.action(api.typed_app.relay, channel="general"), t.action(api.typed_app.relay_later, channel="general"))
        print(t.fetch("/messages?channel=general").body, t.run(lambda ctx: ctx.db.get(sent))["size"])
        t.advance(1)
        print(t.query(api.typed_app.newest, channel="general"))


if __name__ == "__main__":
    main()
