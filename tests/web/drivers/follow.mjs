// Follow one query, and say each result until the test has heard enough: follow.mjs URL PATH ARGS
import { client, end, extra, goOn, tell } from "./driver.mjs";

const [path, args] = extra;
const follower = client();
follower.onUpdate(path, JSON.parse(args), tell, (error) => tell({ error: error.message }));
await goOn();
await end(follower);
