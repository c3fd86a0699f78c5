// convex-test: the official in-memory mock of a Convex backend; nothing is kept on disk.
import { load, versionOf } from "./document.mjs";

export function makePeer() {
  let t, api;
  return {
    durable: false,
    async open() {
      const { convexTest } = await load("convex-test");
      const server = await load("convex/server");
      const { v } = await load("convex/values");
      const fields = { channel: v.string(), author: v.string(), body: v.string(), likes: v.number(), pinned: v.boolean() };
      const schema = server.defineSchema({
        messages: server.defineTable(fields).index("by_channel", ["channel"]),
        counters: server.defineTable({ n: v.number() }),
      });
      const { queryGeneric: query, mutationGeneric: mutation } = server;
      const bench = {
        send: mutation({ args: fields, handler: (ctx, args) => ctx.db.insert("messages", args) }),
        sendMany: mutation({
          args: { documents: v.array(v.object(fields)) },
          handler: async (ctx, { documents }) => {
            const ids = [];
            for (const document of documents) ids.push(await ctx.db.insert("messages", document));
            return ids;
          },
        }),
        get: query({ args: { id: v.id("messages") }, handler: (ctx, { id }) => ctx.db.get(id) }),
        newest: query({
          args: { channel: v.string() },
          handler: (ctx, { channel }) =>
            ctx.db
              .query("messages")
              .withIndex("by_channel", (q) => q.eq("channel", channel))
              .order("desc")
              .take(10),
        }),
        count: query({ args: {}, handler: async (ctx) => (await ctx.db.query("messages").collect()).length }),
        makeCounter: mutation({ args: {}, handler: (ctx) => ctx.db.insert("counters", { n: 0 }) }),
        addOne: mutation({
          args: { id: v.id("counters") },
          handler: async (ctx, { id }) => ctx.db.patch(id, { n: (await ctx.db.get(id)).n + 1 }),
        }),
        value: query({ args: { id: v.id("counters") }, handler: async (ctx, { id }) => (await ctx.db.get(id)).n }),
        empty: query({ args: {}, handler: () => null }),
      };
      t = convexTest(schema, {
        "./convex/bench.js": async () => bench,
        "./convex/_generated/api.js": async () => ({}),
      });
      api = server.anyApi.bench;
      return versionOf("convex-test");
    },
    insert: (document) => t.mutation(api.send, document),
    async load(documents) {
      const keys = [];
      for (let from = 0; from < documents.length; from += 1000)
        keys.push(...(await t.mutation(api.sendMany, { documents: documents.slice(from, from + 1000) })));
      return keys;
    },
    get: (id) => t.query(api.get, { id }),
    newest: (channel) => t.query(api.newest, { channel }),
    count: () => t.query(api.count, {}),
    makeCounter: () => t.mutation(api.makeCounter, {}),
    addOne: (id) => t.mutation(api.addOne, { id }),
    counterValue: (id) => t.query(api.value, { id }),
    close: () => {},
  };
}
