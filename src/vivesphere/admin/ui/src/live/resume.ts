import type { LiveEvent } from "./events";

interface Subscribe {
  type: "subscribe";
  topic: string;
  after?: number;
  log?: string;
}

interface Control {
  id?: string | null;
  type: string;
  at?: string;
  data: Record<string, unknown>;
}

/** What a frame of the stream itself means: a line for the person, if it says that events are missing, and what to ask next. */
interface Heard {
  notice: LiveEvent | null;
  ask: Subscribe | null;
}

const NOTHING: Heard = { notice: null, ask: null };
const LOSSES = new Set(["stream.gap", "stream.dropped"]);

export function isControl(frame: unknown): frame is Control {
  if (typeof frame !== "object" || frame === null) return false;
  const { type, data } = frame as Record<string, unknown>;
  return typeof type === "string" && type.startsWith("stream.") && typeof data === "object" && data !== null;
}

/**
 * Where a page stands in the event log, so that a connection that comes back goes on behind the last recorded event it had. When
 * the server cannot go on from there, the page listens from now on, and finds out why: the log may be away for a moment, and is
 * asked again with the next heartbeat; or it is another one (a restored backup, a new installation), and that is told.
 */
export class Resume {
  #log: string | null = null;
  #newest: number | null = null;
  /** Whether events between the place and now are still to be asked for. */
  #owed = false;
  #fromPlace = false;
  #count = 0;

  constructor(private readonly topic: string) {}

  /** The first frame of a new connection. */
  begin(): Subscribe {
    this.#owed = false;
    this.#fromPlace = this.#newest !== null;
    const place = this.#newest === null ? {} : { after: this.#newest, log: this.#log ?? undefined };
    return { type: "subscribe", topic: this.topic, ...place };
  }

  had(seq: number | null): void {
    // While something is owed, the place must not move past it.
    if (seq !== null && !this.#owed) this.#newest = Math.max(this.#newest ?? seq, seq);
  }

  heard(frame: Control): Heard {
    if (LOSSES.has(frame.type)) return { notice: this.#notice(frame), ask: null };
    if (frame.type === "stream.subscribed") return this.#subscribed(frame);
    if (frame.type === "stream.error" && frame.data.topic === this.topic) return this.#ended();
    if (frame.type === "stream.heartbeat" && this.#owed) return { notice: null, ask: this.begin() };
    return NOTHING;
  }

  #subscribed(frame: Control): Heard {
    const { log, newest } = frame.data;
    // The log cannot be asked now: only what happens is sent.
    if (typeof log !== "string" || typeof newest !== "number") return NOTHING;
    const place = this.#newest;
    const other = (this.#log !== null && log !== this.#log) || (place !== null && newest < place);
    this.#log = log;
    if (other || place === null) {
      this.#newest = newest;
      this.#owed = false;
      return other ? { notice: this.#notice({ ...frame, type: "stream.other_log" }), ask: null } : NOTHING;
    }
    // Going on from an earlier place, what lies between is still to come, and the place moves with it.
    return this.#fromPlace || newest === place ? this.#nothingOwed() : { notice: null, ask: this.begin() };
  }

  #nothingOwed(): Heard {
    this.#owed = false;
    return NOTHING;
  }

  /** The server ended the subscription. Asked for nothing of the log, it cannot refuse; an answer then tells what the matter is. */
  #ended(): Heard {
    this.#owed = this.#newest !== null;
    this.#fromPlace = false;
    return { notice: null, ask: { type: "subscribe", topic: this.topic } };
  }

  #notice({ type, at, data }: Control): LiveEvent {
    this.#count += 1;
    return { id: `${type}-${this.#count}`, seq: null, type, at: at ?? new Date().toISOString(), data };
  }
}
