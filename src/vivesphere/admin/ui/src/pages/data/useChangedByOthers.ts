import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";

import { RECORDS_OF } from "../../api/data";
import { useStream } from "../../live/StreamProvider";

const SETTLED_MS = 400;

/**
 * Whether the table was changed since its records were read (`readAt`, of `Date.now()`). One page is read again by itself, once a
 * burst of changes is over; of several, which would all be asked for and move under the eye that reads them, it is only said.
 */
export function useChangedByOthers(name: string, pages: number, readAt: number): { stale: boolean; look: () => void } {
  const queries = useQueryClient();
  const { listen } = useStream();
  const [stale, setStale] = useState(false);
  const read = useRef(readAt);
  useEffect(() => {
    read.current = readAt;
    setStale(false);
  }, [name, readAt]);
  const look = () => void queries.invalidateQueries({ queryKey: RECORDS_OF(name) });
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const settled = (heardAt: number) => {
      // What this page changes by itself is read again at once, before the event of it has settled.
      if (read.current >= heardAt) return;
      if (pages > 1) setStale(true);
      else void queries.invalidateQueries({ queryKey: RECORDS_OF(name) });
    };
    const stop = listen(({ type, data }) => {
      if (data.table !== name || !(type.startsWith("data.record.") || type === "data.import.completed")) return;
      clearTimeout(timer);
      timer = setTimeout(settled, SETTLED_MS, Date.now());
    });
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [listen, name, pages, queries]);
  return { stale, look };
}
