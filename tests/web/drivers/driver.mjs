// What the drivers share: the server's address, how to say something to the test, how to wait for something.
//
// A driver is a program with the server's address as its first argument. It says what it has seen as JSON on stdout, one
// value a line, and the test in tests/server/ judges. It never sleeps a fixed time.

import { ConvexClient, ConvexHttpClient } from "convex/browser";
import { anyApi } from "convex/server";
import { createInterface } from "node:readline";

export const url = process.argv[2];
export const extra = process.argv.slice(3);
export const api = anyApi;

const PATIENCE_MS = 30_000;

/** Say something to the test. */
export function tell(value) {
  process.stdout.write(JSON.stringify(value) + "\n");
}

/** A client over a WebSocket; what functions print, and reconnecting, is not logged. */
export function client(options = {}) {
  return new ConvexClient(url, { logger: false, ...options });
}

/** A client over HTTP. */
export function httpClient(options = {}) {
  return new ConvexHttpClient(url, { logger: false, ...options });
}

/** Wait until `condition()` is true. */
export async function until(condition, what) {
  const end = Date.now() + PATIENCE_MS;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`waited in vain: ${what ?? condition}`);
    await new Promise((go) => setTimeout(go, 5));
  }
}

/** Every result of a query from now on, and how to stop listening. */
export function follow(from, query, args) {
  const seen = [];
  const stop = from.onUpdate(
    query,
    args,
    (value) => seen.push(value),
    (error) => seen.push({ error: error.message.split("\n").slice(0, 2).join(" "), data: error.data }),
  );
  return { seen, stop, last: () => seen[seen.length - 1] };
}

/** Results without those that say the same as the one before: with an optimistic update, each Transition makes a new one. */
export function distinct(results) {
  const texts = results.map((each) => JSON.stringify(each));
  return results.filter((_, at) => at === 0 || texts[at] !== texts[at - 1]);
}

const lines = [];
let waiting;
let input;

/** Wait for the test's next word. */
export function goOn() {
  input ??= createInterface({ input: process.stdin }).on("line", (line) => (waiting ? waiting(line) : lines.push(line)));
  return new Promise((go) => {
    if (lines.length > 0) return go(lines.shift());
    waiting = (line) => {
      waiting = undefined;
      go(line);
    };
  });
}

/** End, also where a socket is still open. */
export async function end(...clients) {
  await Promise.all(clients.map((each) => each.close()));
  input?.close();
}
