import { microsOf } from "../parts/duration";
import { merged, type LiveEvent } from "./events";

/** What the tail keeps of what arrived, newest first. While paused, arrivals go to `held`, of which the newest `KEPT` are kept. */
export interface Tail {
  arrived: readonly LiveEvent[];
  held: readonly LiveEvent[];
  /** How many came while paused, also those that are no longer kept. */
  heldCount: number;
  /** The moment of the newest event on the page when it was paused; null while it runs. */
  pausedAt: string | null;
}

export const KEPT = 300;
const BEFORE_ALL = "1970-01-01T00:00:00Z";

export const EMPTY: Tail = { arrived: [], held: [], heldCount: 0, pausedAt: null };

/** With events that just came, in the order in which they came. */
export function withArrivals(tail: Tail, events: readonly LiveEvent[]): Tail {
  const newest = [...events].reverse();
  if (tail.pausedAt === null) return { ...tail, arrived: merged(newest, tail.arrived, KEPT) };
  const known = new Set([...tail.arrived, ...tail.held].map(({ id }) => id));
  const fresh = events.filter(({ id }) => !known.has(id)).length;
  return { ...tail, held: merged(newest, tail.held, KEPT), heldCount: tail.heldCount + fresh };
}

export function paused(tail: Tail, newest: string | undefined): Tail {
  return { ...tail, pausedAt: newest ?? BEFORE_ALL };
}

export function resumed(tail: Tail): Tail {
  return { arrived: merged(tail.held, tail.arrived, KEPT), held: [], heldCount: 0, pausedAt: null };
}

/** What stands on the page: arrivals and what the log had, newest first. The log's later answers do not break a pause. */
export function onPage(tail: Tail, fromLog: readonly LiveEvent[], wanted: (event: LiveEvent) => boolean): LiveEvent[] {
  const limit = tail.pausedAt === null ? Infinity : microsOf(tail.pausedAt);
  const logged = fromLog.filter(({ at }) => microsOf(at) <= limit);
  return merged(tail.arrived.filter(wanted), logged.filter(wanted), KEPT);
}
