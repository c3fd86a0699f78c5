"""A small backend with a type of each sort, and calls of it in TypeScript: right ones, and wrong ones."""

from __future__ import annotations

from typing import Literal, TypedDict

from nbconvex.backend import Backend
from nbconvex.values.page_validators import pagination_opts_validator, pagination_result_validator
from nbconvex.values.scalars import Int64
from nbconvex.values.schema import table
from nbconvex.values.validators import v

TABLES = {
    "channels": table({"name": v.string(), "topic": v.optional(v.string())}).index("by_name", ["name"]),
    "messages": table(
        {
            "channel": v.id("channels"),
            "body": v.string(),
            "mood": v.union(v.literal("glad"), v.literal("sad"), v.null()),
            "serial": v.int64(),
            "picture": v.optional(v.bytes()),
            "marks": v.record(v.string(), v.number()),
            "at": v.object({"line": v.integer(), "extra": v.any()}),
        }
    )
    .index("by_channel", ["channel", "at.line"])
    .search_index("by_words", search_field="body", filter_fields=["channel", "at.line"])
    .vector_index("by_meaning", vector_field="at.extra", dimensions=3, filter_fields=["channel", "at.line"]),
    "shapes": table(
        v.union(
            v.object({"kind": v.literal("circle"), "radius": v.number()}),
            v.object({"kind": v.literal("square"), "side": v.number()}),
        )
    ),
}
MESSAGE = TABLES["messages"].document_type("messages")


class Summary(TypedDict):
    channel: str
    count: int


def chat_app(backend: Backend) -> None:
    """Define it."""
    backend.push_schema(TABLES)
    query, mutation, action = backend.query, backend.mutation, backend.action

    @query(name="messages:list")
    def list_messages(ctx, channel: v.id("channels"), limit: int = 10) -> v.array(MESSAGE):
        """The newest messages of a channel."""

    @query(name="messages:page", args={"channel": v.id("channels"), "paginationOpts": pagination_opts_validator})
    def page(ctx, channel, paginationOpts) -> pagination_result_validator(MESSAGE): ...

    @query(name="messages:plainPage")
    def plain_page(ctx, paginationOpts: dict) -> dict: ...

    @query(name="messages:untypedPage")
    def untyped_page(ctx, paginationOpts): ...

    @mutation(name="messages:send")
    def send(ctx, channel: v.id("channels"), body: str, mood: Literal["glad", "sad"] | None = None) -> v.id(
        "messages"
    ): ...

    @query(name="stats/daily:summary")
    def summary(ctx) -> list[Summary]: ...

    @query(name="stats/daily:default")
    def default_export(ctx) -> float: ...

    @query(name="stats:daily")
    def both_function_and_folder(ctx) -> str: ...

    @action(name="files:store")
    async def store(ctx, content: bytes, serial: Int64) -> Int64: ...

    @mutation(name="odd.names:delete")
    def delete(ctx, **more: str) -> None: ...

    @query(name="2024:1st")
    def first(ctx): ...

    @mutation(name="loose:anything")
    def anything(ctx, **more): ...

    @mutation(name="loose:named")
    def named(ctx, body, mood=None): ...

    @mutation(name="messages:reset")
    def reset(ctx): ...

    @mutation(name="jobs:clean", internal=True)
    def clean(ctx, before: float) -> None: ...


_IMPORTS = """
import { ConvexReactClient, useAction, useMutation, usePaginatedQuery, useQuery } from "convex/react";
import { ConvexClient, ConvexHttpClient } from "convex/browser";
import type { FunctionArgs, FunctionReturnType, SearchIndexes, WithoutSystemFields } from "convex/server";
import { api, internal } from "../convex/_generated/api";
import type { DataModel, Doc, Id, TableNames } from "../convex/_generated/dataModel";

export const channel = "c" as Id<"channels">;
"""

RIGHT = (
    _IMPORTS
    + """
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_: Same<A, B>) {}

same<TableNames, "channels" | "messages" | "shapes">(true);
same<Doc<"channels">, { _id: Id<"channels">; _creationTime: number; name: string; topic?: string }>(true);
same<Doc<"messages">["mood"], "glad" | "sad" | null>(true);
same<Doc<"messages">["serial"], bigint>(true);
same<Doc<"messages">["picture"], ArrayBuffer | undefined>(true);
same<Doc<"messages">["marks"], Record<string, number>>(true);
same<Doc<"messages">["at"], { line: number; extra: any }>(true);
same<DataModel["messages"]["indexes"]["by_channel"], ["channel", "at.line", "_creationTime"]>(true);
same<SearchIndexes<DataModel["messages"]>["by_words"], { searchField: "body"; filterFields: "channel" | "at.line" }>(
  true,
);
same<FunctionReturnType<typeof api.messages.list>, Doc<"messages">[]>(true);
same<FunctionArgs<typeof api.messages.list>, { channel: Id<"channels">; limit?: number }>(true);
same<FunctionReturnType<typeof api.stats.daily.summary>, { channel: string; count: number }[]>(true);
same<FunctionReturnType<typeof api.stats.daily>, string>(true);
same<FunctionReturnType<typeof api.stats.daily.default>, number>(true);
same<FunctionReturnType<typeof internal.jobs.clean>, null>(true);

export function area(shape: Doc<"shapes">): number {
  return shape.kind === "circle" ? shape.radius : shape.side ** 2;
}

export const fresh: WithoutSystemFields<Doc<"channels">> = { name: "a" };
export const stored: Id<"_storage"> = "s" as Id<"_storage">;

export async function hooks() {
  const list = useQuery(api.messages.list, { channel });
  same<typeof list, Doc<"messages">[] | undefined>(true);
  useQuery(api.messages.list, "skip");
  useQuery(api.messages.list, { channel, limit: 5 });
  useQuery(api.stats.daily.summary);
  useQuery(api.stats.daily.summary, {});
  useQuery(api["2024"]["1st"]);
  useQuery(api["2024"]["1st"], {});

  const paged = usePaginatedQuery(api.messages.page, { channel }, { initialNumItems: 5 });
  same<typeof paged.results, Doc<"messages">[]>(true);
  paged.loadMore(5);
  usePaginatedQuery(api.messages.plainPage, {}, { initialNumItems: 5 }).results.map((each) => each.body);
  usePaginatedQuery(api.messages.untypedPage, {}, { initialNumItems: 5 }).results.map((each) => each.body);

  const send = useMutation(api.messages.send).withOptimisticUpdate((store, args) => {
    const before = store.getQuery(api.messages.list, { channel: args.channel });
    if (before !== undefined) store.setQuery(api.messages.list, { channel: args.channel }, before.slice(1));
  });
  const sent: Id<"messages"> = await send({ channel, body: "hi", mood: "glad" });
  await send({ channel, body: "hi", mood: null });
  await useMutation(api["odd.names"].delete)({ any: "name" });
  await useMutation(api.loose.anything)({ any: "name" });
  await useMutation(api.loose.anything)();
  await useMutation(api.loose.named)({ body: sent });

  const serial: bigint = await useAction(api.files.store)({ content: new ArrayBuffer(1), serial: 1n });
  return serial;
}

export async function clients() {
  const http = new ConvexHttpClient("http://127.0.0.1:3210");
  const found: Doc<"messages">[] = await http.query(api.messages.list, { channel });
  const count: number = await http.query(api.stats.daily.default);
  await http.mutation(api.messages.send, { channel, body: "hi" });
  await http.action(api.files.store, { content: new ArrayBuffer(1), serial: 1n });
  await http.query(api.messages.page, { channel, paginationOpts: { numItems: 5, cursor: null } });
  const react = new ConvexReactClient("http://127.0.0.1:3210");
  react.watchQuery(api.messages.list, { channel }).onUpdate(() => {});
  await react.mutation(api.messages.send, { channel, body: "hi" });
  const plain = new ConvexClient("http://127.0.0.1:3210");
  plain.onUpdate(api.messages.list, { channel }, (messages) => messages[0].body.trim());
  return [found, count];
}
"""
)

COMPONENT = """
import { ConvexProvider, ConvexReactClient, useMutation, useQuery } from "convex/react";
import { useState } from "react";
import { api } from "../convex/_generated/api";
import type { Id } from "../convex/_generated/dataModel";

const client = new ConvexReactClient("http://127.0.0.1:3210");

function Channel({ id }: { id: Id<"channels"> }) {
  const [body, setBody] = useState("");
  const messages = useQuery(api.messages.list, { channel: id });
  const send = useMutation(api.messages.send);
  return (
    <form onSubmit={() => send({ channel: id, body })}>
      {messages?.map((each) => <p key={each._id}>{each.body}</p>)}
      <input value={body} onChange={(event) => setBody(event.target.value)} />
    </form>
  );
}

export const app = (id: Id<"channels">) => <ConvexProvider client={client}><Channel id={id} /></ConvexProvider>;
"""

#: Each of these lines is a mistake that the compiler must find.
MISTAKES = """
useQuery(api.messages.list);
useQuery(api.messages.list, {});
useQuery(api.messages.list, { channel: "plain text" });
useQuery(api.messages.list, { channel: "m" as Id<"messages"> });
useQuery(api.messages.list, { channel, limit: "5" });
useQuery(api.messages.list, { channel, limit: null });
useQuery(api.messages.list, { channel, more: 1 });
useQuery(api.messages.lost, {});
useQuery(api.jobs.clean, { before: 1 });
useQuery(internal.jobs.clean, { before: 1 });
useQuery(api.messages.send, { channel, body: "hi" });
useQuery(api.stats.daily.summary, { more: 1 });
useQuery(api.messages.list, { channel })!.map((each) => each.title);
useQuery(api.messages.list, { channel })!.map((each) => each.picture.byteLength);
useQuery(api.messages.list, { channel })!.map((each) => each.serial + 1);
useMutation(api.messages.list);
useMutation(api.messages.send)({ channel });
useMutation(api.messages.send)({ channel, body: "hi", mood: "angry" });
useMutation(api.messages.send)({ channel, body: 5 });
useMutation(api.loose.named)({ mood: 1 });
useMutation(api.loose.named)({ body: 1, more: 1 });
useMutation(api["odd.names"].delete)({ any: 5 });
useMutation(internal.jobs.clean);
export const button = <button onClick={useMutation(api.messages.reset)} />;
useAction(api.files.store)({ content: new ArrayBuffer(1), serial: 1 });
useAction(api.files.store)({ content: "text", serial: 1n });
usePaginatedQuery(api.messages.list, { channel }, { initialNumItems: 5 });
usePaginatedQuery(api.messages.page, {}, { initialNumItems: 5 });
usePaginatedQuery(api.messages.page, { channel }, { initialNumItems: 5 }).results.map((each) => each.title);
new ConvexHttpClient("http://127.0.0.1:3210").mutation(api.messages.list, { channel });
new ConvexHttpClient("http://127.0.0.1:3210").query(api.messages.page, { channel, paginationOpts: { numItems: 5 } });
new ConvexReactClient("http://127.0.0.1:3210").watchQuery(api.messages.list, {});
new ConvexClient("http://127.0.0.1:3210").onUpdate(api.messages.list, { channel: 5 }, () => {});
export const a: Doc<"lost"> = null as any;
export const b: Id<"lost"> = null as any;
export const c: Id<"channels"> = "m" as Id<"messages">;
export const d: Doc<"channels"> = { _id: channel, _creationTime: 1, name: "a", topic: null };
export const e: Doc<"channels"> = { _id: channel, _creationTime: 1, name: "a", more: 1 };
export const f: Doc<"channels"> = { _id: channel, _creationTime: 1 };
export const g: Doc<"shapes"> = { _id: null as any, _creationTime: 1, kind: "circle", side: 1 };
export const h: WithoutSystemFields<Doc<"channels">> = { name: 5 };
export const i: FunctionArgs<typeof api.messages.send>["mood"] = "angry";
export const j: FunctionReturnType<typeof api.messages.send> = channel;
export const k: TableNames = "lost";
export const l: keyof DataModel["messages"]["indexes"] = "by_lost";
""".strip().splitlines()

WRONG = _IMPORTS + "\n".join(f"// @ts-expect-error\n{line}" for line in MISTAKES) + "\n"
