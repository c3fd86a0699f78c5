// The document of benchmarks/document.py, and what every Node adapter needs.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const TEXT = "a message of some words";
const find = createRequire(`${process.env.BENCH_NODE_FOLDER}/package.json`);

export const channelName = (number) => `channel-${String(number).padStart(6, "0")}`;

export const makeDocument = (number, channels = 100) => ({
  channel: channelName(number % channels),
  author: `user-${String((number * 7919) % 1000).padStart(3, "0")}`,
  body: `${String(number).padStart(9, "0")} ${TEXT}`,
  likes: number % 50,
  pinned: number % 10 === 0,
});

export const nowNs = () => Number(process.hrtime.bigint());

export function summaryOf(samples) {
  const ordered = [...samples].sort((a, b) => a - b);
  const half = ordered.length >> 1;
  const middle = ordered.length % 2 ? ordered[half] : (ordered[half - 1] + ordered[half]) / 2;
  const late = ordered[Math.min(ordered.length - 1, Math.floor(ordered.length * 0.99))];
  return { p50: middle / 1000, p99: late / 1000, n: ordered.length };
}

// Packages live in the build folder, not beside this file.
const loader = await import(pathToFileURL(`${process.env.BENCH_NODE_FOLDER}/load.mjs`).href);
export const load = loader.default;
export const versionOf = (name) => {
  return find(`${process.env.BENCH_NODE_FOLDER}/node_modules/${name}/package.json`).version;
};
