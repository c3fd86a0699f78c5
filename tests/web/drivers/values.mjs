// Every kind of value there and back, through each kind of function, stored and not; and what Python sees of it.
import assert from "node:assert/strict";
import { api, client, end, httpClient, tell } from "./driver.mjs";

const bytes = (...items) => new Uint8Array(items).buffer;
const VALUES = {
  null: null,
  true: true,
  zero: 0,
  "minus zero": -0,
  fraction: 0.1,
  "large number": 1.7976931348623157e308,
  "small number": 5e-324,
  "largest whole number": Number.MAX_SAFE_INTEGER,
  NaN: NaN,
  Infinity: Infinity,
  "-Infinity": -Infinity,
  int64: 7n,
  "smallest int64": -(2n ** 63n),
  "largest int64": 2n ** 63n - 1n,
  "empty bytes": bytes(),
  bytes: bytes(0, 16, 131, 255),
  "a million bytes": new Uint8Array(1_000_000).fill(7).buffer,
  "empty text": "",
  text: "grüß\u0000 \u{1F427} \u2028",
  "empty array": [],
  "empty object": {},
  nested: { a: [1n, [-0, NaN], { b: bytes(1), "c d": null }], _e: [[[[]]]] },
};
const SMALL = Object.entries(VALUES).filter(([name]) => name !== "a million bytes");

const ann = client();
const web = httpClient();
const problems = [];
for (const [name, value] of Object.entries(VALUES)) {
  for (const [door, from] of Object.entries({ socket: ann, http: web })) {
    for (const kind of ["query", "mutation", "action"]) {
      try {
        assert.deepStrictEqual(await from[kind](api.values[kind], { value }), value);
      } catch (error) {
        problems.push(`${name} by ${kind} over ${door}: ${error.message}`);
      }
    }
  }
}
const described = {};
for (const [name, value] of SMALL) described[name] = await ann.query(api.values.describe, { value });
tell({ problems, described });
await end(ann);
