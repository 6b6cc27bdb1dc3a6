import { useQueryClient, type QueryClient } from "@tanstack/react-query";
import { createContext, useContext, useEffect, useMemo, useState, type ReactNode } from "react";

import { session } from "../api/client";
import { Connection, socketUrl, type ConnectionState } from "./connection";
import { isEvent, type LiveEvent } from "./events";

interface Stream {
  state: ConnectionState;
  listen: (listener: (event: LiveEvent) => void) => () => void;
}

const StreamContext = createContext<Stream>({ state: "connecting", listen: () => () => undefined });

/** What a list on the screen shows may have changed when these events pass; the newest answer is then asked for again. */
const STALE_BY: readonly [prefix: string, query: string][] = [
  ["bots.account.", "bots"],
  ["bots.bot.", "bots"],
  ["plugins.plugin.", "plugins"],
  ["plans.plan.", "plans"],
  ["plans.", "runs"],
  ["triggers.", "triggers"],
];

function refreshLists(queries: QueryClient, topic: string): void {
  for (const [prefix, query] of STALE_BY) {
    if (topic.startsWith(prefix)) void queries.invalidateQueries({ queryKey: [query] });
  }
}

/** Keeps one event stream open while somebody is signed in, and shares it with the pages. */
export function StreamProvider({ children }: { children: ReactNode }) {
  const queries = useQueryClient();
  const [state, setState] = useState<ConnectionState>("connecting");
  const listeners = useMemo(() => new Set<(event: LiveEvent) => void>(), []);

  useEffect(() => {
    let opened = 0;
    const connection = new Connection({
      url: socketUrl("/api/v1/stream"),
      token: () => session.accessToken,
      onOpen: (send) => {
        send({ type: "subscribe", topic: ">" });
        // What happened while the stream was away is read again.
        if (opened++ > 0) void queries.invalidateQueries();
      },
      onFrame: (frame) => {
        if (!isEvent(frame)) return;
        refreshLists(queries, frame.type);
        for (const listener of listeners) listener(frame);
      },
      onState: setState,
      onUnauthorised: () => session.refresh(),
    });
    return () => connection.close();
  }, [queries, listeners]);

  const stream = useMemo<Stream>(
    () => ({
      state,
      listen: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    }),
    [state, listeners],
  );
  return <StreamContext value={stream}>{children}</StreamContext>;
}

export function useStream(): Stream {
  return useContext(StreamContext);
}
