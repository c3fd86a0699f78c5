// Subscribe, update, unsubscribe; two clients; a query that fails and heals; nobody is told what has not changed.
import { api, client, end, follow, tell, until } from "./driver.mjs";

const ann = client();
const bob = client();
const seenByAnn = follow(ann, api.messages.list, { channel: "a" });
const seenByBob = follow(bob, api.messages.list, { channel: "a" });
const share = follow(ann, api.messages.share, { channel: "a" });
await until(() => seenByAnn.seen.length === 1 && seenByBob.seen.length === 1 && share.seen.length === 1);

await bob.mutation(api.messages.send, { channel: "a", body: "one" });
const bobReadsHisOwn = seenByBob.last();
await until(() => seenByAnn.seen.length === 2 && share.seen.length === 2);

// Another channel concerns neither. The count, asked for on each socket afterwards, has come through all the same.
await ann.mutation(api.messages.send, { channel: "b", body: "elsewhere" });
const counts = [await ann.query(api.messages.count, {}), await bob.query(api.messages.count, {})];

seenByAnn.stop();
await bob.mutation(api.messages.send, { channel: "a", body: "two" });
await until(() => share.seen.length === 3);
const afterwards = await ann.query(api.messages.list, { channel: "a" });

tell({
  ann: seenByAnn.seen,
  bob: seenByBob.seen,
  share: share.seen,
  bobReadsHisOwn,
  counts,
  afterwards,
});
await end(ann, bob);
