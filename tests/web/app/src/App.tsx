import { useState } from "react";
import { Channel } from "./Channel";
import { Connection } from "./Connection";
import { History } from "./History";

const CHANNELS = ["general", "birds", "random"];

export function App({ author, url }: { author: string; url: string }) {
  const [channel, setChannel] = useState(CHANNELS[0]!);
  return (
    <>
      <header>
        <h1>Channels</h1>
        <Connection url={url} />
      </header>
      <nav aria-label="Channels">
        {CHANNELS.map((name) => (
          <button key={name} aria-pressed={name === channel} onClick={() => setChannel(name)}>
            # {name}
          </button>
        ))}
      </nav>
      <main>
        <Channel key={`newest ${channel}`} author={author} channel={channel} />
        <History key={`history ${channel}`} channel={channel} />
      </main>
    </>
  );
}
