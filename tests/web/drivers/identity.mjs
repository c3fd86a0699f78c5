// The token cycle: a token that has expired, then a good one, then its refresh, then logging out.
// Arguments after the address: the tokens, in the order in which they are given out.
import { api, client, end, extra, follow, tell, until } from "./driver.mjs";

const somebody = client();
const changes = [];
const requests = [];
let given = 0;
somebody.setAuth(
  async ({ forceRefreshToken }) => {
    requests.push(forceRefreshToken);
    return extra[Math.min(given++, extra.length - 1)];
  },
  (isAuthenticated) => changes.push(isAuthenticated),
);
const who = follow(somebody, api.m.who, {});
await until(() => who.seen.includes("ada"), "the first identity");
const wrote = await somebody.mutation(api.m.add, {});
await until(() => who.seen.includes("bob"), "the refreshed identity");
somebody.client.clearAuth();
await until(() => who.last() === null, "logging out");
tell({ seen: who.seen, changes, requests, wrote });
await end(somebody);
