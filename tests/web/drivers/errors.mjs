// What each kind of failure looks like to an app, over the socket and over HTTP.
import { ConvexError } from "convex/values";
import { api, client, end, httpClient, tell } from "./driver.mjs";

const NOTHING = Symbol("nothing");

async function failureOf(call) {
  const error = await call().then(() => NOTHING, (error) => error);
  if (error === NOTHING) return "no error";
  return {
    isConvexError: error instanceof ConvexError,
    ...(error instanceof ConvexError ? { data: error.data } : {}),
    message: error.message,
  };
}

async function failuresOf(ann) {
  const failures = {};
  for (const kind of ["query", "mutation", "action"]) {
    for (const how of ["object", "string", "null", "plain"]) {
      failures[`${kind} ${how}`] = await failureOf(() => ann[kind](api.errors[kind], { how }));
    }
  }
  failures.unknown = await failureOf(() => ann.query(api.errors.nobody, {}));
  failures["unknown mutation"] = await failureOf(() => ann.mutation(api.errors.nobody, {}));
  failures["wrong kind"] = await failureOf(() => ann.query(api.messages.send, { channel: "a", body: "b" }));
  failures["missing argument"] = await failureOf(() => ann.mutation(api.messages.send, { channel: "a" }));
  failures["wrong argument"] = await failureOf(() => ann.mutation(api.messages.send, { channel: "a", body: 5 }));
  failures.afterwards = await ann.query(api.messages.list, { channel: "a" });
  return failures;
}

const ann = client();
tell({ socket: await failuresOf(ann), http: await failuresOf(httpClient()) });
await end(ann);
