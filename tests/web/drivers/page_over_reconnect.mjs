// A page keeps its end while the client is away: one page of five, said before and after the server's absence.
import { api, client, end, goOn, tell, until } from "./driver.mjs";

const ann = client();
const seen = [];
ann.onPaginatedUpdate_experimental(api.items.page, {}, { initialNumItems: 5 }, (result) =>
  seen.push(result.results.map((item) => item.rank)),
);
await until(() => seen.at(-1)?.length === 5, "the page");
tell(seen.at(-1));
await goOn();
const connections = () => ann.connectionState().connectionCount;
await until(() => connections() >= 2 && seen.at(-1).length !== 5, "the page after the reconnect");
await ann.mutation(api.items.insert, { ranks: [1.5] });
tell(seen.at(-1));
await end(ann);
