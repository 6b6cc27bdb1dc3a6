import { delayBefore } from "./backoff";

export type ConnectionState = "connecting" | "open" | "waiting" | "closed";

interface Wiring {
  url: string;
  onOpen?: (send: (frame: unknown) => void) => void;
  onFrame: (frame: unknown) => void;
  onState: (state: ConnectionState) => void;
  /** The server refused the cookies: a chance to renew them before the next attempt. */
  onUnauthorised: () => Promise<unknown>;
  /** The server will not have this connection, signed in or not, and said why; it is not tried again by itself. */
  onRefused?: (reason: string) => void;
}

const STABLE_AFTER_MS = 5_000;

// The server closes with 4000 + the HTTP status of the refusal.
const UNAUTHORISED = 4401;
const REFUSED = new Set([4400, 4403, 4404]);

/** One WebSocket that comes back. It signs in by the cookies, as every request of the page does. */
export class Connection {
  #socket: WebSocket | null = null;
  #attempt = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #settled: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(private readonly wiring: Wiring) {
    this.#open();
    addEventListener("online", this.retryNow);
  }

  /** False when the frame could not be handed to an open connection. */
  send(frame: unknown): boolean {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  close(): void {
    this.#closed = true;
    removeEventListener("online", this.retryNow);
    clearTimeout(this.#retry);
    clearTimeout(this.#settled);
    this.#socket?.close(1000);
    this.wiring.onState("closed");
  }

  readonly retryNow = (): void => {
    if (this.#closed || this.#socket !== null) return;
    clearTimeout(this.#retry);
    this.#attempt = 0;
    this.#open();
  };

  #open(): void {
    this.wiring.onState("connecting");
    const socket = new WebSocket(this.wiring.url, ["vivesphere.v1"]);
    this.#socket = socket;
    socket.onopen = () => {
      // A server that accepts and closes at once must still meet the back-off.
      this.#settled = setTimeout(() => (this.#attempt = 0), STABLE_AFTER_MS);
      this.wiring.onState("open");
      this.wiring.onOpen?.((frame) => this.send(frame));
    };
    socket.onmessage = (message: MessageEvent<string>) => this.wiring.onFrame(JSON.parse(message.data));
    socket.onclose = (event) => void this.#lost(event.code, event.reason);
  }

  async #lost(code: number, reason: string): Promise<void> {
    clearTimeout(this.#settled);
    this.#socket = null;
    if (this.#closed) return;
    if (REFUSED.has(code)) {
      this.wiring.onState("closed");
      this.wiring.onRefused?.(reason);
      return;
    }
    this.wiring.onState("waiting");
    // A refresh that cannot reach the server fails, too; the next attempt then finds out the same.
    if (code === UNAUTHORISED) await this.wiring.onUnauthorised().catch(() => undefined);
    if (this.#closed) return;
    this.#retry = setTimeout(() => this.#open(), delayBefore(this.#attempt));
    this.#attempt += 1;
  }
}

export function socketUrl(path: string): string {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`;
}
