// Many mutations at once, on a connection that is lost in their middle, perhaps several times: restart.mjs URL COUNT
// Says what came of each promise, and what a subscription saw in the end.
import { api, client, end, extra, follow, tell, until } from "./driver.mjs";

const count = Number(extra[0]);
const ann = client();
const counted = follow(ann, api.numbers.count, {});
await until(() => counted.seen.length > 0);
const settled = await Promise.allSettled(
  Array.from({ length: count }, (_, n) => ann.mutation(api.numbers.add, { n })),
);
const wrong = settled.filter((each, n) => each.status !== "fulfilled" || each.value !== n);
tell({
  fulfilled: count - wrong.length,
  wrong: wrong.slice(0, 3).map((each) => String(each.reason ?? each.value)),
  seenAtOnce: counted.last(),
  isRising: counted.seen.every((value, at, all) => at === 0 || value >= all[at - 1]),
  connections: ann.connectionState().connectionCount,
});
await end(ann);
