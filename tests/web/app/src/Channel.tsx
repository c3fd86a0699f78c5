import { useMutation, useQuery } from "convex/react";
import type { OptimisticLocalStore } from "convex/browser";
import type { FunctionArgs } from "convex/server";
import { useState, type FormEvent } from "react";
import { api } from "../convex/_generated/api";
import type { Doc, Id } from "../convex/_generated/dataModel";

/** Shows a message before the backend has it. It is replaced, without flicker, by what is really stored. */
function showAtOnce(store: OptimisticLocalStore, message: FunctionArgs<typeof api.messages.send>) {
  const args = { channel: message.channel };
  const newest = store.getQuery(api.messages.newest, args);
  if (newest === undefined) return;
  const guess = { ...message, _id: `sending ${performance.now()}` as Id<"messages">, _creationTime: Date.now() };
  store.setQuery(api.messages.newest, args, [guess, ...newest].slice(0, 8));
}

export function Channel({ author, channel }: { author: string; channel: string }) {
  const messages = useQuery(api.messages.newest, { channel });
  const send = useMutation(api.messages.send).withOptimisticUpdate(showAtOnce);
  const [body, setBody] = useState("");
  const [problem, setProblem] = useState("");

  async function submit(event: FormEvent) {
    event.preventDefault();
    setBody("");
    setProblem("");
    try {
      await send({ author, body, channel });
    } catch (error) {
      setBody(body);
      setProblem(error instanceof Error && "data" in error ? String(error.data) : "The message could not be sent.");
    }
  }

  return (
    <section className="card" aria-labelledby="newest">
      <h2 id="newest">Newest in #{channel}</h2>
      <form onSubmit={submit}>
        <input
          aria-label="Message"
          placeholder={`Say something as ${author}`}
          value={body}
          onChange={(event) => setBody(event.target.value)}
          required
        />
        <button className="primary">Send</button>
      </form>
      {problem && <p role="alert">{problem}</p>}
      {messages === undefined ? (
        <p className="quiet">Loading …</p>
      ) : messages.length === 0 ? (
        <p className="quiet">Nothing yet. Say something, or run a mutation in the notebook.</p>
      ) : (
        <ul aria-label="Newest messages">
          {messages.map((message) => (
            <Line key={message._id} message={message} />
          ))}
        </ul>
      )}
    </section>
  );
}

export function Line({ message }: { message: Doc<"messages"> }) {
  const sending = message._id.startsWith("sending");
  return (
    <li className={sending ? "sending" : undefined}>
      <strong>{message.author}</strong> <span>{message.body}</span>
      {sending && <em> sending …</em>}
    </li>
  );
}
