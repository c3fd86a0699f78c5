// The HTTP client: all kinds of functions, the order of mutations, and queries that all see one moment.
import { api, httpClient, tell } from "./driver.mjs";

const ann = httpClient();
const before = await ann.query(api.numbers.count, {});
await Promise.all([0, 1, 2, 3, 4].map((n) => ann.mutation(api.numbers.add, { n })));
const order = await ann.query(api.numbers.list, {});
await Promise.all([5, 6].map((n) => ann.mutation(api.numbers.add, { n }, { skipQueue: true })));

const bob = httpClient();
const consistent = [await bob.consistentQuery(api.numbers.count, {})];
await ann.mutation(api.numbers.add, { n: 7 });
consistent.push(await bob.consistentQuery(api.numbers.count, {}));

tell({
  before,
  order,
  consistent,
  now: await bob.query(api.numbers.count, {}),
  action: await ann.action(api.actions.send_all, { bodies: ["a", "b"] }),
  withSlash: await httpClient().query("messages.js:count", {}),
});
