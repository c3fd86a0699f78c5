// Pages that stay gapless while rows come and go, and a page that grew too long and is split by the client.
// pagination.mjs URL: the test has put the ranks 0, 10, 20, ... 290 there.
import { api, client, end, tell, until } from "./driver.mjs";

const ann = client();
let latest;
const states = [];
ann.onPaginatedUpdate_experimental(
  api.items.page,
  {},
  { initialNumItems: 5 },
  (result) => {
    latest = result;
    if (states[states.length - 1] !== result.status) states.push(result.status);
  },
  (error) => tell({ error: error.message }),
);
const ranks = () => latest?.results.map((item) => item.rank) ?? [];
const isLoaded = (count) => latest?.status !== "LoadingMore" && ranks().length === count;

await until(() => isLoaded(5), "the first page");
latest.loadMore(5);
await until(() => isLoaded(10), "the second page");
const twoPages = ranks();

await ann.mutation(api.items.remove, { rank: 20 });
const shrunk = ranks();
await ann.mutation(api.items.insert, { ranks: [21, 71] });
const grown = ranks();

// The first page has now five rows. Seven more are over twice what it began with: the client splits it.
await ann.mutation(api.items.insert, { ranks: [22, 23, 24, 25, 26, 27, 28] });
await until(() => isLoaded(18), "the page that is split");
const splitPage = ranks();
tell({ twoPages, shrunk, grown, splitPage });

while (latest.status !== "Exhausted") {
  const before = ranks().length;
  latest.loadMore(100);
  await until(() => latest.status !== "LoadingMore" && ranks().length > before, "more");
}
const all = ranks();
await ann.mutation(api.items.insert, { ranks: [1000, 105.5] });
tell({ all, afterTheEnd: ranks(), states });
await end(ann);
