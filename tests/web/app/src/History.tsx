import { usePaginatedQuery } from "convex/react";
import { api } from "../convex/_generated/api";
import { Line } from "./Channel";

const PAGE = 5;

export function History({ channel }: { channel: string }) {
  const { results, status, loadMore } = usePaginatedQuery(
    api.messages.history,
    { channel },
    { initialNumItems: PAGE },
  );
  return (
    <section className="card" aria-labelledby="history">
      <h2 id="history">From the beginning</h2>
      <ol aria-label="History" aria-busy={status === "LoadingFirstPage" || status === "LoadingMore"}>
        {results.map((message) => (
          <Line key={message._id} message={message} />
        ))}
      </ol>
      <footer>
        <button onClick={() => loadMore(PAGE)} disabled={status !== "CanLoadMore"}>
          Load more
        </button>
        <span role="status">
          {results.length} shown{status === "Exhausted" ? ", that is all" : ""}
        </span>
      </footer>
    </section>
  );
}
