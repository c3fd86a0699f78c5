// Actions run side by side, and may run mutations; a client that has never subscribed to anything.
import { api, client, end, tell } from "./driver.mjs";

const ann = client();
const guests = Array.from({ length: 12 }, (_, n) => `guest ${n}`);
const met = await Promise.all(
  guests.map((guest) => ann.action(api.actions.meet, { guest, expected: guests.length })),
);
const sentByAction = await ann.action(api.actions.send_all, { bodies: ["a", "b", "c"] });
const sentByMutation = await ann.mutation(api.messages.send, { channel: "a", body: "mine" });
tell({ met: met.join() === guests.join(), sentByAction, sentByMutation: typeof sentByMutation });
await end(ann);
