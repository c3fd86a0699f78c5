// PGlite: PostgreSQL compiled to WebAssembly, in memory.
import { load, versionOf } from "./document.mjs";

export function makePeer() {
  let db;
  const values = (d) => [d.channel, d.author, d.body, d.likes, d.pinned];
  const INSERT = "INSERT INTO messages (channel, author, body, likes, pinned) VALUES ($1, $2, $3, $4, $5) RETURNING id";
  const INSERT_MANY = `INSERT INTO messages (channel, author, body, likes, pinned)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::boolean[]) RETURNING id`;
  return {
    durable: false,
    async open() {
      const { PGlite } = await load("@electric-sql/pglite");
      db = await PGlite.create();
      await db.exec(`
        CREATE TABLE messages (id BIGSERIAL PRIMARY KEY, channel TEXT, author TEXT, body TEXT, likes BIGINT,
                               pinned BOOLEAN, created TIMESTAMPTZ DEFAULT clock_timestamp());
        CREATE INDEX by_channel ON messages (channel, created);
        CREATE TABLE counters (id BIGSERIAL PRIMARY KEY, n BIGINT);`);
      return versionOf("@electric-sql/pglite");
    },
    insert: async (document) => (await db.query(INSERT, values(document))).rows[0].id,
    async load(documents) {
      const keys = [];
      for (let from = 0; from < documents.length; from += 2000) {
        const rows = documents.slice(from, from + 2000).map(values);
        const columns = [0, 1, 2, 3, 4].map((place) => rows.map((row) => row[place]));
        const made = await db.query(INSERT_MANY, columns);
        for (const { id } of made.rows) keys.push(id);
      }
      return keys;
    },
    get: async (key) => (await db.query("SELECT * FROM messages WHERE id = $1", [key])).rows[0],
    newest: async (channel) =>
      (await db.query("SELECT * FROM messages WHERE channel = $1 ORDER BY created DESC LIMIT 10", [channel])).rows,
    count: async () => Number((await db.query("SELECT count(*) AS n FROM messages")).rows[0].n),
    makeCounter: async () => (await db.query("INSERT INTO counters (n) VALUES (0) RETURNING id")).rows[0].id,
    addOne: (key) => db.query("UPDATE counters SET n = n + 1 WHERE id = $1", [key]),
    counterValue: async (key) => Number((await db.query("SELECT n FROM counters WHERE id = $1", [key])).rows[0].n),
    close: () => db.close(),
  };
}
