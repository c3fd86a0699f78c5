// better-sqlite3: SQLite in WAL mode with synchronous=FULL, prepared statements.
import { load, versionOf } from "./document.mjs";

export function makePeer() {
  let db, insert, get, newest, addOne;
  const row = (document) => ({ ...document, pinned: document.pinned ? 1 : 0, created: Date.now() + Math.random() });
  return {
    durable: true,
    async open(folder) {
      const Database = (await load("better-sqlite3")).default;
      db = new Database(`${folder}/bench.sqlite`);
      db.pragma("journal_mode = WAL");
      db.pragma("synchronous = FULL");
      db.exec(`
        CREATE TABLE messages (id INTEGER PRIMARY KEY, channel TEXT, author TEXT, body TEXT, likes INTEGER,
                               pinned INTEGER, created REAL);
        CREATE INDEX by_channel ON messages (channel, created);
        CREATE TABLE counters (id INTEGER PRIMARY KEY, n INTEGER);`);
      insert = db.prepare(`INSERT INTO messages (channel, author, body, likes, pinned, created)
                           VALUES (@channel, @author, @body, @likes, @pinned, @created)`);
      get = db.prepare("SELECT * FROM messages WHERE id = ?");
      newest = db.prepare("SELECT * FROM messages WHERE channel = ? ORDER BY created DESC LIMIT 10");
      addOne = db.prepare("UPDATE counters SET n = n + 1 WHERE id = ?");
      return versionOf("better-sqlite3");
    },
    insert: (document) => insert.run(row(document)).lastInsertRowid,
    load: (documents) => db.transaction((all) => all.map((d) => insert.run(row(d)).lastInsertRowid))(documents),
    get: (key) => get.get(key),
    newest: (channel) => newest.all(channel),
    count: () => db.prepare("SELECT count(*) AS n FROM messages").get().n,
    makeCounter: () => db.prepare("INSERT INTO counters (n) VALUES (0)").run().lastInsertRowid,
    addOne: (key) => addOne.run(key),
    counterValue: (key) => db.prepare("SELECT n FROM counters WHERE id = ?").get(key).n,
    close: () => db.close(),
  };
}
