// The order of mutations, reading one's own writes, and optimistic updates that hold, fail and never flicker.
import { api, client, distinct, end, follow, tell, until } from "./driver.mjs";

const ann = client();
const ordered = Array.from({ length: 100 }, (_, n) => `${n}`);
const returned = [];
await Promise.all(
  ordered.map((body) => ann.mutation(api.messages.send, { channel: "order", body }).then(() => returned.push(body))),
);
const stored = await ann.query(api.messages.list, { channel: "order" });

const room = { channel: "room" };
const results = follow(ann, api.messages.list, room);
const count = () => distinct(results.seen).length;
await until(() => count() === 1);
const optimisticUpdate = (store, { channel, body }) => {
  const before = store.getQuery(api.messages.list, { channel });
  if (before !== undefined) store.setQuery(api.messages.list, { channel }, [...before, `(${body})`]);
};

const sent = ann.mutation(api.messages.send, { ...room, body: "hi" }, { optimisticUpdate });
await until(() => count() === 2);
const id = await sent;
const readAtOnce = results.last();

const refusal = await ann
  .mutation(api.messages.refuse, { ...room, body: "no" }, { optimisticUpdate })
  .then(() => "accepted", (error) => error.data);
await until(() => count() === 5, "the refused message to disappear");

// Several at once: each shows at once, in order, and none is missing at any moment from there on.
const burst = Array.from({ length: 20 }, (_, n) => `${n}`);
await Promise.all(burst.map((body) => ann.mutation(api.messages.send, { ...room, body }, { optimisticUpdate })));
const flat = distinct(results.seen).map((bodies) => bodies.map((body) => body.replace(/[()]/g, "")));

tell({
  isOrderOfAnswers: returned.join() === ordered.join(),
  isOrderOfWrites: stored.join() === ordered.join(),
  idIsText: typeof id === "string",
  seen: distinct(results.seen).slice(0, 5),
  readAtOnce,
  refusal,
  last: results.last().join(" "),
  isWithoutFlicker: flat.slice(5).every((bodies, at, all) => at === 0 || bodies.length >= all[at - 1].length),
});
await end(ann);
