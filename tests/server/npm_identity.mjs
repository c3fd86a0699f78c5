// The token cycle of the npm client: an expired token, then a good one, then its refresh, then logging out.
//
// Arguments: the server's address, and the tokens in the order in which they are given out.
import { ConvexClient } from "convex/browser";
import { anyApi as api } from "convex/server";

const [url, ...tokens] = process.argv.slice(1);
const client = new ConvexClient(url, { logger: false });
const seen = [];
const changes = [];
const requests = [];
let given = 0;

async function until(condition, what) {
  const end = Date.now() + 30_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`waited in vain: ${what}: ${JSON.stringify({ seen, changes, requests })}`);
    await new Promise((go) => setTimeout(go, 5));
  }
}

client.setAuth(
  async ({ forceRefreshToken }) => {
    requests.push(forceRefreshToken);
    return tokens[Math.min(given++, tokens.length - 1)];
  },
  (isAuthenticated) => changes.push(isAuthenticated),
);
client.onUpdate(api.m.who, {}, (who) => seen.push(who));
await until(() => seen.includes("ada"), "the first identity");
const wrote = await client.mutation(api.m.add, {});
await until(() => seen.includes("bob"), "the refreshed identity");
const now = seen.length;
client.client.clearAuth();
await until(() => seen.length > now, "logging out");
console.log(JSON.stringify({ seen, changes, requests, wrote }));
await client.close();
