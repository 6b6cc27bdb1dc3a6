import type { EventRecord } from "../api/types";
import { microsOf } from "../parts/duration";

/** An event as the stream sends it. The stream's own control frames have types that begin with `stream.`. */
export interface LiveEvent {
  id: string;
  seq: number | null;
  type: string;
  at: string;
  data: Record<string, unknown>;
}

export function isEvent(frame: unknown): frame is LiveEvent {
  if (typeof frame !== "object" || frame === null) return false;
  const { id, type, at, data } = frame as Record<string, unknown>;
  const named = typeof id === "string" && typeof type === "string" && typeof at === "string";
  return named && !type.startsWith("stream.") && typeof data === "object" && data !== null;
}

export function fromRecord(record: EventRecord): LiveEvent {
  return { id: record.id, seq: record.seq ?? null, type: record.topic, at: record.at, data: record.data as Record<string, unknown> };
}

/** The two lists as one, newest first, each event once, no longer than `limit`. */
export function merged(newer: readonly LiveEvent[], older: readonly LiveEvent[], limit: number): LiveEvent[] {
  const seen = new Set<string>();
  return [...newer, ...older]
    .filter(({ id }) => !seen.has(id) && seen.add(id))
    .sort((a, b) => microsOf(b.at) - microsOf(a.at) || (b.seq ?? 0) - (a.seq ?? 0))
    .slice(0, limit);
}
