// A token that the server has no use for: the app is told, and goes on without an identity.
import { api, client, end, follow, tell, until } from "./driver.mjs";

const encode = (part) => Buffer.from(JSON.stringify(part)).toString("base64url");
const now = Math.floor(Date.now() / 1000);
const token = [
  encode({ alg: "RS256", typ: "JWT", kid: "none" }),
  encode({ iss: "https://issuer.example", aud: "app", sub: "ann", iat: now, exp: now + 3600 }),
  "c2lnbmF0dXJl",
].join(".");

const ann = client();
const seen = follow(ann, api.messages.list, { channel: "a" });
await until(() => seen.seen.length === 1);
const changes = [];
const requests = [];
ann.setAuth(
  async ({ forceRefreshToken }) => {
    requests.push(forceRefreshToken);
    return token;
  },
  (isAuthenticated) => changes.push(isAuthenticated),
);
await until(() => changes.length > 0, "the refusal");
await ann.mutation(api.messages.send, { channel: "a", body: "anonymous" });
tell({
  changes,
  requests,
  who: await ann.query(api.messages.who, {}),
  seen: seen.last(),
});
await end(ann);
