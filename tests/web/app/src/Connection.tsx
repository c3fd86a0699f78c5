import { useConvexConnectionState } from "convex/react";

export function Connection({ url }: { url: string }) {
  const { isWebSocketConnected, hasEverConnected, inflightMutations } = useConvexConnectionState();
  const state = isWebSocketConnected ? "connected" : hasEverConnected ? "reconnecting …" : "connecting …";
  return (
    <p className="connection" role="status" aria-label="Connection" data-connected={isWebSocketConnected}>
      <span className="dot" aria-hidden="true" /> {state}
      {inflightMutations > 0 && `, ${inflightMutations} on the way`} <code>{url}</code>
    </p>
  );
}
