import { useQueryClient, type QueryClient } from "@tanstack/react-query";
import { createContext, useCallback, useContext, useEffect, useMemo, useState, type ReactNode } from "react";

import { session } from "../api/client";
import { Connection, socketUrl, type ConnectionState } from "./connection";
import { isEvent, type LiveEvent } from "./events";
import { isControl, Resume } from "./resume";

interface Stream {
  state: ConnectionState;
  /** Every event that comes, and between them notices of the stream itself (their `type` begins with `stream.`) of what is missing. */
  listen: (listener: (event: LiveEvent) => void) => () => void;
}

const StreamContext = createContext<Stream>({ state: "connecting", listen: () => () => undefined });

/** What a list on the screen shows may have changed when these events pass; the newest answer is then asked for again. */
const STALE_BY: readonly [prefix: string, query: readonly string[]][] = [
  ["bots.account.", ["bots"]],
  ["bots.bot.", ["bots"]],
  ["plugins.plugin.", ["plugins"]],
  ["plans.plan.", ["plans"]],
  ["plans.", ["runs"]],
  ["triggers.", ["triggers"]],
  ["data.table.", ["data", "tables"]],
  ["data.import.completed", ["data", "tables"]],
  ["data.backup.", ["data", "backups"]],
  ["database.grant.", ["data", "access"]],
  ["database.access_denied", ["data", "access", "refusals"]],
];

const REFRESH_PACE_MS = 300;

/** Has what an event made old read again; a burst of events reads it once in a while, not once for each. */
class Refresher {
  #stale = new Set<readonly string[]>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly queries: QueryClient) {}

  heard(topic: string): void {
    for (const [prefix, query] of STALE_BY) {
      if (topic.startsWith(prefix)) this.#stale.add(query);
    }
    if (this.#stale.size > 0) this.#timer ??= setTimeout(() => this.#refresh(), REFRESH_PACE_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #refresh(): void {
    this.#timer = undefined;
    for (const query of this.#stale) void this.queries.invalidateQueries({ queryKey: query });
    this.#stale.clear();
  }
}

/** Keeps one event stream open while somebody is signed in, and shares it with the pages. */
export function StreamProvider({ children }: { children: ReactNode }) {
  const queries = useQueryClient();
  const [state, setState] = useState<ConnectionState>("connecting");
  const listeners = useMemo(() => new Set<(event: LiveEvent) => void>(), []);

  useEffect(() => {
    let opened = 0;
    const place = new Resume(">");
    const lists = new Refresher(queries);
    const tell = (event: LiveEvent) => {
      for (const listener of listeners) listener(event);
    };
    const connection = new Connection({
      url: socketUrl("/api/v1/stream"),
      token: () => session.accessToken,
      onOpen: (send) => {
        send(place.begin());
        // What happened while the stream was away is read again.
        if (opened++ > 0) void queries.invalidateQueries();
      },
      onFrame: (frame) => {
        if (isEvent(frame)) {
          place.had(frame.seq);
          lists.heard(frame.type);
          tell(frame);
        } else if (isControl(frame)) {
          const { notice, ask } = place.heard(frame);
          if (notice) tell(notice);
          if (ask) connection.send(ask);
        }
      },
      onState: setState,
      onUnauthorised: () => session.refresh(),
    });
    return () => {
      lists.stop();
      connection.close();
    };
  }, [queries, listeners]);

  // The same function for ever: who listens must not stop and begin again, and miss something, because the connection came back.
  const listen = useCallback<Stream["listen"]>(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    [listeners],
  );
  const stream = useMemo<Stream>(() => ({ state, listen }), [state, listen]);
  return <StreamContext value={stream}>{children}</StreamContext>;
}

export function useStream(): Stream {
  return useContext(StreamContext);
}
