import { ConvexProvider, ConvexReactClient } from "convex/react";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import "./style.css";

const root = createRoot(document.getElementById("root")!);
const parameters = new URLSearchParams(location.search);
const url = parameters.get("url");

if (url === null) {
  root.render(
    <main className="card">
      <h1>Which backend?</h1>
      <p>
        Run <code>%convex url</code> in the notebook, and add its address to this page’s own:{" "}
        <code>?url=http://127.0.0.1:3210</code>
      </p>
    </main>,
  );
} else {
  const convex = new ConvexReactClient(url);
  root.render(
    <StrictMode>
      <ConvexProvider client={convex}>
        <App author={parameters.get("author") ?? "somebody"} url={url} />
      </ConvexProvider>
    </StrictMode>,
  );
}
