// The child's side in JavaScript: the same commands as benchmarks/worker.py.
import { createInterface } from "node:readline";
import { makeDocument, channelName, summaryOf, nowNs } from "./document.mjs";

const { makePeer } = await import(`./${process.argv[2]}`);
const peer = makePeer();
let keys = [];
let channels = 100;
let next = 0;
let acknowledged = 0;

const nap = () => new Promise((resolve) => setImmediate(resolve));

async function timeEach(call, values) {
  const samples = [];
  for (const value of values) {
    const started = nowNs();
    const pending = call(value);
    // What answers at once is not made to wait for a turn of the loop.
    if (pending && typeof pending.then === "function") await pending;
    samples.push(nowNs() - started);
  }
  return summaryOf(samples);
}

async function allCallers(callers, seconds, call) {
  const done = new Array(callers).fill(0);
  const started = performance.now();
  const deadline = started + seconds * 1000;
  const run = async (caller) => {
    while (performance.now() < deadline) {
      await call(caller, done[caller]);
      done[caller] += 1;
      if (!(done[caller] & 15)) await nap();
    }
  };
  await Promise.all(done.map((_, caller) => run(caller)));
  const took = (performance.now() - started) / 1000;
  return { total: done.reduce((a, b) => a + b, 0), took };
}

const pick = (list) => list[Math.floor(Math.random() * list.length)];

const commands = {
  async open({ folder }) {
    const version = await peer.open(folder);
    return { version, durable: peer.durable, styles: ["async"] };
  },
  async load({ documents, channels: wanted = 100, forget = false }) {
    channels = wanted;
    const started = performance.now();
    const made = Array.from({ length: documents }, (_, i) => makeDocument(next + i, channels));
    for (const key of await peer.load(made)) if (!forget) keys.push(key);
    next += documents;
    acknowledged += documents;
    return (performance.now() - started) / 1000;
  },
  async insert({ seconds, at_most }) {
    const samples = [];
    const deadline = performance.now() + seconds * 1000;
    while (samples.length < at_most && performance.now() < deadline) {
      const document = makeDocument(next++, channels);
      const started = nowNs();
      await peer.insert(document);
      samples.push(nowNs() - started);
    }
    acknowledged += samples.length;
    return summaryOf(samples);
  },
  get: ({ calls }) => timeEach((key) => peer.get(key), Array.from({ length: calls }, () => pick(keys))),
  async newest({ calls }) {
    const wanted = Array.from({ length: calls }, () => channelName(Math.floor(Math.random() * channels)));
    const found = await peer.newest(wanted[0]);
    if (found.length !== 10 || found[0].channel !== wanted[0]) throw new Error("newest gave the wrong rows");
    return timeEach((channel) => peer.newest(channel), wanted);
  },
  async callers({ callers, seconds }) {
    const from = next;
    next += 1;
    const { total, took } = await allCallers(callers, seconds, (caller, turn) =>
      peer.insert(makeDocument(from + caller * 10_000_000 + turn, channels)),
    );
    acknowledged += total;
    return { per_second: total / took };
  },
  async counters({ callers, seconds, contended }) {
    const distinct = [];
    for (let i = 0; i < (contended ? 1 : callers); i++) distinct.push(await peer.makeCounter());
    const { total, took } = await allCallers(callers, seconds, (caller) =>
      peer.addOne(distinct[caller % distinct.length]),
    );
    let kept = 0;
    for (const counter of distinct) kept += await peer.counterValue(counter);
    return { per_second: total / took, lost: total - kept };
  },
  async count() {
    return { stored: await peer.count(), acknowledged };
  },
  async memory() {
    global.gc();
    await nap();
    global.gc();
    return process.memoryUsage().rss / 1e6;
  },
  async close() {
    await peer.close();
    return null;
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  let reply;
  try {
    reply = { ok: (await commands[request.do](request)) ?? null };
  } catch (problem) {
    console.error(problem);
    reply = { failed: String(problem).split("\n")[0] };
  }
  process.stdout.write(JSON.stringify(reply) + "\n");
  if (request.do === "close") process.exit(0);
}
