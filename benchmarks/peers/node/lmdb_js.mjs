// lmdb-js: writes of one turn are one transaction; a promise resolves when that is on disk.
import { load, versionOf } from "./document.mjs";

export function makePeer() {
  let root, messages, byChannel, counters;
  let next = 0;
  let ticks = 0;
  const put = (document) => {
    const id = ++next;
    messages.put(id, { id, ...document });
    return byChannel.put([document.channel, ++ticks], id).then(() => root.flushed).then(() => id);
  };
  return {
    durable: true,
    async open(folder) {
      const { open } = await load("lmdb");
      // overlappingSync is its default: a put resolves when committed, `flushed` when it is on disk.
      root = open({ path: `${folder}/lmdb`, mapSize: 4 * 2 ** 30 });
      messages = root.openDB({ name: "messages" });
      byChannel = root.openDB({ name: "by_channel" });
      counters = root.openDB({ name: "counters" });
      return versionOf("lmdb");
    },
    insert: put,
    async load(documents) {
      const keys = [];
      for (let from = 0; from < documents.length; from += 5000)
        keys.push(...(await Promise.all(documents.slice(from, from + 5000).map(put))));
      return keys;
    },
    get: (key) => messages.get(key),
    newest: (channel) =>
      Array.from(
        byChannel.getRange({ start: [channel, Infinity], end: [channel], reverse: true, limit: 10 }),
        ({ value }) => messages.get(value),
      ),
    count: () => messages.getCount(),
    async makeCounter() {
      const id = ++next;
      await counters.put(id, 0);
      return id;
    },
    addOne: (key) => counters.transaction(() => counters.put(key, counters.get(key) + 1)).then(() => root.flushed),
    counterValue: (key) => counters.get(key),
    close: () => root.close(),
  };
}
